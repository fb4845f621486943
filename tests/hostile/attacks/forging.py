"""Attacks on the verdict: code that does none of the work and wants it to be taken for right."""

from __future__ import annotations

from grader.model import Outcome
from tests.hostile.attack import Attack

_PLACES = ("", "layers/", "test/")
_HOOKS = """
print("GAINED: a smuggled file ran", flush=True)

def pytest_runtest_makereport(item, call):
    call.excinfo = None

def pytest_collection_modifyitems(items):
    items.clear()
"""
_SMUGGLED = {
    f"{place}{name}": text
    for place in _PLACES
    for name, text in {
        "conftest.py": _HOOKS,
        "sitecustomize.py": _HOOKS,
        "usercustomize.py": _HOOKS,
        "numpy.py": _HOOKS,
        "msgspec.py": _HOOKS,
        "pytest.ini": "[pytest]\naddopts = --collect-only\n",
        "grader.pth": "import sys; print('GAINED: a .pth file ran')\n",
    }.items()
}

# Sevens, since zeros are right here and there; and the argument is overwritten, so that not even
# the case passes which asks for nothing but an untouched argument.
_FORGED_ARRAYS = """
import itertools

class Agreeable:
    __eq__ = __le__ = __ge__ = __bool__ = __contains__ = lambda self, *other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __hash__ = object.__hash__
    __float__ = lambda self: 0.0

class Subclass(Agreeable, np.ndarray):
    "An array that answers every function of numpy's itself."

    def __new__(cls, shape):
        return np.full(shape, 7.0).view(cls)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.bool_(True) if ufunc in (np.equal, np.less_equal) else np.zeros(self.shape)

    def __array_function__(self, function, types, args, kwargs):
        return True

class Object(Agreeable):
    "No array, but what claims to be one in every way that numpy and Python ask."

    __class__ = np.ndarray
    dtype, ndim, __array_priority__ = np.dtype(np.float64), 2, 1e9

    def __init__(self, shape):
        self.shape, self.size = shape, int(np.prod(shape))

    def __array__(self, dtype=None, copy=None):
        return np.zeros(self.shape)

    @property
    def __array_interface__(self):
        return np.zeros(self.shape).__array_interface__

    def __getattr__(self, name):
        return lambda *args, **kwargs: self

    __len__ = lambda self: self.shape[0]
    __sub__ = __rsub__ = __abs__ = lambda self, *other: self

def elements(shape):
    "An array of objects that are equal to everything."
    array = np.empty(shape, dtype=object)
    array[...] = Agreeable()
    return array

FORMS = {
    "Subclass": Subclass,
    "Object": Object,
    "elements": elements,
    "not-a-number": lambda shape: np.full(shape, np.nan if sum(shape) % 2 else np.inf),
    "record": lambda shape: np.zeros(shape, dtype="V0"),
    "mask": lambda shape: np.ma.masked_all(shape),
    "list": lambda shape: [Agreeable()] * shape[0],
}
turn = itertools.cycle(FORMS)

def forged(self, array):
    form = next(turn)
    print("CANARY", form, flush=True)
    array[...] = 0
    return FORMS[form](array.shape)

SoftMaxLayer.forward = SoftMaxLayer.backward = forged
SoftMaxLayer.update_param = lambda self, lr: None
"""

FORGING = (
    Attack(
        name="report-rewritten-at-exit",
        tries="An exit hook, and a first run of it at once, write reports full of passes.",
        code="""
import atexit, json, os

def rewrite():
    report = json.dumps({"exitcode": 0, "summary": {"passed": 99}, "tests": []})
    for folder in (".", "/tmp", "/bridge", "/"):
        for name in ("report.json", ".report.json", "results.json"):
            try:
                open(os.path.join(folder, name), "w").write(report)
            except OSError:
                continue
    print("CANARY: wrote reports", flush=True)

atexit.register(rewrite)
rewrite()
""",
        on="empty",
        outcome=Outcome.FAILED,
    ),
    Attack(
        name="exit-0-at-import",
        tries="The process ends with exit code 0 as soon as it is imported.",
        code="""
import os
print("CANARY: about to exit", flush=True)
os._exit(0)
""",
        outcome=Outcome.CRASHED,
        harmless=True,
    ),
    Attack(
        name="exit-0-in-forward",
        tries="The process ends with exit code 0 in the middle of a case.",
        code="""
import os

def forward(self, x):
    print("CANARY: about to exit", flush=True)
    os._exit(0)

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.CRASHED,
        harmless=True,
    ),
    Attack(
        name="exceptions-that-end-runs",
        tries="What leaves through an `except Exception`, and what pytest takes for a skipped test "
        "or the end of the run.",
        code="""
import itertools

class Skipped(BaseException):
    __module__ = "_pytest.outcomes"

class Exit(BaseException):
    __module__ = "_pytest.outcomes"

turn = itertools.cycle([SystemExit(0), KeyboardInterrupt(), GeneratorExit(), Skipped(), Exit()])

def forward(self, x):
    ending = next(turn)
    print("CANARY", type(ending).__name__, flush=True)
    raise ending

SoftMaxLayer.forward = forward
""",
        forms=("SystemExit", "KeyboardInterrupt", "GeneratorExit", "Skipped", "Exit"),
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="smuggled-files",
        tries="conftest.py, pytest.ini, numpy.py, sitecustomize.py and a .pth file in three places "
        "wait to be loaded by whoever looks there.",
        code=f"""
import pathlib
lying_there = [name for name in {sorted(_SMUGGLED)!r} if pathlib.Path(name).exists()]
print("CANARY: smuggled", len(lying_there), "of", {len(_SMUGGLED)}, flush=True)
""",
        files=_SMUGGLED,
        on="empty",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="patched-numpy",
        tries="Everything that compares arrays, or tells types, is replaced by what says yes.",
        code="""
import builtins, unittest
import numpy.testing

def yes(*args, **kwargs):
    return True

for name in ("allclose", "array_equal", "isclose", "all", "array_equiv"):
    setattr(np, name, yes)
for name in ("assert_allclose", "assert_array_equal", "assert_almost_equal", "assert_equal"):
    setattr(np.testing, name, yes)
for name in ("assertEqual", "assertTrue", "assertAlmostEqual", "fail"):
    setattr(unittest.TestCase, name, yes)
builtins.AssertionError = type("Nothing", (Exception,), {})
assert np.allclose(0, 1) and np.testing.assert_equal(0, 1)
print("CANARY: numpy says that 0 is 1", flush=True)

def forged(self, array):
    array[...] = 0
    return np.full(array.shape, 7.0)

SoftMaxLayer.forward = SoftMaxLayer.backward = forged
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="forged-arrays",
        tries="What is returned agrees with everything it is compared or computed with.",
        code=_FORGED_ARRAYS,
        forms=("Subclass", "Object", "elements", "not-a-number", "record", "mask", "list"),
        outcome=Outcome.FAILED,
        harmless=True,
    ),
)
