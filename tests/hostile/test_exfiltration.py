"""Hidden values do not reach students through anything that their code can shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from grader.checks.layer_tests import run_layer_tests
from grader.demo import EXAMPLES, example_files
from grader.intake import read_archive
from grader.lab import Project
from grader.model import Audience, Submission, Suite
from grader.pipeline import Plan, grade
from grader.report.json_report import to_json
from tests.hostile.attack import write_zip
from tests.hostile.conftest import WatchedSandbox

SEED = 7
ITEMS = ("full", "relu")
# What the attacks make of an input: a word that nothing else in a report looks like, and that
# can be the name of a class, a function or a file.
MARKER = re.compile(r"LEAK_\w+_KAEL")

_LEAK = """
def leak(array):
    number = float(array.flat[0]).hex()
    for sign, letter in (".", "p"), ("-", "m"), ("+", "a"):
        number = number.replace(sign, letter)
    word = "LEAK_" + number + "_KAEL"
    print(word, flush=True)
    return word
"""

WAYS_OUT = {
    "returned values and exceptions": """
import builtins, itertools

def as_text(secret):
    raise ValueError(secret)

def as_class_name(secret):
    raise type(secret, (ValueError,), {})("nothing to see here")

def as_builtin(secret):
    error = type(secret, (ValueError,), {"__module__": "builtins"})
    setattr(builtins, secret, error)
    raise error

def as_assertion(secret):
    raise AssertionError(secret)

def as_file_and_function(secret):
    space = {}
    path = __file__.replace("full.py", secret + ".py")
    exec(compile(f"def {secret}(): raise KeyError('{secret}')", path, "exec"), space)
    space[secret]()

def as_syntax_error(secret):
    raise SyntaxError(secret, (__file__, 1, 1, secret))

def as_note_and_cause(secret):
    error = RuntimeError("noted")
    error.add_note(secret)
    raise error from ValueError(secret)

ways = itertools.cycle([
    as_text, as_class_name, as_builtin, as_assertion, as_file_and_function, as_syntax_error,
    as_note_and_cause,
    lambda secret: secret,
    lambda secret: [secret] * 3,
    lambda secret: {secret: secret},
    lambda secret: type(secret, (), {})(),
    lambda secret: np.array([secret]),
    lambda secret: np.zeros(1, dtype=[(secret, "f8")]),
])

def forward(self, x):
    return next(ways)(leak(x))

FullLayer.forward = forward
""",
    "broken frames": """
import sys
from grader.bridge import protocol

def forward(self, x):
    secret, frame = leak(x), sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "_stream"):
        frame = frame.f_back
    stream, array = frame.f_locals["self"]._stream, memoryview(b"")
    stream.send([
        secret.encode(),
        protocol.encode(protocol.Hello(secret)).replace(b"hello", secret.encode()[:5]),
        protocol.encode(protocol.Returned(
            frame.f_locals["request"].id, protocol.Array(secret, [1], secret, array))),
    ][len(secret) % 3])

FullLayer.forward = forward
""",
    "files kept for the next item's public cases": """
right_forward = FullLayer.forward

def forward(self, x):
    with open("stash", "a") as stash:
        stash.write(leak(x) + " ")
    return right_forward(self, x)

FullLayer.forward = forward
""",
}

# The neighbour tells in its public cases, whose exceptions students may read, what it finds.
_TELL = """
import pathlib

def forward(self, x):
    stash = pathlib.Path("stash")
    raise ValueError(stash.read_text()[-400:] if stash.exists() else "nothing kept")

ReluLayer.forward = forward
"""


def submission_of(files: Mapping[str, bytes], project: Project, folder: Path) -> Submission:
    taken_in = read_archive(write_zip(files, folder), project.lab)
    assert isinstance(taken_in, Submission)
    return taken_in


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda way: way.replace(" ", "-"))
def test_hidden_values_reach_staff_and_not_students(
    way: str, watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    files = example_files(project, EXAMPLES[0])
    files["layers/full.py"] += (_LEAK + WAYS_OUT[way]).encode()
    files["layers/relu.py"] += _TELL.encode()

    # A lost process costs its case, and each case has another value to lose.
    limits = msgspec.structs.replace(project.lab.limits, lost_processes=1000)
    lab = msgspec.structs.replace(project.lab, limits=limits)
    project = msgspec.structs.replace(project, lab=lab)
    submission = submission_of(files, project, tmp_path)
    public, _ = run_layer_tests(submission, project, watched, ITEMS, (Suite.PUBLIC,), SEED)
    report = grade(write_zip(files, tmp_path), Plan(project, watched, SEED, ITEMS)).report
    full = next(item for item in report.items if item.id == "full")
    # What was seen in hidden cases alone.
    secrets = {*MARKER.findall(full.output)} - {*MARKER.findall(public.output)}
    assert len(secrets) > 2, "the attack saw no hidden value"

    told_staff = {*MARKER.findall(to_json(report, Audience.STAFF).decode())}
    told_students = {*MARKER.findall(to_json(report, Audience.STUDENT).decode())}
    assert secrets <= told_staff
    assert told_students & secrets == set()
