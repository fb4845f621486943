"""Attacks on the interpreter: modules, bytecode, libraries, sources, the stack, object hooks."""

from __future__ import annotations

from grader.model import Outcome
from tests.hostile.attack import Attack

# What a module does that was smuggled in under the name of another.
_CAUGHT = "print('GAINED: a smuggled module ran', flush=True)\n"

TWISTING = (
    Attack(
        name="replaced-modules",
        tries="Every module that a careless grader would use next is replaced in sys.modules, and "
        "so are the import hooks.",
        code="""
import sys, types

class Yes(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: True

replaced = 0
for name in ("pytest", "unittest", "numpy.testing", "json", "hashlib", "math", "hidden_tests",
             "grader.bridge.channel", "grader.checks", "layers.relu", "layers.full"):
    sys.modules[name] = Yes(name)
    replaced += 1
sys.meta_path.insert(0, Yes("finder"))
sys.meta_path.pop(0)
sys.path_hooks.clear()
print("CANARY: replaced", replaced, "modules", flush=True)

def forged(self, array):
    array[...] = 0
    return True

SoftMaxLayer.forward = SoftMaxLayer.backward = forged
SoftMaxLayer.update_param = lambda self, lr: None
""",
        on="empty",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="smuggled-bytecode",
        tries="Bytecode for modules of the grader's and numpy's lies where an import would look, "
        "written while the item runs, for the items that come after.",
        code=f"""
import importlib.util, os, pathlib, py_compile

source = pathlib.Path("smuggled.py")
source.write_text({_CAUGHT!r})
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
written = 0
here = pathlib.Path.cwd()
for name in ("numpy", "msgspec", "random", "cross_entropy", "layers/cross_entropy"):
    for target in (here / f"{{name}}.pyc", pathlib.Path(importlib.util.cache_from_source(
            str(here / f"{{name}}.py")))):
        if target.exists() or "cross_entropy" in name and "__pycache__" in str(target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        py_compile.compile(str(source), cfile=str(target), invalidation_mode=unchecked)
        written += 1
source.unlink()
print("CANARY: wrote", written, "files of bytecode", flush=True)
""",
        harmless=True,
    ),
    Attack(
        name="malicious-library",
        tries="A shared library whose initialiser would run in whatever loads it: an ELF file made "
        "by hand, preloaded, imported and opened.",
        code="""
import ctypes, os, pathlib, struct, subprocess, sys

# A shared object with one loadable segment and a broken dynamic section.
header = b"\\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack(
    "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
segments = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, 4096, 4096, 4096)
segments += struct.pack("<IIQQQQQQ", 2, 6, 200, 200, 200, 64, 64, 8)
library = pathlib.Path("layers/evil.so")
library.write_bytes((header + segments).ljust(200, b"\\0") + b"\\xff" * 64)
pathlib.Path("numpy.so").write_bytes(library.read_bytes())
steps = {
    "opened": lambda: ctypes.CDLL(str(library.resolve())),
    "imported": lambda: __import__("layers.evil"),
    "executed": lambda: os.posix_spawn(str(library.resolve()), [], {}),
}
for name, step in steps.items():
    child = os.fork()
    if child == 0:
        try:
            step()
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
os.environ["LD_PRELOAD"] = os.environ["LD_AUDIT"] = str(library.resolve())
os.environ["PYTHONPATH"] = os.getcwd()
print("CANARY: planted a library", flush=True)
""",
        files={"numpy.so": "not a library", "layers/_softmax.cpython-311-x86_64-linux-gnu.so": ""},
    ),
    Attack(
        name="null-bytes-in-source",
        tries="Modules with null bytes, which C code takes for the end of a text, and with two "
        "byte order marks.",
        code="""
import importlib

refused = 0
for name in ("layers.helper", "layers.marked"):
    try:
        importlib.import_module(name)
    except (SyntaxError, ValueError):
        refused += 1
print("CANARY: refused", refused, "of 2", flush=True)
""",
        files={
            "layers/helper.py": "x = 1\n\0import os; print('GAINED: ran past a null byte')\n",
            "layers/marked.py": "\ufeff\ufeffprint('GAINED: ran past two byte order marks')\n",
        },
        harmless=True,
    ),
    Attack(
        name="byte-order-mark",
        tries="A module behind a byte order mark, with a declared encoding that contradicts it.",
        code="""
import importlib, pathlib

text = "print('CANARY: ran behind a mark', flush=True)\\n"
pathlib.Path("layers/marked.py").write_bytes(b"\\xef\\xbb\\xbf" + text.encode())
importlib.invalidate_caches()
importlib.import_module("layers.marked")
pathlib.Path("layers/lying.py").write_bytes(b"\\xef\\xbb\\xbf# coding: utf-7\\n" + text.encode())
try:
    importlib.import_module("layers.lying")
    print("GAINED: an encoding that is not the file's", flush=True)
except SyntaxError:
    pass
""",
        harmless=True,
    ),
    Attack(
        name="stack-overflow",
        tries="Recursion without end, past the interpreter's limit, until the C stack overflows.",
        code="""
import sys

def forward(self, x):
    print("CANARY: recurses", flush=True)
    sys.setrecursionlimit(2**31 - 1)
    nested = []
    for _ in range(10**7):
        nested = [nested]
    return repr(nested)

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.CRASHED,
        limits={"lost_processes": 1},
    ),
    Attack(
        name="object-hooks",
        tries="__reduce__, __del__, __array__, __getattr__ and a metaclass, in whatever is handed "
        "back: they would run in a grader that pickles, copies or compares.",
        code="""
import os, weakref

GRADER = "/proc/1/root/reduced"

class Meta(type):
    __instancecheck__ = __subclasscheck__ = lambda *args: True
    __eq__ = lambda *args: True
    __hash__ = type.__hash__

class Hooked(metaclass=Meta):
    def __reduce__(self):
        return os.system, ("echo GAINED: unpickled",)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()
    __copy__ = __deepcopy__ = lambda self, *memo: os._exit(0)
    __iter__ = lambda self: iter([Hooked()])
    __index__ = __len__ = lambda self: 2**62
    __float__ = lambda self: 0.0

    def __array__(self, *args, **kwargs):
        return np.full((2, 2), 7.0)

    def __del__(self):
        raise SystemExit("from a finaliser")

    def __getattr__(self, name):
        raise KeyboardInterrupt(name)

def forged(self, array):
    print("CANARY: hands back hooks", flush=True)
    array[...] = 0
    weakref.finalize(array.base if array.base is not None else self, os.write, 1, b"")
    return Hooked()

SoftMaxLayer.forward = SoftMaxLayer.backward = forged
SoftMaxLayer.update_param = lambda self, lr: None
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="ctypes-writes",
        tries="The interpreter's own constants and the frames of its callers are overwritten, so "
        "that wrong answers look right from within.",
        code="""
import ctypes, sys

class Float(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ssize_t), ("kind", ctypes.c_void_p), ("value", ctypes.c_double))

tolerance = 1e-9
Float.from_address(id(tolerance)).value = 1e9
flags = np.zeros(3)
flags.setflags(write=False)
ctypes.memset(flags.ctypes.data, 255, flags.nbytes)
print("CANARY: a constant is now", tolerance, "and an array", flags, flush=True)

def forged(self, array):
    ctypes.memset(array.ctypes.data, 0, array.nbytes)
    return np.full(array.shape, 7.0)

SoftMaxLayer.forward = SoftMaxLayer.backward = forged
SoftMaxLayer.update_param = lambda self, lr: None
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
)
