# Everything that a checkout needs: `make demo` and `make test` set up whatever they use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
# Extra arguments for pytest: make test ARGS='-k intake'
ARGS ?=

DOCKER_WORKS := docker info >/dev/null 2>&1
BUBBLEWRAP_WORKS := bwrap --unshare-all --ro-bind / / true 2>/dev/null
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format template bench peers scale image lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(STAMP) ## Make .venv with the locked packages and the grader
	@:

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "The grader needs Python 3.11 or newer; '$(PYTHON)' is older, or not there." >&2; \
		echo "Name another: make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "The virtual environment $(VENV) could not be made (see above)." >&2; \
		echo "On Debian and Ubuntu, venv is a package: apt-get install python3-venv" >&2; \
		exit 1; }
	@$(PIP) install --require-hashes --only-binary=:all: --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Grade example archives, in the best sandbox that works here
	@if $(DOCKER_WORKS) && $(BIN)/grader image build; then \
		sandbox=docker; \
	elif $(BUBBLEWRAP_WORKS); then \
		sandbox=bubblewrap; \
	else \
		sandbox=process; \
		echo "Neither Docker nor bubblewrap works here, so the demo's code runs as a plain" >&2; \
		echo "process. This is NOT isolated: it could read and change your files. That is fine" >&2; \
		echo "for the demo's own examples, and never for students' work. On Debian:" >&2; \
		echo "apt-get install bubblewrap, or docker.io." >&2; \
	fi; \
	$(BIN)/grader demo --out demo-out --sandbox $$sandbox

# Where sandboxes are required, an image that cannot be built is a failure; elsewhere pytest says
# which tests it skips.
test: setup ## Run the tests, in two halves at once (with ARGS, one pytest with these)
	@if $(DOCKER_WORKS); then \
		$(BIN)/grader image build || [ -z "$$GRADER_REQUIRE_SANDBOXES" ]; \
	fi
	@$(BIN)/python $(if $(strip $(ARGS)),-m pytest $(ARGS),tests/side_by_side.py)

check: setup ## Check format, lint and types, then run the tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(MAKE) test

format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

template: setup ## Make student_template/ anew from reference/
	@$(BIN)/python reference/make_template.py

bench: image ## Measure the sandbox against plain pytest, training against numpy, three networks against each other
	@$(BIN)/python tests/benchmarks/layer_items.py
	@$(BIN)/python tests/benchmarks/training_loop.py
	@$(BIN)/python tests/benchmarks/demo_networks.py

# otter-grader and gradescope-utils stay out of .venv: no part of the grader uses them.
PEERS_ENV := build/peers-env
$(PEERS_ENV)/bin/otter:
	@$(PYTHON) -m venv $(PEERS_ENV)
	@$(PEERS_ENV)/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[peers]'

peers: image $(PEERS_ENV)/bin/otter ## Measure a batch against plain pytest and other graders
	@$(BIN)/python tests/benchmarks/batch_layer_items.py

scale: setup ## Measure the memory of batches and regrades of growing size, and a run where nothing changed
	@$(BIN)/python tests/benchmarks/batch_scale.py

image: setup ## Build the Docker sandbox's image, if it is out of date
	@$(BIN)/grader image build

# pip-tools stays out of .venv: it would bring pip itself into the lock. A lock that is there
# keeps its versions where they still fit; remove the files first to take the newest.
LOCK_ENV := build/lock-env
COMPILE := CUSTOM_COMPILE_COMMAND='make lock' $(CURDIR)/$(LOCK_ENV)/bin/pip-compile --quiet \
	--generate-hashes --allow-unsafe --strip-extras --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: ## Pin the packages of pyproject.toml and of the image, with hashes
	@$(PYTHON) -m venv $(LOCK_ENV)
	@$(LOCK_ENV)/bin/python -m pip --disable-pip-version-check --quiet install pip-tools
	@$(COMPILE) --extra dev --extra cluster --build-deps-for editable --output-file requirements.lock pyproject.toml
	@cd docker && $(COMPILE) --output-file requirements.lock requirements.in

clean: ## Remove everything that make made, .venv included
	@rm -rf $(VENV) build dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
