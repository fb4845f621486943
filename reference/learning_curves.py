"""Makes the two plots of the assignment: training loss and test accuracy by learning rate.

    python reference/learning_curves.py --seed 1 --out plots

The given network (3072 inputs, 500 hidden units with ReLU, a softmax over the classes) is trained
three times from the same first weights, with the learning rates 0.1, 0.01 and 10.

How a diverged run is drawn: with too large a learning rate the loss becomes infinite or NaN, and
neither can be put on an axis. The run's curve ends with its last finite loss, a cross on the upper
edge of the plot marks the epoch in which the loss stopped being finite, and the legend says so. As
the losses before may be a hundred times the other runs', the axis is then logarithmic. In the
accuracy plot a diverged run's point is a cross too: its network's outputs are NaN, so it predicts
the first class for every image.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer
from layers.dataset import Samples, cifar100
from matplotlib.ticker import MaxNLocator

# Pictures go to files only, so this works without a display as well.
mpl.use("Agg")
import matplotlib.pyplot as plt

LEARNING_RATES = (0.1, 0.01, 10.0)
HIDDEN_UNITS = 500


@dataclass(frozen=True)
class Run:
    """One training of the given network.

    Attributes
    ----------
    lr : float
        Learning rate.
    losses : tuple of float
        Average training loss by epoch; NaN or infinite from the epoch on in which it diverged.
    accuracy : float
        Fraction of test images classified correctly after the last epoch.
    """

    lr: float
    losses: tuple[float, ...]
    accuracy: float

    @property
    def finite_epochs(self) -> int:
        """Number of epochs before the loss stopped being finite: all of them, if it never did."""
        for epoch, loss in enumerate(self.losses):
            if not math.isfinite(loss):
                return epoch
        return len(self.losses)

    @property
    def diverged(self) -> bool:
        """Whether the loss stopped being finite."""
        return self.finite_epochs < len(self.losses)

    @property
    def label(self) -> str:
        """What the legend says."""
        if not self.diverged:
            return f"learning rate {self.lr:g}"
        first = self.losses[self.finite_epochs]
        value = "NaN" if math.isnan(first) else "infinite"
        return f"learning rate {self.lr:g}: diverged ({value}) in epoch {self.finite_epochs + 1}"


def train(lr: float, train_data: Samples, test_data: Samples, *, epochs: int, seed: int) -> Run:
    """Train the given network with one learning rate, and test it.

    Parameters
    ----------
    lr : float
        Learning rate.
    train_data, test_data : (ndarray, ndarray)
        As `cifar100` returns them.
    epochs : int
        Number of epochs.
    seed : int
        Settles the first weights.

    Returns
    -------
    Run
    """
    x, y = train_data
    x_test, y_test = test_data
    np.random.seed(seed)
    network = Sequential(
        [
            FullLayer(x.shape[1], HIDDEN_UNITS),
            ReluLayer(),
            FullLayer(HIDDEN_UNITS, y.shape[1]),
            SoftMaxLayer(),
        ],
        CrossEntropyLayer(),
    )
    # A diverging run takes log 0 and multiplies by infinity. That is what is to be shown here, so
    # numpy need not warn of it.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        losses = network.fit(x, y, epochs=epochs, lr=lr)
        accuracy = np.mean(network.predict(x_test) == y_test)
    return Run(lr, tuple(float(loss) for loss in losses), float(accuracy))


def plot_losses(runs: Sequence[Run], path: Path) -> None:
    """Draw the average training loss by epoch, a curve for each run, into a PNG file."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for run in runs:
        epochs = np.arange(1, run.finite_epochs + 1)
        (curve,) = axes.plot(epochs, run.losses[: run.finite_epochs], marker=".")
        if run.diverged:
            # x in epochs, y as a fraction of the plot's height: on the upper edge.
            axes.plot(
                [run.finite_epochs + 1],
                [1.0],
                transform=axes.get_xaxis_transform(),
                color=curve.get_color(),
                marker="X",
                markersize=11,
                linestyle="none",
                clip_on=False,
                label=f"{run.label} (cross)",
            )
        else:
            curve.set_label(run.label)
    axes.set_xlim(0.5, max(len(run.losses) for run in runs) + 0.5)
    if any(run.diverged and run.finite_epochs for run in runs):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("Training loss on a subset of CIFAR-100", pad=14)
    axes.set_xlabel("epoch")
    axes.set_ylabel("average training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_accuracies(runs: Sequence[Run], classes: int, path: Path) -> None:
    """Draw the test accuracy by learning rate, a point for each run, into a PNG file."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.axhline(1 / classes, color="gray", linestyle="--", label=f"chance, 1 in {classes}")
    trained = sorted((run for run in runs if not run.diverged), key=lambda run: run.lr)
    axes.plot(
        [run.lr for run in trained],
        [run.accuracy for run in trained],
        marker="o",
        label="accuracy after training",
    )
    diverged = [run for run in runs if run.diverged]
    if diverged:
        axes.plot(
            [run.lr for run in diverged],
            [run.accuracy for run in diverged],
            marker="X",
            markersize=11,
            linestyle="none",
            label="diverged: outputs are NaN, the first class is predicted for all",
        )
    for run in runs:
        axes.annotate(
            f"{run.accuracy:.1%}",
            (run.lr, run.accuracy),
            textcoords="offset points",
            xytext=(0, 10),
            ha="center",
        )
    axes.set_xscale("log")
    axes.set_xticks([run.lr for run in runs], [f"{run.lr:g}" for run in runs])
    axes.minorticks_off()
    axes.margins(x=0.12)
    axes.set_ylim(0, 1)
    axes.set_title("Test accuracy on a subset of CIFAR-100")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("fraction of test images classified correctly")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code: 0, or 1 without usable data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1, help="settles classes and first weights")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the plots")
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args(arguments)

    try:
        train_data, test_data = cifar100(options.seed)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    runs = []
    for lr in LEARNING_RATES:
        run = train(lr, train_data, test_data, epochs=options.epochs, seed=options.seed)
        print(f"{run.label}: test accuracy {run.accuracy:.3f}")
        runs.append(run)
    options.out.mkdir(parents=True, exist_ok=True)
    plot_losses(runs, options.out / "training_loss.png")
    plot_accuracies(runs, train_data[1].shape[1], options.out / "test_accuracy.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
