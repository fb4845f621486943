"""Trains the given network for the grader's baseline and the plots that it shows beside students'.

    python reference/train_given.py FOLDER

FOLDER holds `split.npz` (train_x, train_y, test_x, test_y; pixels as uint8) and `jobs.json`, a list
of {hidden, lr, epochs, batch_size, seed}. For each job one line of JSON goes to stdout as soon as
it is done: {losses, correct}. The grader imports nothing of the reference; it runs this script.
"""

import json
import sys
from pathlib import Path

import numpy as np
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer


def main(folder: Path) -> None:
    """Run all jobs of a folder."""
    with np.load(folder / "split.npz") as arrays:
        x, x_test = scaled(arrays["train_x"]), scaled(arrays["test_x"])
        classes = int(arrays["classes"])
        y, y_test = np.eye(classes)[arrays["train_y"]], arrays["test_y"]
    for job in json.loads((folder / "jobs.json").read_text()):
        np.random.seed(job["seed"])
        network = Sequential(
            [
                FullLayer(x.shape[1], job["hidden"]),
                ReluLayer(),
                FullLayer(job["hidden"], classes),
                SoftMaxLayer(),
            ],
            CrossEntropyLayer(),
        )
        # With too large a learning rate it diverges, and that is a result as well.
        with np.errstate(all="ignore"):
            losses = network.fit(
                x, y, epochs=job["epochs"], lr=job["lr"], batch_size=job["batch_size"]
            )
            correct = network.predict(x_test) == y_test
        # JSON has no word for what is not a number.
        shown = [float(loss) if np.isfinite(loss) else str(loss) for loss in losses]
        line = {"losses": shown, "correct": "".join("01"[int(hit)] for hit in correct)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def scaled(images: np.ndarray) -> np.ndarray:
    """Return pixels as the lab's loader gives them, without a second array on the way."""
    pixels: np.ndarray = images / 255.0
    pixels -= 0.5
    return pixels


if __name__ == "__main__":
    main(Path(sys.argv[1]))
