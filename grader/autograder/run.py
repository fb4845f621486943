"""Grades one submission in Gradescope's container, and says what is known as it goes on."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.autograder.metadata import GradescopeMetadata, read_metadata
from grader.autograder.settings import DATA, ROSTER, Settings, read_settings
from grader.batch.source.enrolment import person_of
from grader.batch.source.handed import Handed
from grader.batch.source.listing import open_listing
from grader.batch.source.repack import copy_to, repack, top_folder
from grader.checks import better_cifar
from grader.dataset.files import DataMissing, Dataset
from grader.dataset.store import VARIABLE, find_dataset
from grader.errors import GraderError, NoSandboxError
from grader.intake import Rejection, read_archive
from grader.lab import Lab, Project, find_project
from grader.model import ItemResult, Outcome, Report
from grader.pipeline import Plan, flags_of, grade, make_report, short_checks
from grader.report.lms.results_json import RESULTS, results_json
from grader.roster import read_roster
from grader.roster.matching import match
from grader.sandbox.bubblewrap import BubblewrapSandbox, probe_bubblewrap
from grader.sandbox.launch import Sandbox
from grader.sandbox.other_user import OtherUserSandbox
from grader.sandbox.runtime import runtime_for
from grader.sandbox.seccomp import filter_for

ROOT = Path("/autograder")
METADATA = "submission_metadata.json"


def main(words: list[str], root: Path = ROOT) -> int:
    """Grade, or with `--prepare` make ready what every run will need.

    Returns
    -------
    int
        The exit code. Where something of ours failed it is not 0, and there are no results:
        Gradescope shows the run as failed, and nobody has a zero.
    """
    try:
        project = find_project()
        if words == ["--prepare"]:
            # The folders that a run has, and closes, are not there yet.
            sandbox = _sandbox(project, (project.root,))
            _say(f"student code will run in the sandbox `{sandbox.kind}`")
            return 0
        return _grade(project, root)
    except GraderError as error:
        _say(str(error))
        (root / "results" / RESULTS).unlink(missing_ok=True)
        return error.exit_code


def _say(line: str) -> None:
    sys.stdout.write(f"grader: {line}\n")
    sys.stdout.flush()


def _grade(project: Project, root: Path) -> int:
    settings = read_settings(project.root)
    metadata = read_metadata(root / METADATA)
    results = root / "results" / RESULTS
    with tempfile.TemporaryDirectory(prefix="nn-lab-handed-in-") as folder:
        archive, name = _archive(root / "submission", Path(folder), metadata, project.lab)
        seed = _number_of(project, metadata, name)
        plan = Plan(project, None, settings.seed, settings.items, student_seed=seed)
        # Before anything can take long: a run that is cut off without results has zero points.
        report = grade(archive, msgspec.structs.replace(plan, items=()), name, metadata.lms).report
        _write(results, report, metadata, done=False)
        sandbox = _sandbox(project, (project.root, root / "results", root / METADATA))
        if not sandbox.isolated:
            _say("bubblewrap does not work in this container: student code runs as another user")
        plan = msgspec.structs.replace(plan, sandbox=sandbox, dataset=_dataset(project, settings))
        for report, done in _reports(archive, name, plan, metadata):
            _write(results, report, metadata, done=done)
    for item in report.items:
        _say(f"{item.id}: {item.outcome}")
    if any(item.outcome is Outcome.GRADER_ERROR for item in report.items):
        raise GraderError(f"There is {report.score_note}.", "Run it again.")
    return 0


def _write(path: Path, report: Report, metadata: GradescopeMetadata, *, done: bool) -> None:
    # Gradescope's own harness reads it, whoever that runs as.
    write_atomically(path, results_json(report, remarks=metadata.remarks, done=done), mode=0o644)


def _reports(
    archive: Path, name: str, plan: Plan, metadata: GradescopeMetadata
) -> Iterator[tuple[Report, bool]]:
    """Yield the report after each item, and whether it is the last."""
    taken_in = read_archive(archive, plan.project.lab, name)
    known: dict[str, ItemResult] = {}
    order = [item for item in plan.items if item != better_cifar.ITEM]
    if not isinstance(taken_in, Rejection):
        for item in order:
            alone = msgspec.structs.replace(plan, items=(item,))
            for check in short_checks(alone):
                known.update({one.result.id: one.result for one in check.run(taken_in)})
            pending = [each for each in plan.items if each not in known]
            flags = flags_of(taken_in)
            yield make_report(taken_in, plan, known, flags, {}, metadata.lms, pending), False
        if better_cifar.ITEM in plan.items and plan.dataset is not None:
            alone = msgspec.structs.replace(plan, items=(better_cifar.ITEM,))
            trained = grade(archive, alone, name).report
            known.update({one.id: one for one in trained.items if one.id == better_cifar.ITEM})
    yield make_report(taken_in, plan, known, flags_of(taken_in), {}, metadata.lms), True


def _archive(
    submission: Path, folder: Path, metadata: GradescopeMetadata, lab: Lab
) -> tuple[Path, str]:
    """Make an archive again of what Gradescope has unpacked; its lost names cost nothing."""
    target = folder / "handed-in.zip"
    with open_listing(submission) as listing:
        files = [
            file for file in listing.files if not (submission / Path(*file.parts)).is_symlink()
        ]
        if len(files) == 1 and files[0].name.lower().endswith(".zip"):
            copy_to(target, listing.content(files[0]))
            return target, files[0].name
        who = metadata.names[0] if metadata.names else ""
        top, dropped = top_folder([file.parts for file in files], who, lab.lab.name)
        contents = ((file.parts[dropped:], listing.content(file)) for file in files)
        repack(target, contents, top)
    return target, f"{top}.zip"


def _number_of(project: Project, metadata: GradescopeMetadata, name: str) -> int | None:
    """Return the student's number from the class list, if there is one in the zip."""
    path = project.root / ROSTER
    if not path.is_file():
        return None
    handed = Handed("", path, name, metadata.lms)
    found = match(read_roster(path).students, person_of(handed, project.lab.lab.name))
    if found.student is None:
        _say(f"no number from the class list: {found.why}")
    return None if found.student is None else found.student.seed


def _dataset(project: Project, settings: Settings) -> Dataset | None:
    if better_cifar.ITEM not in settings.items:
        return None
    os.environ[VARIABLE] = str(project.root / DATA)
    try:
        return find_dataset(project)
    except DataMissing as missing:
        _say(f"{missing} better_cifar is not run.")
        return None


def _sandbox(project: Project, closed: Iterable[Path]) -> Sandbox:
    """Return bubblewrap where it works, else another user who can read nothing of ours."""
    runtime = runtime_for(project.root, _say)
    try:
        program = probe_bubblewrap()
    except NoSandboxError:
        return OtherUserSandbox(runtime, [path for path in closed if path.exists()])
    return BubblewrapSandbox(program, runtime, filter_for(project.root))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
