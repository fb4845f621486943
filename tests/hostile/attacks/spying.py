"""Attacks on what is secret: code that answers right and looks for tests and expected values."""

from __future__ import annotations

from tests.hostile.attack import Attack

# Put together here, so that the attack does not find its own text and take it for a secret.
_SECRETS = """
SECRETS = ["expected" + "_values", "trusted" + "_layers", "hidden" + "_tests", "case" + "_plugin"]

def look(where, text):
    for secret in SECRETS:
        if secret in text:
            print("GAINED:", secret, "in", where, flush=True)
"""

SPYING = (
    Attack(
        name="stack-walking",
        tries="Expected values and test source in the stack's frames and among all live objects.",
        code=_SECRETS
        + """
import gc, inspect, sys

right_forward = SoftMaxLayer.forward

def forward(self, x):
    depth, frame = 0, sys._getframe(1)
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    for info in inspect.stack():
        look("a stack", f"{info.filename} {info.function} {list(info.frame.f_locals)}")
    seen = 0
    for thing in gc.get_objects():
        seen += 1
        if isinstance(thing, dict) and thing is not globals():
            look("an object", " ".join(k for k in list(thing) if isinstance(k, str)))
        elif inspect.isfunction(thing):
            look("a function", thing.__module__ or "")
    look("the modules", " ".join(sys.modules))
    print("CANARY: walked", depth, "frames and", seen, "objects", flush=True)
    SoftMaxLayer.forward = right_forward
    return right_forward(self, x)

SoftMaxLayer.forward = forward
""",
        harmless=True,
    ),
    Attack(
        name="file-system-walk",
        tries="Test files, the lab's settings and the reference anywhere in the file system.",
        code=_SECRETS
        + """
import os

LIBRARIES = ("site-packages", "dist-packages", "/runtime/packages", os.path.dirname(os.__file__))
if not os.path.exists("/tmp/walked"):
    files = 0
    for folder, below, names in os.walk("/"):
        below[:] = [name for name in below if (folder, name) not in (("/", "proc"), ("/", "sys"))]
        files += len(names)
        look(folder, " ".join([*names, *below]))
        if folder.startswith(os.getcwd()) or any(part in folder for part in LIBRARIES):
            continue
        if {"lab.toml", "test_softmax.py", "test_sequential.py", "make_template.py"} & {*names}:
            print("GAINED: tests in", folder, flush=True)
    print("CANARY: walked past", files, "files", flush=True)
    open("/tmp/walked", "w").close()
""",
        limits={"case_seconds": 20.0},
    ),
    Attack(
        name="other-processes",
        tries="Command lines, environments, folders and open files of every process in sight.",
        code=_SECRETS
        + """
import os, pathlib

seen = 0
for process in pathlib.Path("/proc").glob("[0-9]*"):
    for part in ("cmdline", "environ", "maps", "status", "cwd", "root", "fd"):
        try:
            place = process / part
            if part in ("cwd", "root"):
                text = " ".join(os.listdir(place))
            elif part == "fd":
                text = " ".join(os.readlink(link) for link in place.iterdir())
            else:
                text = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        seen += 1
        look(place, text)
        if "pytest" in text or "dockerd" in text:
            print("GAINED: a process of the host's", place, flush=True)
print("CANARY: read", seen, "things of processes", flush=True)
""",
    ),
    Attack(
        name="imports",
        tries="The tests, the reference and the trusted half of the grader as modules.",
        code="""
import importlib, sys

sys.path += ["/", "/bridge", "/opt/worker", "/runtime/worker", "/work", ".."]
for name in ("hidden_tests", "reference", "reference.layers", "student_template", "expected_values",
             "trusted_layers", "grader.checks", "grader.checks.case_plugin", "grader.lab",
             "grader.bridge.channel", "grader.bridge.session", "grader.sandbox.cell", "pytest"):
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    print("GAINED:", name, flush=True)
print("CANARY: tried to import", flush=True)
""",
    ),
    Attack(
        name="bridge-folder",
        tries="The folder of the grader's socket: read it, write to it, put another socket there.",
        code="""
import os, socket

folder = "/bridge"
if os.listdir(folder) != ["grader.sock"]:
    print("GAINED: beside the socket lies", os.listdir(folder), flush=True)
steps = {
    "write": lambda: open(folder + "/note", "w"),
    "remove": lambda: os.unlink(folder + "/grader.sock"),
    "rename": lambda: os.rename(folder + "/grader.sock", folder + "/other.sock"),
    "bind": lambda: socket.socket(socket.AF_UNIX).bind(folder + "/mine.sock"),
    "chmod": lambda: os.chmod(folder, 0o777),
    "link": lambda: os.link(folder + "/grader.sock", "/tmp/link"),
    "climb": lambda: os.listdir(folder + "/../nn-lab-cell"),
}
for name, step in steps.items():
    try:
        step()
    except OSError:
        continue
    print("GAINED:", name, flush=True)
print("CANARY: tried", len(steps), "things in", folder, flush=True)
""",
    ),
    Attack(
        name="spies-asked",
        tries="A Sequential asks the spy layers for what they remember and what they are made of.",
        item="sequential",
        code="""
from grader.bridge import protocol

NAMES = ("expected", "log", "calls", "journal", "_journal", "_place", "poses_as", "parameters",
         "__dict__", "__class__", "__init__", "__globals__", "note", "scale", "shift", "name")
right_init = Sequential.__init__

def ask(layer, make):
    try:
        return layer._ask(make)
    except Exception as error:
        return None

def init(self, layers, loss):
    right_init(self, layers, loss)
    asked = 0
    for layer in [*layers, loss]:
        handle = layer._wire.handle
        for name in NAMES:
            empty = protocol.Dict([], [])
            for message in (
                lambda number: protocol.HostGet(number, handle, name),
                lambda number: protocol.HostCall(number, handle, name, [], empty),
                lambda number: protocol.HostCall(number, handle, "forward." + name, [], empty),
            ):
                asked += 1
                if (answer := ask(layer, message)) is not None:
                    print("GAINED:", name, "is", type(answer), flush=True)
            ask(layer, lambda number: protocol.HostSet(number, handle, name, None))
    if layers:
        print("CANARY: asked for", asked, "things", flush=True)

Sequential.__init__ = init
""",
        harmless=True,
    ),
)
