"""Small pictures: small enough, still what they were, and never an error."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from grader.picture import as_png
from grader.report.thumbnail import MOST_BYTES, SIDE, make_thumbnail


def test_a_plot_stays_legible_and_becomes_small() -> None:
    pixels = np.full((900, 1500, 3), 255, np.uint8)
    pixels[440:460, :, 0] = 0
    small = make_thumbnail(as_png(pixels))
    assert small is not None
    assert (small.width, small.height) == (SIDE, SIDE * 900 // 1500)
    shown = np.asarray(Image.open(io.BytesIO(small.data)).convert("RGB"))
    line = shown[small.height // 2, small.width // 2]
    assert line[0] < 60
    assert line[1] > 200
    assert shown[5, 5].min() > 245


def test_a_small_picture_is_not_blown_up() -> None:
    small = make_thumbnail(as_png(np.zeros((3, 2, 3), np.uint8)))
    assert small is not None
    assert (small.width, small.height) == (2, 3)
    assert small.address.startswith("data:image/")


def test_noise_of_any_size_stays_within_the_limit() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3), np.uint8)
    small = make_thumbnail(as_png(noise))
    assert small is None or len(small.data) <= MOST_BYTES


@pytest.mark.parametrize("data", [b"", b"no picture", as_png(np.zeros((9, 9, 3), np.uint8))[:40]])
def test_what_is_no_picture_becomes_none(data: bytes) -> None:
    assert make_thumbnail(data) is None


def test_a_damaged_picture_becomes_none_and_no_error() -> None:
    whole = as_png(np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8))
    at = whole.index(b"IDAT")
    # The next chunk is then sought in the middle of this one.
    shorter = whole[: at - 4] + (1000).to_bytes(4) + whole[at:]
    assert make_thumbnail(shorter) is None


@given(st.data())
def test_whatever_is_changed_in_a_picture_is_no_error(data: st.DataObject) -> None:
    picture = bytearray(as_png(np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)))
    for _ in range(3):
        # Not in the header: a picture that claims to be huge is another matter.
        place = data.draw(st.integers(30, len(picture) - 1))
        picture[place] = data.draw(st.integers(0, 255))
    make_thumbnail(bytes(picture))


def test_a_picture_that_claims_to_be_huge_is_none() -> None:
    picture = bytearray(as_png(np.zeros((5, 6, 3), np.uint8)))
    picture[16:24] = (60_000).to_bytes(4) * 2
    assert make_thumbnail(bytes(picture)) is None
