"""Tests of the reference's scripts: the two plots of the assignment, and the better network."""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


def load_script() -> Any:
    """Import the script as it runs, with `layers` beside it, and leave no trace of that.

    Other tests bind the name `layers` to other implementations.
    """
    ours = ("layers", "learning_curves")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REFERENCE))
        for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
            patch.delitem(sys.modules, name)
        module = importlib.import_module("learning_curves")
        for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
            del sys.modules[name]
    return module


script = load_script()


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Collect the figures that the script closes once they are saved."""
    closed: list[Figure] = []
    close = script.plt.close
    monkeypatch.setattr(script.plt, "close", closed.append)
    yield closed
    for figure in closed:
        close(figure)


def write_cifar(folder: Path, *, per_class: int, mirror_test: bool = False) -> None:
    """Write noisy images of the classes that seed 1 draws, alike in their left halves."""
    np.random.seed(1)
    classes = np.random.choice(100, 4, replace=False)
    rng = np.random.default_rng(12)
    prototypes = np.full((100, 3, 32, 32), 128.0)
    prototypes[:, :, :, :16] += rng.normal(scale=5.0, size=(100, 3, 32, 16))
    folder.mkdir()
    for name in ("train", "test"):
        labels = rng.permutation(np.repeat(classes, per_class))
        pictures = prototypes[labels] + rng.normal(scale=30.0, size=(len(labels), 3, 32, 32))
        if mirror_test and name == "test":
            pictures = pictures[:, :, :, ::-1]
        data = np.clip(pictures, 0, 255).astype(np.uint8).reshape(len(labels), 3072)
        content = {b"data": data, b"fine_labels": labels.tolist()}
        with (folder / name).open("wb") as file:
            pickle.dump(content, file, protocol=2)


def run(name: str, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(REFERENCE / name), *arguments],
        env=os.environ | {"CIFAR100_DIR": str(data), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and path.stat().st_size > 5000


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


# Whole runs


def test_the_script_writes_both_plots_and_says_that_learning_rate_10_diverged(
    tmp_path: Path,
) -> None:
    write_cifar(tmp_path / "data", per_class=100)
    out = tmp_path / "new" / "plots"
    done = run("learning_curves.py", tmp_path / "data", "--epochs", "6", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, second, third = done.stdout.splitlines()
    assert first.startswith("learning rate 0.1: test accuracy ")
    assert second.startswith("learning rate 0.01: test accuracy ")
    assert third.startswith("learning rate 10: diverged (NaN) in epoch ")
    # NaN everywhere: the first of four classes for every image.
    assert third.endswith(": test accuracy 0.250")
    assert sorted(path.name for path in out.iterdir()) == ["test_accuracy.png", "training_loss.png"]
    assert all(is_png(path) for path in out.iterdir())


def test_without_data_the_script_says_what_is_missing_and_writes_nothing(tmp_path: Path) -> None:
    done = run("learning_curves.py", tmp_path, "--out", str(tmp_path / "plots"))
    assert done.returncode == 1
    assert "The CIFAR-100 data are not here." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plots").exists()


def test_better_cifar_prints_both_accuracies_and_learns_what_the_given_network_cannot(
    tmp_path: Path,
) -> None:
    """All test images are mirrored: only training on mirrored images as well can help there."""
    write_cifar(tmp_path / "data", per_class=80, mirror_test=True)
    done = run("better_cifar.py", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    given, better = done.stdout.splitlines()
    assert given.startswith("given network:  test accuracy ")
    assert better.startswith("better network: test accuracy ")
    assert float(better.split()[-1]) > float(given.split()[-1]) + 0.2


# What is trained


def make_data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(13)
    labels = rng.integers(3, size=n)
    return rng.normal(size=(n, 5)) + 3 * np.eye(3, 5)[labels], labels


def test_every_learning_rate_starts_from_the_same_weights() -> None:
    """With a batch for all rows, the first epoch's loss is that of the first weights."""
    x, labels = make_data(100)
    runs = [
        script.train(lr, (x, np.eye(3)[labels]), (x, labels), epochs=2, seed=4)
        for lr in script.LEARNING_RATES
    ]
    assert len({run.losses[0] for run in runs}) == 1
    assert len({run.losses[1] for run in runs}) == 3
    assert [run.lr for run in runs] == [0.1, 0.01, 10.0]


def test_a_run_tells_the_fraction_of_test_images_it_gets_right() -> None:
    x, labels = make_data(200)
    run = script.train(0.1, (x, np.eye(3)[labels]), (x, labels), epochs=10, seed=4)
    shifted = script.train(0.1, (x, np.eye(3)[labels]), (x, (labels + 1) % 3), epochs=10, seed=4)
    assert run.accuracy > 0.9
    assert shifted.accuracy < 0.1
    assert run.losses[-1] < run.losses[0]


# How it is drawn

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("losses", "label"),
    [
        ((1.0, 0.5, 0.2), "learning rate 10"),
        ((1.0, NAN, NAN), "learning rate 10: diverged (NaN) in epoch 2"),
        ((INFINITE, NAN, NAN), "learning rate 10: diverged (infinite) in epoch 1"),
    ],
)
def test_the_legend_says_whether_and_when_a_run_diverged(
    losses: tuple[float, ...], label: str
) -> None:
    assert script.Run(10.0, losses, 0.25).label == label


def test_a_diverged_curve_ends_with_its_last_finite_loss_and_a_cross_marks_the_next_epoch(
    figures: list[Figure], tmp_path: Path
) -> None:
    runs = [
        script.Run(0.1, (1.4, 1.0, 0.8, 0.7), 0.6),
        script.Run(10.0, (1.5, 300.0, NAN, NAN), 0.25),
    ]
    script.plot_losses(runs, tmp_path / "losses.png")
    assert is_png(tmp_path / "losses.png")
    (axes,) = figures[0].axes
    settled, diverged, cross = axes.get_lines()
    np.testing.assert_array_equal(settled.get_xydata(), [[1, 1.4], [2, 1.0], [3, 0.8], [4, 0.7]])
    np.testing.assert_array_equal(diverged.get_xydata(), [[1, 1.5], [2, 300.0]])
    np.testing.assert_array_equal(cross.get_xydata(), [[3, 1.0]])
    assert cross.get_marker() == "X"
    assert cross.get_transform() == axes.get_xaxis_transform()
    assert cross.get_color() == diverged.get_color()
    assert legend(axes) == [
        "learning rate 0.1",
        "learning rate 10: diverged (NaN) in epoch 3 (cross)",
    ]
    # On a linear axis up to 300 the other curve would be squeezed flat.
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < 0.7
    assert axes.get_ylim()[1] > 300


def test_a_run_that_diverged_in_the_first_epoch_is_a_cross_above_a_linear_axis(
    figures: list[Figure], tmp_path: Path
) -> None:
    runs = [script.Run(0.1, (1.4, 1.0), 0.6), script.Run(10.0, (NAN, NAN), 0.25)]
    script.plot_losses(runs, tmp_path / "losses.png")
    (axes,) = figures[0].axes
    assert len(np.asarray(axes.get_lines()[1].get_xydata())) == 0
    np.testing.assert_array_equal(axes.get_lines()[2].get_xydata(), [[1, 1.0]])
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0


def test_a_plot_of_diverged_runs_alone_can_be_drawn(figures: list[Figure], tmp_path: Path) -> None:
    runs = [script.Run(10.0, (NAN, NAN), 0.25)]
    script.plot_losses(runs, tmp_path / "losses.png")
    script.plot_accuracies(runs, 4, tmp_path / "accuracies.png")
    assert is_png(tmp_path / "losses.png")
    assert is_png(tmp_path / "accuracies.png")


def test_the_accuracy_plot_has_a_point_for_each_run_and_a_cross_for_a_diverged_one(
    figures: list[Figure], tmp_path: Path
) -> None:
    runs = [
        script.Run(0.1, (1.4, 1.0), 0.625),
        script.Run(0.01, (1.4, 1.3), 0.5),
        script.Run(10.0, (NAN, NAN), 0.25),
    ]
    script.plot_accuracies(runs, 4, tmp_path / "accuracies.png")
    (axes,) = figures[0].axes
    chance, settled, diverged = axes.get_lines()
    assert list(chance.get_ydata()) == [0.25, 0.25]  # type: ignore[arg-type]
    np.testing.assert_array_equal(settled.get_xydata(), [[0.01, 0.5], [0.1, 0.625]])
    np.testing.assert_array_equal(diverged.get_xydata(), [[10.0, 0.25]])
    assert diverged.get_marker() == "X"
    assert any(entry.startswith("diverged: outputs are NaN") for entry in legend(axes))
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["62.5%", "50.0%", "25.0%"]
