"""Starts a hidden case from an example that works."""

from __future__ import annotations

import re
from pathlib import Path

from grader.atomic_file import write_atomically
from grader.errors import ConfigurationError
from grader.lab import Project

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_EXAMPLES = {
    "full": """\
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    x = rng.standard_normal((n_b, n_i))
    W, b = rng.standard_normal((n_o, n_i)), rng.standard_normal((1, n_o))
    layer = FullLayer(n_i, n_o)
    layer.W, layer.b = W.copy(), b.copy()
    compare.array("forward(x)", layer.forward(x.copy()), expected_values.full(x, W, b[0]))
""",
    "relu": """\
    x = rng.standard_normal(batch_sizes(rng, "wide"))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(x, y_grad))
""",
    "softmax": """\
    x = rng.standard_normal(batch_sizes(rng, "wide"))
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.softmax_gradient(x, y_grad))
""",
    "cross_entropy": """\
    z, t = probabilities(rng, 5, 3)
    loss = CrossEntropyLayer().forward(z.copy(), t.copy())
    compare.scalar("forward(x, t)", loss, expected_values.cross_entropy(z, t))
""",
    "sequential": """\
    network, x, t = network_and_batch(rng, full_layers=2)
    sequential = Sequential(network.layers[:], network.loss)
    y = sequential.forward(x.copy())
    compare.array("forward(x)", y, expected_values.network(network.parameters, x))
""",
}


def add_case(project: Project, item: str, case: str, about: str, weight: float) -> str:
    """Append a case to an item's hidden tests.

    Parameters
    ----------
    project : Project
        A full checkout.
    item : str
        The rubric item.
    case : str
        The case's id: lower-case words joined by hyphens.
    about : str
        The sentence that students are shown.
    weight : float
        What the case is worth, relative to the item's others.

    Returns
    -------
    str
        File and line of the new test, relative to the project.

    Raises
    ------
    ConfigurationError
        If the item, id or weight cannot be, or the id is taken.
    """
    if item not in _EXAMPLES:
        raise ConfigurationError(
            f"No tests decide the item {item!r}.", f"Choose from {', '.join(_EXAMPLES)}."
        )
    if not _ID.fullmatch(case):
        raise ConfigurationError(
            f"The case id {case!r} is not lower-case words joined by hyphens.",
            "Choose one such as large-logits.",
        )
    if weight <= 0:
        raise ConfigurationError(f"The weight {weight:g} is not above 0.", "Give a positive one.")
    path = project.hidden_tests / f"test_{item}.py"
    text = _read(path)
    name = f"test_{case.replace('-', '_')}"
    if f'id="{case}"' in text or f"def {name}(" in text:
        raise ConfigurationError(
            f"{path.name} has a case {case!r} already.", "Choose another id, or edit that one."
        )
    header = (
        f"@pytest.mark.case(\n    id={_quoted(case)},\n    weight={weight:g},\n"
        f"    about={_quoted(about)},\n)\n"
        f"def {name}(rng: np.random.Generator, compare: Comparison) -> None:\n"
    )
    before = text.rstrip("\n") + "\n\n\n"
    write_atomically(path, (before + header + _EXAMPLES[item]).encode())
    line = before.count("\n") + header.count("\n")
    return f"{path.relative_to(project.root)}:{line}"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be read ({error.strerror}).", "Work in a full checkout."
        ) from error


def _quoted(text: str) -> str:
    """Return a string literal in double quotes, as the formatter would have it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
