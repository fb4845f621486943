"""Verifies the suite: the reference passes, bugs lose points in their items, variants nowhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from grader.lab import Project
from grader.sandbox.launch import Sandbox
from grader.suite.corpus import Bug, Corpus, Variant, apply_edits, choose, read_corpus
from grader.suite.implementations import right_solution, template_files
from grader.suite.observation import Job, Observation, Stops
from grader.suite.parallel import Progress, observe_all

REFERENCE, TEMPLATE = "reference", "template"
SEEDS_AT_ONCE = 25
"""Of the reference, in one process, so that several processes share the work."""


class Extent(StrEnum):
    """What a verification runs."""

    CORPUS = "corpus"
    """Reference and template, and every bug and variant."""

    REFERENCE = "reference"
    """Reference and template alone, to look for flakes under very many seeds."""


class CaseRecord(msgspec.Struct, frozen=True):
    """What is known of one case after a verification.

    Attributes
    ----------
    id : str
        After its suite, such as `hidden:full/forward[wide]`.
    place : str
        File and line of the test.
    runs : int
        How often it ran on right implementations.
    flakes : int
        How often it failed one.
    margin : float or None
        Largest error of a right implementation as a fraction of the tolerance.
    seconds : float
        Mean wall time on the reference.
    catches : tuple of str
        The bugs that it fails, at any seed.
    """

    id: str
    place: str
    runs: int
    flakes: int
    margin: float | None
    seconds: float
    catches: tuple[str, ...]


class Verification(msgspec.Struct, frozen=True):
    """The result of verifying a suite.

    Attributes
    ----------
    suite_version, suite_sha256 : str
        Which suite.
    sandbox : str
        `in-process`, or the kind of sandbox.
    seeds : tuple of int
        The grading seeds tried.
    only : tuple of str
        Patterns of the ids of the bugs and variants that were tried; empty if all were.
    bugs, variants : int
        How many were tried.
    problems : tuple of str
        Everything that keeps the suite from being trusted, a sentence each; empty if it holds.
    cases : tuple of CaseRecord
        Every case, in the order they ran.
    caught_by_one : mapping of str to str
        Bugs that a single case catches, with that case.
    missed_by_hidden : mapping of str to tuple of int
        Bugs that public cases alone catch under some seeds, with these seeds. Students can read
        the public cases.
    """

    suite_version: str
    suite_sha256: str
    sandbox: str
    seeds: tuple[int, ...]
    only: tuple[str, ...]
    bugs: int
    variants: int
    problems: tuple[str, ...]
    cases: tuple[CaseRecord, ...]
    caught_by_one: dict[str, str]
    missed_by_hidden: dict[str, tuple[int, ...]]

    @property
    def idle_cases(self) -> tuple[CaseRecord, ...]:
        """Cases that catch no bug of the corpus."""
        return tuple(case for case in self.cases if not case.catches)


def verify(
    project: Project,
    seeds: Sequence[int],
    jobs: int,
    sandbox: Sandbox | None,
    progress: Progress,
    extent: Extent = Extent.CORPUS,
    only: Sequence[str] = (),
) -> Verification:
    """Run reference, template, bugs and variants under many seeds.

    Parameters
    ----------
    project : Project
        A full checkout.
    seeds : sequence of int
        Grading seeds. Of a bug or variant, only the items whose code differs run under each: the
        others run what the reference runs. Where there is more than one seed, all items run under
        the first, which finds code that reaches into another item on import. Of a bug, under the
        seeds after the first, a hidden case that fails ends its item's part of the seed; a variant
        always runs whole.
    jobs : int
        How many processes to use.
    sandbox : Sandbox or None
        Where the implementations run; None for in-process.
    progress : callable
        Told after each implementation.
    extent : Extent
        Whether to run bugs and variants at all.
    only : sequence of str
        Patterns of the ids of the bugs and variants to run; all if empty. The reference then runs
        under the first seed alone, so that a corpus can be verified in parts.

    Raises
    ------
    GraderError
        If the corpus does not fit the reference, a pattern matches no entry, or a test file has
        an error.
    """
    corpus = read_corpus(project) if extent is Extent.CORPUS else Corpus((), ())
    if only:
        corpus = choose(corpus, only)
    of_reference = tuple(seeds[:1] if only else seeds)
    tasks = [
        *_whole_tasks(project, of_reference),
        *_corpus_tasks(project, corpus, tuple(seeds), sandbox is not None),
    ]
    observed: defaultdict[str, list[Observation]] = defaultdict(list)
    for owner, found in observe_all(tasks, project, sandbox, jobs, progress):
        observed[owner] += found
    problems = [
        *_reference_problems(observed[REFERENCE]),
        *_template_problems(observed[TEMPLATE]),
        *(line for bug in corpus.bugs for line in _bug_problems(bug, observed[bug.id], seeds)),
        *(
            line
            for variant in corpus.variants
            for line in _variant_problems(variant, observed[variant.id])
        ),
    ]
    caught = {
        bug.id: tuple(dict.fromkeys(o.case for o in observed[bug.id] if not o.passed))
        for bug in corpus.bugs
    }
    right = [observed[REFERENCE], *(observed[variant.id] for variant in corpus.variants)]
    return Verification(
        suite_version=project.lab.suite.version,
        suite_sha256=project.suite_digest(),
        sandbox="in-process" if sandbox is None else sandbox.kind,
        seeds=tuple(seeds),
        only=tuple(only),
        bugs=len(corpus.bugs),
        variants=len(corpus.variants),
        problems=tuple(problems),
        cases=_case_records(observed[REFERENCE], right, caught),
        caught_by_one={bug: cases[0] for bug, cases in caught.items() if len(cases) == 1},
        missed_by_hidden={
            bug.id: missed
            for bug in corpus.bugs
            if (missed := _missed_by_hidden(bug, observed[bug.id], seeds))
        },
    )


def _whole_tasks(project: Project, seeds: tuple[int, ...]) -> Iterable[tuple[str, Job]]:
    """Return the reference's jobs and the template's, of all items."""
    every = project.lab.test_items
    reference = right_solution(project)
    for start in range(0, len(seeds), SEEDS_AT_ONCE):
        yield (REFERENCE, Job(reference, every, seeds[start : start + SEEDS_AT_ONCE]))
    yield (TEMPLATE, Job(template_files(project), every, seeds[:1]))


def _corpus_tasks(
    project: Project, corpus: Corpus, seeds: tuple[int, ...], across: bool
) -> Iterable[tuple[str, Job]]:
    """Return a job for each bug and variant."""
    reference = right_solution(project)
    entries: list[Bug | Variant] = [*corpus.bugs]
    entries += [variant for variant in corpus.variants if across or not variant.bridge_only]
    for entry in entries:
        files = apply_edits(reference, entry.edits, entry.id)
        touched = _touched_items(project, {edit.file for edit in entry.edits})
        stops = Stops.AT_FAILURE_OF_SEED if isinstance(entry, Bug) else Stops.NEVER
        items = project.lab.test_items if len(seeds) > 1 else touched
        yield (entry.id, Job(files, items, seeds, stops, later_items=touched))


def _touched_items(project: Project, edited: set[str]) -> tuple[str, ...]:
    """Return the items whose code differs; all, where what they import may."""
    own = {f"layers/{m.file}": m.item for m in project.lab.modules if m.item}
    if not edited <= own.keys():
        return project.lab.test_items
    return tuple(item for item in project.lab.test_items if item in {own[f] for f in edited})


def _reference_problems(observed: Sequence[Observation]) -> Iterable[str]:
    for one in observed:
        if not one.passed:
            yield (
                f"The reference fails {one.case} with seed {one.seed} ({one.said}); "
                f"mend the test in {one.place}."
            )


def _template_problems(observed: Sequence[Observation]) -> Iterable[str]:
    for one in observed:
        if one.passed:
            yield (
                f"The untouched template passes {one.case}; make the test in {one.place} use "
                "what it tests."
            )


def _bug_problems(bug: Bug, observed: Sequence[Observation], seeds: Sequence[int]) -> Iterable[str]:
    public = {one.item for one in observed if not one.passed and one.case.startswith("public:")}
    for item in bug.items:
        caught = {one.seed for one in observed if not one.passed and one.item == item}
        missed = [seed for seed in seeds if seed not in caught]
        if missed and item not in public:
            yield (
                f"The bug {bug.id} ({bug.mind}) keeps all points of {item} with "
                f"{len(missed)} of {len(seeds)} seeds, {missed[0]} among them; add a case that "
                "catches it."
            )
    known = {one.case.partition("[")[0] for one in observed if one.item in bug.items}
    for case in bug.keeps or ():
        if case not in known:
            yield f"The bug {bug.id} keeps {case}, which is no case of its items; mend the id."
    for one in observed:
        kept = bug.keeps is None or one.case.partition("[")[0] in bug.keeps
        if one.passed and one.item in bug.items and one.seed == seeds[0] and not kept:
            yield (
                f"The bug {bug.id} ({bug.mind}) passes {one.case} with seed {one.seed}; make the "
                f"test in {one.place} require more, or name the case in the bug's `keeps`."
            )
        if not one.passed and one.item not in bug.items:
            yield (
                f"The bug {bug.id} loses {one.case} as well, with seed {one.seed} ({one.said}); "
                f"test {one.item} apart in {one.place}, or name the item in the bug."
            )


def _missed_by_hidden(
    bug: Bug, observed: Sequence[Observation], seeds: Sequence[int]
) -> tuple[int, ...]:
    """Return the seeds under which no hidden case fails in one of the bug's items."""
    caught = {
        (one.item, one.seed)
        for one in observed
        if not one.passed and one.case.startswith("hidden:")
    }
    return tuple(seed for seed in seeds if any((item, seed) not in caught for item in bug.items))


def _variant_problems(variant: Variant, observed: Sequence[Observation]) -> Iterable[str]:
    for one in observed:
        if not one.passed:
            yield (
                f"The variant {variant.id} ({variant.what}) is right and fails {one.case} with "
                f"seed {one.seed} ({one.said}); mend the test in {one.place}."
            )


def _case_records(
    reference: Sequence[Observation],
    right: Sequence[Sequence[Observation]],
    caught: dict[str, tuple[str, ...]],
) -> tuple[CaseRecord, ...]:
    runs: Counter[str] = Counter()
    flakes: Counter[str] = Counter()
    margins: dict[str, float] = {}
    for one in (one for observed in right for one in observed):
        runs[one.case] += 1
        flakes[one.case] += not one.passed
        if one.margin is not None:
            margins[one.case] = max(one.margin, margins.get(one.case, 0.0))
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for one in reference:
        seconds[one.case].append(one.seconds)
    places = {one.case: one.place for one in reference}
    return tuple(
        CaseRecord(
            id=case,
            place=places[case],
            runs=runs[case],
            flakes=flakes[case],
            margin=margins.get(case),
            seconds=sum(times) / len(times),
            catches=tuple(bug for bug, cases in caught.items() if case in cases),
        )
        for case, times in seconds.items()
    )
