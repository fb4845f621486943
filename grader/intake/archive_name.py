"""Reads FIRSTNAME_LASTNAME_LAB3.zip, and what people, browsers and course sites make of it."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from grader.intake.shown import quoted
from grader.model import Finding, Identity

COSTS = "archive-name"
_PLACEHOLDERS = {("FIRSTNAME", "LASTNAME"), ("FIRST", "LAST")}
_LONGEST = 300

# What course sites put before the name that the student chose.
_SITE_PREFIXES = (
    # Canvas: <sortable name>[_LATE]_<user>_<attachment>_, or [LATE_]anon_<id>_<attachment>_.
    re.compile(r"(?:LATE_)?anon_[0-9a-z]+_\d+_(?=.)", re.IGNORECASE),
    re.compile(r"[^_]+(?:_LATE)?_\d+_\d+_(?=.)"),
    # Moodle: <full name>_<participant>_assignsubmission_file_, older sites with one more _.
    re.compile(r".+?_\d+_assignsubmission_file_+(?=.)"),
    # Blackboard: <assignment>_<user>_attempt_<date and time>_.
    re.compile(r".+?_attempt_\d{4}(?:-\d\d){5}_(?=.)"),
)

# What browsers, file managers and course sites append to a name that is taken: -1, (2), _1, copy.
_COPY = r"(?:[ _+-]{1,3}\(?\d{1,3}[)_]?|\(\d{1,3}\)|[ _+-]{1,3}(?:copy|kopie|copie|copia)\b)"
# A bounded repetition: an unbounded one takes exponential time on a name such as "_1__1__1__1".
_COPIES = rf"(?P<copies>{_COPY}{{0,3}})"


class ArchiveName(msgspec.Struct, frozen=True):
    """What an archive's name says.

    Attributes
    ----------
    identity : Identity
        The student; None where the name does not tell.
    stem : str
        The name as the student chose it, without the site's prefix, a copy's number and `.zip`.
    canonical : str or None
        How it should read, without `.zip`; None without a first and a last name.
    findings : tuple of Finding
        Each thing that is not to the letter; those that cost have `costs="archive-name"`.
    """

    identity: Identity
    stem: str
    canonical: str | None
    findings: tuple[Finding, ...]

    @property
    def right(self) -> bool:
        """Whether the name costs nothing."""
        return all(finding.costs is None for finding in self.findings)


def read_name(file_name: str, lab_name: str) -> ArchiveName:
    """Read an archive's file name (or a folder's); any string at all gives an answer.

    Parameters
    ----------
    file_name : str
        The name without its folders, such as `doejane_4711_99012_JANE_DOE_LAB3-1.zip`.
    lab_name : str
        The lab's name as it should stand at the end, such as `LAB3`.
    """
    remarks: list[Finding] = []
    stem = unicodedata.normalize("NFC", file_name[:_LONGEST])
    while stem.lower().endswith(".zip"):
        stem = stem[:-4]
    stem = stem.replace("%20", " ")
    for prefix in _SITE_PREFIXES:
        if match := prefix.match(stem):
            stem = stem[match.end() :]
            remarks.append(_remark("site-prefix", "The course site put a prefix before the name."))
            break

    word, number = _split_lab_name(lab_name)
    named_lab = rf"(?P<lab>{word}[ _-]?(?P<number>\d*))"
    end = re.fullmatch(rf"(?P<names>.*?)[ _+.-]*{named_lab}{_COPIES}", stem, re.I | re.S)
    start = re.fullmatch(rf"{named_lab}[ _+.-]+(?P<names>.+?){_COPIES}", stem, re.I | re.S)
    inside = re.fullmatch(rf"(?P<names>.+?)[ _+.-]+{named_lab}[ _+.-].*", stem, re.I | re.S)
    if lab := end or start or inside:
        names = lab["names"]
        copies = "" if lab is inside else lab["copies"]
    else:
        names = re.sub(rf"{_COPIES}\Z", "", stem, count=1, flags=re.I)
        copies = stem[len(names) :]
    if copies:
        stem = stem.removesuffix(copies)
        remarks.append(
            _remark("resubmission", f"{quoted(copies.strip())} marks a copy or a resubmission.")
        )

    words = _words(names)
    identity = _identity(words, certain=lab is not None)
    canonical = (
        f"{identity.first_name}_{identity.last_name}_{lab_name}"
        if identity.first_name and identity.last_name
        else None
    )
    if lab is None:
        wrong = _missing_lab(identity, lab_name)
    elif not words:
        wrong = ("no-name", "it holds no name")
    elif len(words) == 1:
        wrong = ("one-name", "it holds one name only (whoever has a single name writes it twice)")
    elif canonical is None:
        wrong = ("placeholder", "put your own names where it says so")
    elif lab["number"].lstrip("0") != number.lstrip("0"):
        wrong = ("wrong-lab", f"it says {lab['lab']} where {lab_name} belongs")
    elif end is None or not _to_the_letter(stem, lab_name):
        wrong = ("not-to-the-letter", "it can be read, but is not to the letter")
    else:
        wrong = None
        if stem != stem.upper():
            remarks.append(_remark("lower-case", "The archive's name should be in upper case."))
    if wrong:
        name = f"{canonical or f'FIRSTNAME_LASTNAME_{lab_name}'}.zip"
        message = f"The archive should be named {name}: {wrong[1]}."
        remarks.insert(0, Finding(id=wrong[0], costs=COSTS, message=message))
    return ArchiveName(identity, stem, canonical, tuple(remarks))


def same_stem(one: str, other: str) -> bool:
    """Tell whether two names agree but for case, accents and how those are encoded.

    Zip tools without the UTF-8 flag and course sites both garble or drop accented letters, so a
    difference in nothing but these is not the student's.
    """
    return _without_accents(one) == _without_accents(other) or _masked(one) == _masked(other)


def _remark(id_: str, message: str) -> Finding:
    return Finding(id=id_, costs=None, message=f"{message} That costs nothing.")


def _split_lab_name(lab_name: str) -> tuple[str, str]:
    """Return the lab's word as a pattern, and its number: LAB3 gives ("LAB", "3")."""
    word = lab_name.rstrip("0123456789")
    return re.escape(word), lab_name[len(word) :]


def _words(names: str) -> list[str]:
    words = [word for word in re.split(r"[_\s+]+", names) if _holds_a_name(word)]
    if len(words) == 1:
        words = [word for word in re.split(r"[-.,]+", words[0]) if _holds_a_name(word)]
    return [word.strip("-.,") for word in words]


def _holds_a_name(word: str) -> bool:
    return any(map(str.isalpha, word)) and not any(map(str.isdigit, word))


def _identity(words: list[str], *, certain: bool) -> Identity:
    """Take the first word as the first name and the others, joined, as the last."""
    upper = [unicodedata.normalize("NFC", word.upper()) for word in words]
    if tuple(upper) in _PLACEHOLDERS or not upper or (len(upper) == 1 and not certain):
        return Identity(None, None)
    return Identity(upper[0], "_".join(upper[1:]) or None)


def _missing_lab(identity: Identity, lab_name: str) -> tuple[str, str]:
    if identity.first_name is None:
        return ("unreadable-name", "no student's name can be read from it")
    return ("missing-suffix", f"_{lab_name} is missing at the end")


def _to_the_letter(stem: str, lab_name: str) -> bool:
    """Tell whether only case differs from FIRST_LAST_LAB3, with as many words as a name has."""
    *words, lab = stem.split("_")
    return lab.upper() == lab_name.upper() and len(words) >= 2 and all(map(_is_name, words))


def _is_name(word: str) -> bool:
    """Letters of any script with their marks, hyphens, apostrophes and dots."""
    return any(map(str.isalpha, word)) and all(
        unicodedata.category(char)[0] in "LM" or char in "-'’‘ʼ`´.·" for char in word
    )


def _without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _masked(name: str) -> str:
    return re.sub(r"[^\x00-\x7f]+", "?", unicodedata.normalize("NFC", name).casefold())
