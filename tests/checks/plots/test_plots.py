"""The plots: found, decoded in the sandbox, judged as far as a machine can, and no further."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from grader.baseline.measure import measure_curves
from grader.checks.plots import check_plots
from grader.checks.plots.likeness import (
    NEAR,
    digest_of,
    distance,
    hash_of,
    ink_of,
    near_equal,
)
from grader.dataset.split import make_split
from grader.dataset.store import demo_dataset
from grader.lab import Project
from grader.model import Identity, ItemResult, Judged, Outcome, PictureFacts, Submission
from grader.picture import Pixels, as_png
from grader.report.curves import losses_png
from grader.sandbox.launch import Sandbox

Look = Callable[..., Judged]


def plot(seed: int, kind: str = "png", dpi: int = 100, label: str = "learning rate") -> bytes:
    """Draw three curves as a student would; another seed, other curves."""
    generator = np.random.default_rng(seed)
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    for rate in (0.1, 0.01, 10):
        axes.plot(1.4 * np.exp(-np.arange(15) * generator.random() / 4), label=f"{label} {rate}")
    axes.set(xlabel="epoch", ylabel="average training loss", title="Training loss")
    axes.legend()
    return saved(figure, kind, dpi)


def accuracies(seed: int, kind: str = "png") -> bytes:
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    axes.bar(["0.01", "0.1", "10"], np.random.default_rng(seed).random(3))
    axes.set(xlabel="learning rate", ylabel="test accuracy")
    return saved(figure, kind, 100)


def saved(figure: Figure, kind: str, dpi: int) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi)
    return buffer.getvalue()


def pixels(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def facts(image: Pixels) -> PictureFacts:
    height, width, _ = image.shape
    return PictureFacts(
        "", "", "PNG", width, height, ink_of(image), digest_of(image), hash_of(image)
    )


WHITE = as_png(np.full((300, 400, 3), 255, np.uint8))


@pytest.fixture
def look(project: Project, process_sandbox: Sandbox) -> Look:
    def run(files: Mapping[str, bytes], sandbox: Sandbox = process_sandbox) -> Judged:
        submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), dict(files))
        return check_plots(submission, project, sandbox)

    return run


class Broken:
    """A sandbox that must not be needed."""

    kind, isolated, uid = "broken", True, None

    def runtime_digest(self) -> None:
        raise AssertionError("a sandbox was asked for")

    def launch(self, *_args: object) -> None:
        raise AssertionError("a sandbox was asked for")


def feedback(item: ItemResult) -> str:
    return " ".join(item.feedback)


def test_both_plots_are_proposed_full_points_and_left_to_a_person(look: Look) -> None:
    judged = look({"results/loss.png": plot(1), "results/accuracy.png": accuracies(1)})
    assert judged.result.outcome is Outcome.NEEDS_REVIEW
    assert judged.result.proposed == 10.0
    assert list(judged.artefacts) == ["plots/student-1.png", "plots/student-2.png"]


@pytest.mark.parametrize("files", [{}, {"results/README.md": b"# later"}, {"layers/x.py": b""}])
def test_no_picture_is_zero_points_with_a_reason_and_without_a_sandbox(
    look: Look, files: dict[str, bytes]
) -> None:
    judged = look(files, sandbox=Broken())
    assert judged.result.outcome is Outcome.FAILED
    assert "There is no picture in results/" in feedback(judged.result)


def test_blank_pictures_are_zero_points_with_a_reason(look: Look) -> None:
    judged = look({"results/loss.png": WHITE, "results/accuracy.png": WHITE})
    assert judged.result.outcome is Outcome.FAILED
    assert "blank" in feedback(judged.result)


def test_one_picture_may_hold_both_plots_so_a_person_decides(look: Look) -> None:
    judged = look({"results/both.png": plot(1)})
    assert judged.result.outcome is Outcome.NEEDS_REVIEW
    assert judged.result.proposed == 5.0
    assert "if it shows both" in str(judged.result.cases[0].diagnostics)


def test_the_same_plot_twice_counts_once(look: Look) -> None:
    judged = look({"results/a.png": plot(1), "results/b.png": plot(1, dpi=80)})
    assert judged.result.proposed == 5.0


def test_pictures_elsewhere_are_looked_at_with_a_remark(look: Look) -> None:
    judged = look({"loss.png": plot(1), "plots/accuracy.png": accuracies(1)})
    assert judged.result.proposed == 10.0
    assert "belong into results/" in feedback(judged.result)


@pytest.mark.docker
@pytest.mark.parametrize("kind", ["png", "jpg", "svg", "pdf", "webp", "tiff"])
def test_every_usual_format_is_read_whatever_the_file_is_called(
    look: Look, docker_sandbox: Sandbox, kind: str
) -> None:
    judged = look({"results/loss.png": plot(1, kind)}, sandbox=docker_sandbox)
    assert judged.result.outcome is Outcome.NEEDS_REVIEW
    (found,) = judged.result.pictures
    assert found.format in {"PNG", "JPEG", "SVG", "PDF", "WEBP", "TIFF"}
    assert found.ink > 0.01
    shown = pixels(judged.artefacts[found.name])
    # Whatever the format, people see the same plot.
    reference = pixels(plot(1))
    assert near_equal(facts(shown), facts(reference))


def test_the_template_s_own_pictures_are_none_of_the_student_s(
    project: Project, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    # The template holds none today; a lab of next year may show an example there.
    elsewhere = msgspec.structs.replace(project, root=tmp_path)
    (elsewhere.template / "results").mkdir(parents=True)
    (elsewhere.template / "results" / "example.png").write_bytes(plot(1))
    files = {"results/loss.png": plot(1), "results/accuracy.png": plot(1)}
    submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files)
    judged = check_plots(submission, elsewhere, process_sandbox)
    assert judged.result.outcome is Outcome.FAILED
    assert "There is no picture in results/" in feedback(judged.result)


def test_a_transparent_picture_is_shown_on_white(look: Look) -> None:
    buffer = io.BytesIO()
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (50, 20, 150, 80))
    image.save(buffer, format="PNG")
    judged = look({"results/a.png": buffer.getvalue()})
    assert pixels(judged.artefacts["plots/student-1.png"])[0, 0].tolist() == [255, 255, 255]


def bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (30000, 30000)).save(buffer, format="PNG")
    return buffer.getvalue()


BAD = {
    "empty": b"",
    "cut": plot(1)[:2000],
    "text": b"this is no picture",
    "bomb": bomb(),
    "svg that opens a file": (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&x;</text></svg>'
    ),
    "svg of many entities": (
        b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(
            f'<!ENTITY {b} "{f"&{a};" * 10}">'.encode()
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + b']><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&i;</text></svg>'
    ),
    "pdf without pages": b"%PDF-1.7\n%%EOF",
}


@pytest.mark.docker
@pytest.mark.parametrize("kind", BAD)
def test_a_picture_that_cannot_be_read_is_for_a_person_and_harms_no_other(
    look: Look, docker_sandbox: Sandbox, kind: str
) -> None:
    files = {"results/a.png": BAD[kind], "results/b.png": plot(1)}
    judged = look(files, sandbox=docker_sandbox)
    assert judged.result.outcome is Outcome.NEEDS_REVIEW
    assert [found.path for found in judged.result.pictures if found.ink > 0.01] == ["results/b.png"]


def test_a_file_s_content_never_reaches_feedback(look: Look) -> None:
    judged = look({"results/\x1b[31mred.png": plot(1)})
    assert "\x1b" not in feedback(judged.result)


@pytest.mark.docker
def test_pictures_are_read_in_docker(look: Look, docker_sandbox: Sandbox) -> None:
    _read_all(look, docker_sandbox)


@pytest.mark.bubblewrap
def test_pictures_are_read_in_bubblewrap(look: Look, bubblewrap_sandbox: Sandbox) -> None:
    _read_all(look, bubblewrap_sandbox)


def _read_all(look: Look, sandbox: Sandbox) -> None:
    kinds = ("png", "jpg", "svg", "pdf")
    judged = look({f"results/{kind}.x.{kind}": plot(1, kind) for kind in kinds}, sandbox=sandbox)
    assert [found.format for found in judged.result.pictures] == ["JPEG", "PDF", "PNG", "SVG"]


# Likeness


@pytest.mark.parametrize("draw", [plot, accuracies])
def test_honest_students_plots_of_the_same_kind_are_not_alike(
    draw: Callable[[int], bytes],
) -> None:
    found = [facts(pixels(draw(seed))) for seed in range(30)]
    alike = [(n, m) for n, a in enumerate(found) for m in range(n) if near_equal(a, found[m])]
    assert alike == []


def test_the_reference_s_curves_of_two_students_are_not_alike(project: Project) -> None:
    # The same script, axes, legend and learning rates: only the classes are others.
    found = []
    for seed in range(1, 7):
        split = make_split(project.lab, demo_dataset(), seed, project.lab.suite.seed)
        runs = measure_curves(project, split, lambda done, of: None)
        found.append(facts(pixels(losses_png(runs, "Average training loss"))))
    closest = min(distance(a, b) for n, a in enumerate(found) for b in found[:n])
    assert closest > NEAR, closest


def recoloured(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point(lambda level: (level + 15) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half as large": lambda image: image.resize((300, 200)),
    "larger": lambda image: image.resize((900, 600)),
    "of other proportions": lambda image: image.resize((601, 397)),
    "in grey": lambda image: image.convert("L"),
    "in other colours": recoloured,
    "tinted": lambda image: Image.blend(image, Image.new("RGB", image.size, "#ffe9c0"), 0.2),
}


@pytest.mark.parametrize("draw", [plot, accuracies])
@pytest.mark.parametrize("quality", [40, 90])
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_that_was_changed_and_compressed_anew_is_alike(
    kind: str, quality: int, draw: Callable[[int], bytes]
) -> None:
    original = draw(1)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(original)) as image:
        COPIES[kind](image.convert("RGB")).save(buffer, format="JPEG", quality=quality)
    assert near_equal(facts(pixels(original)), facts(pixels(buffer.getvalue())))


def test_the_distance_is_a_fraction_and_0_for_the_same_picture() -> None:
    one, other = facts(pixels(plot(1))), facts(pixels(accuracies(1)))
    assert distance(one, one) == 0.0
    assert distance(one, other) == distance(other, one)
    assert 0.3 < distance(one, other) < 0.7


def test_a_picture_written_as_png_is_read_as_it_was() -> None:
    image = np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(pixels(as_png(image)), image)


def test_facts_survive_the_report() -> None:
    found = facts(pixels(plot(1)))
    assert msgspec.json.decode(msgspec.json.encode(found), type=PictureFacts) == found
