"""The structure check: whether files, folders, classes and methods are there by their names.

Sources are read as syntax trees; nothing of the submission is imported or run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from grader.checks.static_names import ClassBody, StaticNames
from grader.intake import NOT_PACKED, listed, quoted
from grader.lab import Lab, ModuleSpec
from grader.model import CaseResult, ItemResult, Outcome, Submission, Suite

_ITEM = "structure"
# Every case weighs the same. There are twenty: half a point each of the rubric's ten, which is
# what one wrong name should cost. A missing file also lacks its class, and so costs a whole point.
_WEIGHT = 1.0


def check_structure(submission: Submission, lab: Lab) -> ItemResult:
    """Check names and folders.

    Parameters
    ----------
    submission : Submission
        As intake took it in. A folder that is not packed yet has no archive to judge.
    lab : Lab
        For the required files, classes, methods and their accepted spellings.

    Returns
    -------
    ItemResult
        Without points: they follow from the cases' weights.
    """
    cases = tuple(_Structure(submission, lab).cases())
    passed = sum(case.outcome is Outcome.PASSED for case in cases)
    if passed == len(cases):
        outcome = Outcome.PASSED
    else:
        outcome = Outcome.PARTIAL if passed else Outcome.FAILED
    line = lab.line(_ITEM)
    return ItemResult(
        id=line.id,
        description=line.description,
        max_points=line.points,
        outcome=outcome,
        feedback=tuple(f.message for f in submission.naming if f.costs is None),
        cases=cases,
    )


def _case(id_: str, about: str, *misses: str) -> CaseResult:
    return CaseResult(
        id=f"{_ITEM}/{id_}",
        suite=Suite.STRUCTURE,
        outcome=Outcome.FAILED if misses else Outcome.PASSED,
        weight=_WEIGHT,
        about=about,
        feedback=misses,
    )


class _Structure:
    """One submission's cases, in the order a reader would look."""

    def __init__(self, submission: Submission, lab: Lab) -> None:
        self._submission = submission
        self._lab = lab
        self._names = StaticNames(submission.files)
        self._costly = [f for f in submission.naming if f.costs is not None]

    def cases(self) -> Iterator[CaseResult]:
        if all(finding.id != NOT_PACKED for finding in self._submission.naming):
            about = f"The archive is named {self._lab.lab.archive}."
            yield _case("archive-name", about, *self._intake("archive-name"))
            about = "The archive holds one folder, named as the archive."
            yield _case("top-folder", about, *self._intake("top-folder"))
        yield self._folder("layers", "the layers you write")
        for module in self._lab.modules:
            yield self._file(f"layers/{module.file}")
        yield self._exports()
        for module in self._lab.modules:
            if module.defines and module.item:
                yield self._class(module, module.defines)
            elif module.defines:
                yield self._function(module, module.defines)
        yield self._folder("test", "the public tests")
        yield self._folder("results", "your plots")
        yield self._file("better_cifar.py")

    def _intake(self, case: str) -> list[str]:
        """Return what intake found that costs this case."""
        return [finding.message for finding in self._costly if finding.costs == case]

    def _folder(self, name: str, holds: str) -> CaseResult:
        misses = self._intake(name)
        if name not in self._submission.folders:
            instead = self._similar(name, self._submission.folders)
            misses.append(
                f"There is no folder {name}/{instead}: put {holds} into a folder of that name "
                "(zip tools may drop an empty one)."
            )
        return _case(name, f"The folder {name}/ is there.", *misses)

    def _file(self, path: str) -> CaseResult:
        misses = self._intake(path)
        if path not in self._submission.files:
            instead = self._similar(path, self._submission.files)
            misses.append(f"There is no file {path}{instead}: add it, or rename yours.")
        return _case(path, f"The file {path} is there.", *misses)

    def _similar(self, wanted: str, paths: Iterable[str]) -> str:
        """Say which of the paths that nobody asked for may have been meant."""
        required = {"layers", "test", "results", "better_cifar.py"}
        required |= {f"layers/{module.file}" for module in self._lab.modules}
        others = sorted(set(paths) - required)
        name = wanted.rpartition("/")[2]
        close = [path for path in others if path.rpartition("/")[2] == name]
        close += difflib.get_close_matches(wanted, others, n=1, cutoff=0.75)
        return f", but there is {quoted(close[0])}" if close else ""

    def _exports(self) -> CaseResult:
        about = f"layers/__init__.py exports {', '.join(self._lab.classes)}."
        if problem := self._problem("layers/__init__.py"):
            return _case("exports", about, problem)
        missing = [name for name in self._lab.classes if not self._exported(name)]
        if not missing:
            return _case("exports", about)
        lines = "; ".join(
            f"from .{self._lab.classes[name].rpartition('.')[2]} import {name}" for name in missing
        )
        return _case(
            "exports",
            about,
            f"layers/__init__.py does not export {', '.join(missing)}: add {lines}.",
        )

    def _exported(self, name: str) -> bool:
        """Tell whether the package binds the name; whether its module has it is another case."""
        package = self._names.namespace("layers")
        if package is None:
            return False
        return (
            name in package.bindings
            or self._lab.classes[name] in package.stars
            or bool(self._names.lookup("layers", name))
        )

    def _class(self, module: ModuleSpec, name: str) -> CaseResult:
        path = f"layers/{module.file}"
        about = f"{path} has the class {name} with {', '.join(module.methods)}."
        found = self._names.lookup(module.module, name)
        bodies = [each for each in found if isinstance(each, ClassBody)]
        if len(bodies) < len(found):  # it may be anything
            return _case(name, about)
        if not bodies:
            return _case(name, about, self._problem(path) or self._no_class(module, name))
        missing, held = min(
            (self._missing_methods(module, body, name) for body in bodies),
            key=lambda miss: len(miss[0]),
        )
        if not missing:
            return _case(name, about)
        return _case(
            name,
            about,
            f"{path}: the class {name} has {listed(held, most=8) if held else 'no methods'} and "
            f"lacks {', '.join(missing)}: add what is missing, or mend its spelling.",
        )

    def _missing_methods(
        self, module: ModuleSpec, body: ClassBody, name: str
    ) -> tuple[list[str], list[str]]:
        names, opaque = self._names.members(body, name)
        missing = [
            method
            for method in module.methods
            if not opaque and names.isdisjoint({method, *self._lab.spellings.get(method, ())})
        ]
        return missing, sorted(names)

    def _no_class(self, module: ModuleSpec, name: str) -> str:
        classes = self._names.classes(module.module)
        instead = f" but {listed(classes)}" if classes else ""
        return f"layers/{module.file} has no class {name}{instead}: write it, or rename yours."

    def _function(self, module: ModuleSpec, name: str) -> CaseResult:
        path = f"layers/{module.file}"
        about = f"{path} has {name}."
        if self._names.lookup(module.module, name):
            return _case(name, about)
        miss = f"{path} has no function {name}: keep the one from the template."
        return _case(name, about, self._problem(path) or miss)

    def _problem(self, path: str) -> str | None:
        """Say why a source cannot be looked into, if so."""
        if path not in self._submission.files:
            return f"{path} is missing, so nothing can be found in it."
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        space = self._names.namespace(module)
        if space and space.problem:
            return f"{path}: {space.problem}: mend that first."
        return None
