"""What the siblings share: the option `--seed` and the generator that it seeds.

A sibling shows the same class of failure as the hidden case of its name, with shapes and values
of its own: `test_large_logits` in `test_softmax.py` is the sibling of `softmax/large-logits`. Run
one with `grader check --case softmax/large-logits`.
"""

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--seed`."""
    parser.addoption("--seed", type=int, default=0, help="any number: other shapes and values")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator that depends on the sibling and the seed alone."""
    text = f"{request.path.stem} {request.node.name} {request.config.getoption('--seed')}"
    return np.random.default_rng(list(text.encode()))
