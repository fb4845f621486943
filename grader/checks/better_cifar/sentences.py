"""What students and staff are told about better_cifar.py."""

from __future__ import annotations

from collections.abc import Sequence

from grader.baseline.measure import Baseline
from grader.checks.better_cifar.desk import TestImages
from grader.checks.better_cifar.measuring import Way
from grader.checks.better_cifar.training import Ending, Measured, Training
from grader.checks.better_cifar.verdict import Comparison
from grader.intake import listed
from grader.plain_text import printable

NO_SCRIPT = "There is no better_cifar.py, so nothing could be trained."
NO_NETWORK = (
    "better_cifar.py ran to its end but trained no Sequential of your layers package. Train one, "
    "and keep it in a variable."
)
NO_DATA = (
    "better_cifar.py ran to its end but never called cifar100 of layers.dataset, so it trained on "
    "nothing that could be measured. Call cifar100 with your number."
)
NO_ANSWER = (
    "better_cifar.py trained a network, but its predictions for the test images could not be had: "
    "neither its predict nor its weights gave one class for each image. A person will look at it."
)
TOO_CLOSE = (
    "That is too close to call on this many images, so a person will decide. It is no fault of "
    "yours."
)
GIVEN_SHAPE_FAILED = "It has the given network's own layers and widths: build another one."
GIVEN_SHAPE = (
    "Your best network has the given network's own layers and widths. Whether another training "
    "makes it a better network is for a person to decide."
)

_WAYS = {
    Way.WEIGHTS: "computed from its weights",
    Way.PREDICT: "asked through its predict",
    Way.ANSWERS: "answered to the script, which transforms its images",
}


def compared(best: Measured, comparison: Comparison) -> str:
    """Say how the best network did beside the baseline."""
    return (
        f"Your best network ({_shape(best)}) gets {_percent(comparison.accuracy)} of the test "
        f"images right, the given network {_percent(comparison.baseline)} on average. The "
        f"difference is {_points(comparison.difference)} percentage points (95 % interval "
        f"{_points(comparison.low)} to {_points(comparison.high)})."
    )


def other_library(modules: Sequence[str]) -> str:
    """Say that a network of another library is none of the student's own."""
    return (
        f"better_cifar.py imports {listed(list(modules))}, and trained no Sequential of your "
        "layers package. The lab asks for a network built of your own layers; one of a library "
        "does not count."
    )


def not_better(comparison: Comparison) -> str:
    """Say why the points are not given."""
    if comparison.difference > 0:
        return "That is not enough to tell it from the given network."
    return "That is not better than the given network."


def ended(training: Training) -> str:
    """Say how a script ended that did not come to its end."""
    if training.ending is Ending.RAISED:
        return f"better_cifar.py raised an error: {training.said}"
    said = f"better_cifar.py did not come to its end: {training.said}."
    if training.ending in (Ending.CPU, Ending.WALL) and training.networks:
        said += " What it had trained by then was measured."
    return said


def other_seed(seeds: Sequence[int], wanted: int) -> str:
    """Say that the student's number is another one."""
    used = ", ".join(str(seed) for seed in seeds) or "none"
    return (
        f"The script calls cifar100 with {used}, and your number is {wanted}. A person will look "
        "at this item."
    )


def large_files(paths: Sequence[str]) -> str:
    """Say that the archive holds what could be a trained network."""
    return (
        f"The archive holds {listed(list(paths))}, large enough for a trained network. A person "
        "will look at this item."
    )


def remarks(training: Training, digest: str) -> tuple[str, ...]:
    """Say how it was measured."""
    said = []
    if training.shown is TestImages.REAL:
        said.append(
            "Your script transforms its images, so it was run again with the test images "
            "themselves (their labels withheld), and its own predictions for them count."
        )
    if training.seeds:
        numbers = ", ".join(str(seed) for seed in training.seeds)
        said.append(
            f"Trained on the classes of the number {numbers}, data {digest[:12]}; what the script "
            "printed is not used."
        )
    return tuple(said)


def for_staff(
    training: Training, baseline: Baseline | None, comparison: Comparison | None
) -> tuple[str, ...]:
    """Say everything that was found, a line each."""
    used = f"{training.cpu_seconds:.1f} s of CPU in {training.wall_seconds:.1f} s"
    lines = [f"script: {training.ending}, {used}; seeds {list(training.seeds)}"]
    for network in sorted(training.networks, key=lambda n: -(n.accuracy or 0.0)):
        described = network.described
        accuracy = "no answer" if network.accuracy is None else _percent(network.accuracy)
        how = f" ({_WAYS[network.way]})" if network.way else ""
        on_slice = "" if described.score is None else f", {_percent(described.score)} of the slice"
        lines.append(
            f"network {_shape(network)}: {accuracy} of the test images{how}{on_slice}; "
            f"{described.fits} fits"
        )
    if baseline is not None:
        each = ", ".join(_percent(run.accuracy) for run in baseline.runs)
        lines.append(
            f"baseline: {_percent(baseline.mean)}, standard deviation "
            f"{100 * baseline.spread:.1f} points; runs {each}"
        )
    if comparison is not None:
        lines.append(
            f"difference {_points(comparison.difference)} points, 95 % interval "
            f"{_points(comparison.low)} to {_points(comparison.high)}: {comparison.clear}"
        )
    return tuple(lines)


def _shape(network: Measured) -> str:
    widths = network.described.widths
    if not widths:
        names = ", ".join(name for name, _ in network.described.layers[:6])
        return printable(names, 120) or "unknown layers"
    return "-".join(str(width) for width in widths)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"
