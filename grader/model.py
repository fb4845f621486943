"""The frozen data types that the grader's parts hand to each other, and the report's shape."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

REPORT_SCHEMA = "grader-report/1"


class Outcome(StrEnum):
    """How a case or a rubric item ended; GRADER_ERROR alone is the grader's own fault."""

    PASSED = "PASSED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    MEMORY = "MEMORY"
    CRASHED = "CRASHED"
    NEEDS_REVIEW = "NEEDS_REVIEW"
    NOT_RUN = "NOT_RUN"
    GRADER_ERROR = "GRADER_ERROR"


class Suite(StrEnum):
    """Where a case comes from."""

    PUBLIC = "public"
    HIDDEN = "hidden"
    SIBLING = "sibling"
    STRUCTURE = "structure"
    MEASURED = "measured"


class Audience(StrEnum):
    """Who reads a report: staff see all, students see nothing that hidden tests hold."""

    STAFF = "staff"
    STUDENT = "student"


class Flag(msgspec.Struct, frozen=True):
    """Something for a person to look at; it never changes points."""

    id: str
    message: str


class Identity(msgspec.Struct, frozen=True):
    """Who handed in, as far as the archive's name tells.

    Attributes
    ----------
    first_name, last_name : str or None
        Upper-case words joined by underscores; None where the name could not be read.
    """

    first_name: str | None
    last_name: str | None


class Submission(msgspec.Struct, frozen=True):
    """One student's unpacked work, wholly in memory: nothing of it touches the host's disk.

    Attributes
    ----------
    archive : str
        File name of the zip (or of the folder, for `grader check`), without its folders.
    sha256 : str
        Hex digest of the archive's bytes; for a folder, of its names and contents.
    identity : Identity
        The student, read from the archive's name.
    files : mapping of str to bytes
        Contents by POSIX path relative to the submission's root folder.
    folders : frozenset of str
        POSIX paths of all folders below the root, also empty ones.
    naming : tuple of Finding
        What intake found about names and packaging, each said to the student.
    """

    archive: str
    sha256: str
    identity: Identity
    files: Mapping[str, bytes] = MappingProxyType({})
    folders: frozenset[str] = frozenset()
    naming: tuple[Finding, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One thing intake noticed about an archive's name or packaging.

    Attributes
    ----------
    id : str
        Short name from a closed set, such as `missing-suffix` or `nested-twice`.
    costs : str or None
        Id of the structure case that loses its points for it; None for a mere remark.
    message : str
        What was found and what to do, for the student.
    """

    id: str
    costs: str | None
    message: str


class CaseResult(msgspec.Struct, frozen=True):
    """The result of one case: one pytest node, or one line of the structure check.

    Attributes
    ----------
    id : str
        Unique in its item, such as `softmax/large-logits[1x7]`.
    suite : Suite
        Public, hidden or structure.
    outcome : Outcome
        How it ended.
    weight : float
        Its share of the item's points, relative to the other cases; positive.
    seconds : float
        Wall time.
    about : str
        One student-safe sentence on what the case is about.
    feedback : tuple of str
        For the student; never holds a hidden value.
    diagnostics : tuple of str
        For staff: shapes, seed, largest error, tracebacks.
    """

    id: str
    suite: Suite
    outcome: Outcome
    weight: float
    seconds: float = 0.0
    about: str = ""
    feedback: tuple[str, ...] = ()
    diagnostics: tuple[str, ...] = ()


class ItemResult(msgspec.Struct, frozen=True):
    """What one check found for one rubric item, before and after scoring.

    Attributes
    ----------
    id, description : str
        As in `lab.toml`.
    max_points : float
        What the item is worth.
    outcome : Outcome
        How the item ended as a whole.
    points : float or None
        None where nothing could be judged (NOT_RUN, NEEDS_REVIEW, GRADER_ERROR); never rounded.
    proposed : float or None
        Points that the check would give, for the person who decides on a NEEDS_REVIEW.
    feedback : tuple of str
        For the student, about the item as a whole.
    cases : tuple of CaseResult
        In the order they ran.
    output : str
        What the student's code printed, capped and cleaned; for staff.
    artefacts : tuple of str
        Names of the pictures that belong to it, such as `plots/student-1.png`; for staff.
    pictures : tuple of PictureFacts
        What was found of the student's plots; for staff, and to compare submissions by.
    curves : tuple of LossCurve
        How the losses of trainings went; for people, and never for points.
    decision : Decision or None
        What a person decided in the check's place.
    pending : bool
        Whether a NOT_RUN item is still to be judged, so that its report is no final one.
    """

    id: str
    description: str
    max_points: float
    outcome: Outcome
    points: float | None = None
    proposed: float | None = None
    feedback: tuple[str, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    output: str = ""
    artefacts: tuple[str, ...] = ()
    pictures: tuple[PictureFacts, ...] = ()
    curves: tuple[LossCurve, ...] = ()
    decision: Decision | None = None
    pending: bool = False

    @property
    def is_left_out(self) -> bool:
        """Whether it was not asked for, or was not to be had here, and a score leaves it out."""
        return self.outcome is Outcome.NOT_RUN and not self.pending


class PictureFacts(msgspec.Struct, frozen=True):
    """What a page of a student's picture is like.

    Attributes
    ----------
    name : str
        Its artefact's name.
    path : str
        The file it came from.
    format : str
        Such as `PNG`.
    width, height : int
        Pixels in the file; points for PDF.
    ink : float
        Fraction of the pixels that are not the background.
    digest : str
        SHA-256 of its pixels, as hex.
    likeness : str
        Perceptual hash, 1,024 bits as hex: see `checks.plots.likeness`.
    """

    name: str
    path: str
    format: str
    width: int
    height: int
    ink: float
    digest: str
    likeness: str


class LossCurve(msgspec.Struct, frozen=True):
    """How the loss went while a network was trained.

    Attributes
    ----------
    name : str
        Which network, by its widths.
    passes : tuple of float
        At each point, how often as many rows had passed through the loss as there are training
        images; increasing.
    losses : tuple of float
        The average loss since the point before.
    diverged : bool
        Whether the loss was no finite number, or beyond all bounds, after the last point.
    """

    name: str
    passes: tuple[float, ...]
    losses: tuple[float, ...]
    diverged: bool


class Decision(msgspec.Struct, frozen=True):
    """What a person decided about an item.

    Attributes
    ----------
    who : str
        The person.
    when : str
        ISO 8601, with a time zone.
    why : str
        In words, for colleagues and for the student.
    points : float
        What they give.
    before : Outcome
        What the check had found.
    points_before : float or None
        What that was worth; None where a person had to decide.
    """

    who: str
    when: str
    why: str
    points: float
    before: Outcome
    points_before: float | None = None


class Judged(msgspec.Struct, frozen=True):
    """What a check hands on: its result, and the pictures that the result names.

    Attributes
    ----------
    result : ItemResult
        Without points, unless nothing but the check can know them.
    artefacts : mapping of str to bytes
        PNG files by the names in `result.artefacts`.
    """

    result: ItemResult
    artefacts: Mapping[str, bytes] = MappingProxyType({})


class Progress(msgspec.Struct, frozen=True):
    """What is going on, for the person who waits.

    Attributes
    ----------
    item : str
        The rubric item that is being judged.
    text : str
        In a few words, such as `fit 1, epoch 3 of 15`.
    """

    item: str
    text: str


class SubmissionStamp(msgspec.Struct, frozen=True):
    """The submission as the report names it."""

    archive: str
    sha256: str
    first_name: str | None
    last_name: str | None
    lms: dict[str, str] | None = None


class SuiteStamp(msgspec.Struct, frozen=True):
    """Which tests judged, and with which seed: enough to run the same cases again.

    Attributes
    ----------
    version : str
        As in `lab.toml`.
    sha256 : str
        Hex digest of every file that judges.
    seed : int
        The grading seed.
    published : bool
        Whether these very files were verified and published.
    """

    version: str
    sha256: str
    seed: int
    published: bool


class SandboxStamp(msgspec.Struct, frozen=True):
    """Where the student's code ran, and under which limits.

    Attributes
    ----------
    kind : str
        `docker`, `bubblewrap` or `process`.
    image_digest : str or None
        What the code could import: the image's id, or the runtime's digest.
    isolated : bool
        False for `process`: a plain process sees the host.
    limits : mapping of str to float
        As in `lab.toml`, with units in the names.
    mechanisms : mapping of str to str
        What holds each limit, and what closes the network and the kernel's other doors; `none`
        where nothing does.
    """

    kind: str
    image_digest: str | None
    isolated: bool
    limits: dict[str, float]
    mechanisms: dict[str, str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`grader-report/1`, the document that `grader grade` prints.

    Attributes
    ----------
    score : float or None
        Sum of the items' points; None when a GRADER_ERROR keeps it from being known.
    provisional : bool
        Whether a person's decision or an item's judging is still to come, which may add to the
        score: it is no grade.
    score_note : str or None
        Says what the score leaves out, such as items that were not run.
    """

    schema: str = REPORT_SCHEMA
    submission: SubmissionStamp
    score: float | None
    max_score: float
    provisional: bool
    score_note: str | None
    items: tuple[ItemResult, ...]
    flags: tuple[Flag, ...]
    suite: SuiteStamp
    sandbox: SandboxStamp | None
    timings: dict[str, float]
    graded_at: str
    grader_version: str

    @property
    def is_settled(self) -> bool:
        """Whether there is a score in which nothing is open; it may still leave items out."""
        return self.score is not None and not self.provisional

    @property
    def left_out(self) -> tuple[str, ...]:
        """Ids of the items that the score leaves out."""
        return tuple(item.id for item in self.items if item.is_left_out)

    @property
    def is_final(self) -> bool:
        """Whether the score is the grade: nothing in it is open, and it leaves nothing out."""
        return self.is_settled and not self.left_out

    @property
    def is_final_in_part(self) -> bool:
        """Whether nothing in the score is open, but it leaves items out."""
        return self.is_settled and not self.is_final


class Graded(msgspec.Struct, frozen=True):
    """One submission's report, and the pictures that it names.

    Attributes
    ----------
    report : Report
        The document.
    artefacts : mapping of str to bytes
        PNG files by the names in the report's items.
    """

    report: Report
    artefacts: Mapping[str, bytes] = MappingProxyType({})


class Entry(msgspec.Struct, frozen=True):
    """One submission of a batch.

    Attributes
    ----------
    key : str
        Its folder below `submissions/`.
    archive : str
        The file name that the student gave it.
    report : Report or None
        None where the archive could not be graded at all.
    problem : str
        Why there is no report, or no score for a reason of the grader's.
    superseded : tuple of str
        Earlier archives of the same student.
    """

    key: str
    archive: str
    report: Report | None
    problem: str = ""
    superseded: tuple[str, ...] = ()

    @property
    def needs_regrade(self) -> bool:
        """Whether something of ours kept it from being graded."""
        return self.report is None or any(
            item.outcome is Outcome.GRADER_ERROR for item in self.report.items
        )
