#!/usr/bin/env bash
# Gradescope runs this once, as root, to make the autograder's image. It needs no network where the
# image has Python 3.11 and the packages, or where wheels/ holds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Hidden tests and reference are root's alone; student code runs as somebody else.
chmod -R go-rwx .

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3.11 python3.11-venv
    python=$(find_python)
fi

export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
if compgen -G 'wheels/*.whl' >/dev/null; then
    export PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheels
    for wheel in wheels/pip-*.whl; do
        # An image without pip can run it from its own wheel.
        "$python" -m pip --version >/dev/null 2>&1 || PYTHONPATH=$PYTHONPATH:$PWD/$wheel
    done
fi

if ! "$python" -c 'import grader.autograder.run' 2>/dev/null; then
    if ! "$python" -m venv .venv; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$(basename "$python")-venv"
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --require-hashes --only-binary=:all: \
        --requirement requirements.lock
    python=$PWD/.venv/bin/python
fi
echo "$python" >.python

# What student code may import, in a folder of its own that everybody can read.
"$python" -m grader.autograder.run --prepare
chmod -R go-rwx .
