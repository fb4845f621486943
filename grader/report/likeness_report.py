"""What looks alike in a class (`grader-likeness/1`): for staff, to look at; it costs no points."""

from __future__ import annotations

import msgspec

LIKENESS_SCHEMA = "grader-likeness/1"


class FilePair(msgspec.Struct, frozen=True):
    """Two files that share code.

    Attributes
    ----------
    one, other : str
        Their paths.
    one_shared, other_shared : float
        The share of each file's code, without the template's, that the other submission has too.
    """

    one: str
    other: str
    one_shared: float
    other_shared: float


class Passage(msgspec.Struct, frozen=True):
    """A stretch of code that two submissions share, but for names, comments and layout.

    Attributes
    ----------
    one_path, other_path : str
        The files.
    one_line, other_line : int
        Where it begins, from 1.
    one_text, other_text : str
        Its whole lines.
    """

    one_path: str
    one_line: int
    one_text: str
    other_path: str
    other_line: int
    other_text: str


class CodePair(msgspec.Struct, frozen=True):
    """Two submissions whose code is nearly the same.

    Attributes
    ----------
    one, other : str
        Their keys.
    shared : float
        The share of the smaller one's code, without the template's, that the other has too.
    files : tuple of FilePair
        The files that they share code in, most first.
    passages : tuple of Passage
        The longest shared stretches.
    """

    one: str
    other: str
    shared: float
    files: tuple[FilePair, ...]
    passages: tuple[Passage, ...]


class SharedPicture(msgspec.Struct, frozen=True):
    """A plot in a group of nearly equal ones: whose, and its artefact's name."""

    key: str
    name: str


class PictureGroup(msgspec.Struct, frozen=True):
    """Plots of different students that are nearly the same.

    Attributes
    ----------
    equal : bool
        Whether they are the same to the pixel.
    pictures : tuple of SharedPicture
        Two or more.
    """

    equal: bool
    pictures: tuple[SharedPicture, ...]


class LeftOut(msgspec.Struct, frozen=True):
    """What could not be compared, and why; `path` is empty for a whole archive."""

    key: str
    path: str
    why: str


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """What looks alike.

    Attributes
    ----------
    made_from : str
        Digest of the archives and of what compared them: nothing is compared again while it holds.
    threshold : float
        From which share on two submissions are listed.
    compared : int
        Submissions whose code was compared.
    code : tuple of CodePair
        The most alike pairs, most first.
    code_pairs : int
        How many pairs there are in all.
    pictures : tuple of PictureGroup
        Groups of nearly equal plots.
    archives : tuple of tuple of str
        Keys of those who handed in the same archive, to the byte.
    left_out : tuple of LeftOut
        What could not be compared.
    """

    schema: str = LIKENESS_SCHEMA
    made_from: str
    threshold: float
    compared: int
    code: tuple[CodePair, ...] = ()
    code_pairs: int = 0
    pictures: tuple[PictureGroup, ...] = ()
    archives: tuple[tuple[str, ...], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """Everyone who appears with someone else."""
        pairs = {key for pair in self.code for key in (pair.one, pair.other)}
        plots = {picture.key for group in self.pictures for picture in group.pictures}
        return frozenset(pairs | plots | {key for keys in self.archives for key in keys})
