"""Makes a picture small enough that hundreds of them fit into one page."""

from __future__ import annotations

import base64
import io

import msgspec
from PIL import Image

SIDE = 560
"""Pixels of the longer side: sharp where a page shows it at half that, on a dense screen."""
COLOURS = 64
"""Few enough for a small file; plots have fewer."""
MOST_BYTES = 48 << 10


class Thumbnail(msgspec.Struct, frozen=True):
    """A small picture.

    Attributes
    ----------
    width, height : int
        In pixels.
    kind : str
        `png` or `jpeg`.
    data : bytes
        The file.
    """

    width: int
    height: int
    kind: str
    data: bytes

    @property
    def address(self) -> str:
        """The picture as an address, to stand in a page itself."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode()}"


def make_thumbnail(picture: bytes) -> Thumbnail | None:
    """Return a smaller picture, as PNG or JPEG, whichever is the smaller file.

    Parameters
    ----------
    picture : bytes
        A PNG file that the grader itself has encoded: a student's own file is decoded in the
        sandbox, and nowhere else.

    Returns
    -------
    Thumbnail or None
        None if it is no picture, or will not become small.
    """
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG",)) as image:
            small = image.convert("RGB")
    # Pillow calls a broken chunk a SyntaxError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    choices = [
        ("png", _encoded(small.quantize(COLOURS, Image.Quantize.MEDIANCUT), "PNG", optimize=True)),
        ("jpeg", _encoded(small, "JPEG", quality=70, optimize=True)),
        ("jpeg", _encoded(small, "JPEG", quality=30, optimize=True)),
    ]
    fitting = [choice for choice in choices[:2] if len(choice[1]) <= MOST_BYTES] or choices[2:]
    kind, data = min(fitting, key=lambda choice: len(choice[1]))
    return Thumbnail(small.width, small.height, kind, data) if len(data) <= MOST_BYTES else None


def _encoded(image: Image.Image, kind: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()
