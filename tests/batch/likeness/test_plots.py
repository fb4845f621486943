"""Which plots of different students are copies of each other."""

from __future__ import annotations

import msgspec
import numpy as np

from grader.batch.likeness.plots import plot_groups
from grader.checks.plots.likeness import digest_of, hash_of, ink_of
from grader.model import Entry, PictureFacts
from grader.picture import Pixels
from tests.report.samples import PLOTS, report_of


def curve(power: float, noise: int = 0) -> Pixels:
    """Draw a curve, and change the last bits of its colours."""
    pixels = np.full((300, 400, 3), 255, np.uint8)
    for x in range(20, 380):
        y = int(280 - 260 * (x / 400) ** power)
        pixels[y - 2 : y + 2, x] = (20, 60, 200)
    dither = np.random.default_rng(noise).integers(0, 1 + min(noise, 3), pixels.shape, np.uint8)
    shown: Pixels = pixels - dither
    return shown


def entry(key: str, *plots: Pixels) -> Entry:
    facts = tuple(
        PictureFacts(
            f"plots/student-{n}.png",
            f"results/{key}-{n}.png",
            "PNG",
            400,
            300,
            ink_of(pixels),
            digest_of(pixels),
            hash_of(pixels),
        )
        for n, pixels in enumerate(plots)
    )
    return Entry(key, f"{key}.zip", report_of(msgspec.structs.replace(PLOTS, pictures=facts)))


def test_the_same_plot_of_two_students_is_found() -> None:
    (group,) = plot_groups([entry("a", curve(1), curve(3)), entry("b", curve(3)), entry("c")])
    assert group.equal
    assert [(one.key, one.name) for one in group.pictures] == [
        ("a", "results/a-1.png"),
        ("b", "results/b-0.png"),
    ]


def test_a_copy_that_was_compressed_anew_is_found() -> None:
    (group,) = plot_groups([entry("a", curve(3)), entry("b", curve(3, noise=3))])
    assert not group.equal
    assert [one.key for one in group.pictures] == ["a", "b"]


def test_other_curves_and_a_student_s_own_copies_are_nothing() -> None:
    entries = [entry("a", curve(0.3), curve(0.3)), entry("b", curve(3))]
    assert plot_groups([*entries, Entry("c", "c.zip", None)]) == ()


def test_blank_plots_are_not_alike() -> None:
    blank = np.full((300, 400, 3), 255, np.uint8)
    assert plot_groups([entry("a", blank), entry("b", blank)]) == ()
