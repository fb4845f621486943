"""Decodes a student's pictures in the sandbox, where a hostile one can harm nobody.

What kind a file is, its first bytes say, whatever its name.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grader.bridge.values import AnyArray

WIDEST = 1000
"""Pixels of the longer side of what is shown to people."""
MOST_PAGES = 8
DPI = 96.0
"""What a point of an SVG is measured by: CSS has 96 pixels an inch."""
MOST_PIXELS = 64_000_000
HEAD = 1024


class PictureReader:
    """Reads the picture files of a submission."""

    def __init__(self) -> None:
        self._root = Path.cwd()

    def read(self, path: str) -> dict[str, Any]:
        """Read one file.

        Parameters
        ----------
        path : str
            Below the submission's root.

        Returns
        -------
        dict
            `format`, such as `PNG`, or an empty string; `problem`, why not all could be read, or an
            empty string;
            `width` and `height` of the first page as it is in the file (pixels; points for PDF);
            `pages`, a list of uint8 arrays of shape (rows, columns, 3).
        """
        data = (self._root / path).read_bytes()
        found: dict[str, Any] = {
            "format": "",
            "problem": "",
            "width": 0,
            "height": 0,
            "pages": [],
        }
        try:
            for page in _reader(data)(data):
                if not found["pages"]:
                    found["format"] = page.format
                    found["width"], found["height"] = page.size
                found["pages"].append(page.pixels)
        # A damaged file fails in as many ways as there are decoders.
        except Exception as error:
            found["problem"] = f"{type(error).__name__}: {str(error)[:200]}"
        if not found["pages"] and not found["problem"]:
            found["problem"] = "it has no pages"
        return found


class _Page(NamedTuple):
    format: str
    size: tuple[int, int]
    pixels: AnyArray


def _reader(data: bytes) -> Callable[[bytes], Iterator[_Page]]:
    """Choose a reader by what a file begins with."""
    if b"%PDF-" in data[:HEAD]:
        return _read_pdf
    start = data[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"<svg", b"<?xml", b"<!")) and b"<svg" in data[: 64 * HEAD]:
        return _read_svg
    return _read_raster


def _read_raster(data: bytes) -> Iterator[_Page]:
    """Read whatever Pillow knows: PNG, JPEG, GIF, BMP, TIFF, WebP."""
    image_module: Any = importlib.import_module("PIL.Image")
    image_module.MAX_IMAGE_PIXELS = MOST_PIXELS
    with warnings.catch_warnings():
        # Twice the limit would be an error anyway; once is too many here.
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        with image_module.open(io.BytesIO(data)) as image:
            size = image.size
            image.draft("RGB", (WIDEST, WIDEST))
            yield _Page(str(image.format), size, _pixels(image))


def _read_pdf(data: bytes) -> Iterator[_Page]:
    pdfium: Any = importlib.import_module("pypdfium2")
    document = pdfium.PdfDocument(data)
    with contextlib.closing(document):
        for number in range(min(len(document), MOST_PAGES)):
            page = document[number]
            width, height = page.get_size()
            scale = min(2.0, WIDEST / max(width, height, 1.0))
            drawn = page.render(scale=scale).to_pil()
            yield _Page("PDF", (int(width), int(height)), _pixels(drawn))


def _read_svg(data: bytes) -> Iterator[_Page]:
    resvg: Any = importlib.import_module("resvg_py")
    image_module: Any = importlib.import_module("PIL.Image")
    # resvg reads no files that a picture names, unless it is told where they are.
    png = resvg.svg_to_bytes(svg_string=data.decode("utf-8", "replace"), dpi=DPI)
    with image_module.open(io.BytesIO(bytes(png))) as image:
        yield _Page("SVG", image.size, _pixels(image))


def _pixels(image: Any) -> AnyArray:
    """Return an image as people see it: on white, no larger than `WIDEST`."""
    image.thumbnail((WIDEST, WIDEST))
    image = image.convert("RGBA")
    image_module: Any = importlib.import_module("PIL.Image")
    paper = image_module.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    pixels: AnyArray = np.asarray(paper.convert("RGB"))
    return np.ascontiguousarray(pixels)
