"""Reads `lab.toml`, the lab as data, and finds the project's folders beside it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from grader.errors import ConfigurationError
from grader.file_digest import file_digest


class RubricLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scored line of the rubric."""

    id: str
    points: float
    description: str


class ModuleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the `layers` package that students hand in.

    Attributes
    ----------
    file : str
        File name inside `layers/`.
    item : str or None
        The rubric item whose tests exercise it.
    defines : str or None
        The class or function that must be in it.
    methods : tuple of str
        Methods the class must have, in any accepted spelling.
    """

    file: str
    item: str | None = None
    defines: str | None = None
    methods: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Dotted name, such as `layers.full`."""
        return f"layers.{self.file.removesuffix('.py')}"


class LabNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of this year's lab."""

    name: str
    archive: str


class DatasetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cifar100(seed)` gives, and what a graded training gets of it.

    Attributes
    ----------
    classes : int
        How many of the 100 classes are drawn.
    draw : str
        With replacement, a class may be drawn twice, and there are fewer then.
    test_labels : str
        Encoding of the test labels; training labels are one-hot.
    held_back : float
        Fraction of the training images that a script gets as its test set.
    """

    classes: int
    draw: Literal["with_replacement", "without_replacement"]
    test_labels: Literal["integer", "one_hot"]
    held_back: float


class BaselineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The given network and its training.

    Attributes
    ----------
    hidden : int
        Width of the one hidden layer.
    lr : float
        Learning rate.
    epochs, batch_size : int
        As `Sequential.fit` takes them.
    runs : int
        How often it is trained, from other first weights each time.
    """

    hidden: int
    lr: float
    epochs: int
    batch_size: int
    runs: int


class BetterCifarSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How better_cifar.py is judged.

    Attributes
    ----------
    policy : str
        What happens where the interval of the difference holds 0: see `checks.better_cifar`.
    source_kib, other_kib : int
        Sizes beyond which a source or another file could be a trained network.
    """

    policy: Literal["lenient", "strict", "review"]
    source_kib: int
    other_kib: int


class SuiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hidden tests' version and everyone's grading seed."""

    version: str
    seed: int


class Tolerances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a result may be off: `rtol` times the largest expected magnitude, plus `atol`."""

    rtol: float
    atol: float


class Scoring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a test item's cases become points."""

    rule: Literal["proportional", "all_or_nothing"]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the student's code may use; units are in the names."""

    case_seconds: float
    item_seconds: float
    start_seconds: float
    lost_processes: int
    memory_mib: int
    processes: int
    open_files: int
    scratch_mib: int
    cpus: float
    output_kib: int
    frame_mib: int


class TrainingLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What better_cifar.py may use beyond a layer test's limits; units are in the names.

    Attributes
    ----------
    cpu_seconds, wall_seconds : float
        Of the script; after either it is stopped, and what it has trained so far is measured.
    measure_seconds : float
        Wall time for measuring the networks afterwards.
    """

    cpu_seconds: float
    wall_seconds: float
    measure_seconds: float
    memory_mib: int
    scratch_mib: int
    output_kib: int
    cpus: float


class IntakeLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large an archive may be; counted while reading, never believed from its headers."""

    archive_mib: int
    unpacked_mib: int
    file_mib: int
    entries: int


class Lab(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Everything `lab.toml` says."""

    lab: LabNames
    dataset: DatasetSettings
    baseline: BaselineSettings
    better_cifar: BetterCifarSettings
    suite: SuiteSettings
    tolerances: Tolerances
    scoring: Scoring
    rubric: tuple[RubricLine, ...]
    modules: tuple[ModuleSpec, ...]
    spellings: dict[str, tuple[str, ...]]
    limits: Limits
    training: TrainingLimits
    intake: IntakeLimits

    def line(self, item: str) -> RubricLine:
        """Return the rubric line with this id; KeyError if there is none."""
        for line in self.rubric:
            if line.id == item:
                return line
        raise KeyError(item)

    @cached_property
    def test_items(self) -> tuple[str, ...]:
        """Ids of the rubric items that tests decide, in the rubric's order."""
        tested = {module.item for module in self.modules if module.item}
        return tuple(line.id for line in self.rubric if line.id in tested)

    @cached_property
    def training_limits(self) -> Limits:
        """The limits of the sandbox that better_cifar.py trains in."""
        training = self.training
        return msgspec.structs.replace(
            self.limits,
            memory_mib=training.memory_mib,
            scratch_mib=training.scratch_mib,
            output_kib=training.output_kib,
            cpus=training.cpus,
        )

    @cached_property
    def classes(self) -> dict[str, str]:
        """The five classes' names with the module that each belongs in."""
        return {m.defines: m.module for m in self.modules if m.defines and m.item}


class Project(msgspec.Struct, frozen=True):
    """Where the lab's folders are; a student's installation has no hidden tests.

    Attributes
    ----------
    root : Path
        The folder that holds `lab.toml`.
    lab : Lab
        What it says.
    """

    root: Path
    lab: Lab

    @property
    def template(self) -> Path:
        """The student template."""
        return self.root / "student_template"

    @property
    def public_tests(self) -> Path:
        """The project's own copy of the public tests."""
        return self.template / "test"

    @property
    def hidden_tests(self) -> Path:
        """The hidden tests; the folder need not be there."""
        return self.root / "hidden_tests"

    @property
    def siblings(self) -> Path:
        """The hidden cases' public siblings, which are part of the package."""
        return Path(__file__).resolve().parent / "siblings"

    def suite_digest(self) -> str:
        """Return the SHA-256 of what judges, as hex: every test file, and the tolerances."""
        tolerances = self.lab.tolerances
        digest = hashlib.sha256(f"{tolerances.rtol!r} {tolerances.atol!r}\0".encode())
        for folder in (self.public_tests, self.hidden_tests):
            for path in sorted(folder.glob("*.py")):
                digest.update(f"{folder.name}/{path.name}".encode() + b"\0")
                digest.update(file_digest(path))
        return digest.hexdigest()


def read_lab(path: Path) -> Lab:
    """Read and check `lab.toml`.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not TOML, or says something that cannot be.
    """
    try:
        lab = msgspec.toml.decode(path.read_bytes(), type=Lab)
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be read ({error.strerror}).",
            "Run grader from a full checkout, or reinstall it.",
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{path} is not a valid lab description: {error}.", "Mend that line."
        ) from error
    ids = [line.id for line in lab.rubric]
    if len(set(ids)) != len(ids):
        raise ConfigurationError(
            f"{path} names a rubric item twice ({', '.join(ids)}).", "Give each its own id."
        )
    unknown = {m.item for m in lab.modules if m.item} - set(ids)
    if unknown:
        raise ConfigurationError(
            f"{path}: a module belongs to {', '.join(sorted(unknown))}, which the rubric lacks.",
            "Add the rubric item or mend the module's `item`.",
        )
    return lab


def find_project() -> Project:
    """Find the lab: beside the package in a checkout, inside it in an installed wheel.

    Raises
    ------
    ConfigurationError
        If neither place holds a `lab.toml`.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_lab", package.parent):
        if (root / "lab.toml").is_file():
            return Project(root=root, lab=read_lab(root / "lab.toml"))
    raise ConfigurationError(
        f"No lab.toml was found beside or inside {package}.",
        "Run grader from a full checkout, or reinstall it.",
    )
