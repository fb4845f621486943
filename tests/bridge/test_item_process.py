"""Item processes with real student code: what it may vary in, and what it may break."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from grader.bridge.faults import CaseTimedOut, ProcessLost, StudentFault, StudentRaised
from grader.bridge.session import GivenUp
from grader.model import Outcome

if TYPE_CHECKING:
    from tests.bridge.conftest import Student

RELU = "class ReluLayer:\n    def forward(self, x):\n        return x * (x > 0)\n"
GOOD = "class FullLayer:\n    def forward(self, x):\n        return x + 1\n"


def full(body: str, head: str = "") -> dict[str, str]:
    """Return a package with the lines as `FullLayer.forward(x)`."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return {
        "full": f"import os, sys, signal\nimport numpy as np\n{head}\nclass FullLayer:\n"
        f"    def forward(self, x=None, **more):\n{lines}"
    }


def forward(student: Student, *args: Any, item: str = "full", **kwargs: Any) -> Any:
    return student.case(item).FullLayer().forward(*args, **kwargs)


def broken(student: Student, item: str = "full") -> tuple[StudentFault, Outcome, str]:
    """Run a case that breaks its process; return the fault, and what settling it says."""
    with pytest.raises(StudentFault) as caught:
        forward(student, item=item)
    outcome, how = student.session.settle(caught.value)
    return caught.value, outcome, how


# What correct solutions vary in


def test_other_spellings_of_methods_and_attributes_are_understood(
    student: Callable[..., Student],
) -> None:
    source = (
        "class FullLayer:\n"
        "    def __init__(self):\n"
        "        self.w_grad = 1.0\n"
        "        self.steps = []\n"
        "    def backward(self, y_grad):\n"
        "        self.w_grad = y_grad * 2\n"
        "    def update_params(self, lr):\n"
        "        self.steps.append(lr * self.w_grad)\n"
    )
    layer = student({"full": source}).case().FullLayer()
    assert layer.W_grad == 1.0
    layer.backward(3.0)
    assert layer.W_grad == 6.0
    layer.W_grad = 4.0
    layer.update_param(0.5)
    assert layer.steps == [2.0]


def test_an_attribute_that_is_only_ever_read_is_set_under_its_own_spelling(
    student: Callable[..., Student],
) -> None:
    # A test sets the gradient before the student's code ever has.
    source = (
        "class FullLayer:\n    def update_param(self, lr):\n        self.W = -lr * self.w_grad\n"
    )
    layer = student({"full": source}).case().FullLayer()
    layer.W_grad = 4.0
    layer.update_param(0.5)
    assert layer.W == -2.0


def test_one_broken_module_does_not_cost_the_others_their_points(
    student: Callable[..., Student],
) -> None:
    one = student({"full": "def broken(:\n", "relu": RELU})
    assert one.case("relu").ReluLayer().forward(np.array([-1.0, 2.0])).tolist() == [0, 2]
    with pytest.raises(StudentRaised, match=r"SyntaxError.*\n  layers/full.py, line 1"):
        forward(one)


def test_the_other_modules_are_found_below_the_package_even_so(
    student: Callable[..., Student],
) -> None:
    sequential = (
        "from layers.relu import ReluLayer\nfrom layers import SoftMaxLayer\n"
        "from .softmax import SoftMaxLayer as Same\n"
        "class Sequential:\n    def fit(self):\n"
        "        return [ReluLayer.__name__, SoftMaxLayer is Same]\n"
    )
    softmax = "class SoftMaxLayer:\n    pass\n"
    one = student(
        {"full": "import nonsense\n", "relu": RELU, "softmax": softmax, "sequential": sequential}
    )
    assert one.case("sequential").Sequential().fit() == ["ReluLayer", True]


@pytest.mark.parametrize(
    ("modules", "files"),
    [
        ({"full": GOOD}, {"layers/__init__.py": None}),
        ({"full": GOOD, "__init__": ""}, {}),
        ({"full": GOOD, "__init__": "from layers.missing import Gone\n"}, {}),
        ({"__init__": GOOD}, {}),
        ({"full": GOOD, "__init__": "raise SystemExit\n"}, {}),
        ({"full": GOOD, "__init__": "import os\nos._exit(0)\n"}, {}),
        ({"full": "\ufeff" + GOOD.replace("\n", "\r\n")}, {}),
    ],
    ids=[
        *("no init", "empty init", "init imports what is not there", "class in init"),
        *("init raises SystemExit", "init ends the process", "BOM and CRLF"),
    ],
)
def test_a_right_class_is_found_however_the_package_is_put_together(
    student: Callable[..., Student], modules: dict[str, str], files: dict[str, bytes | None]
) -> None:
    assert forward(student(modules, files), 1) == 2


def test_a_missing_module_fails_its_own_cases(student: Callable[..., Student]) -> None:
    one = student({"relu": RELU})
    with pytest.raises(StudentRaised, match=r"No module named 'layers\.full'"):
        forward(one)
    assert one.case("relu").ReluLayer().forward(1) == 1


def test_a_missing_class_fails_its_own_cases(student: Callable[..., Student]) -> None:
    with pytest.raises(StudentRaised, match="FullLayer"):
        forward(student({"full": "class Fulllayer:\n    pass\n"}))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return np.float32(2)", np.float32(2)),
        ("return [1, (2.5, None), {'a': True}]", [1, (2.5, None), {"a": True}]),
        ("return 0", 0),
        ("return 'text'", "text"),
    ],
)
def test_plain_results_arrive_as_what_they_are(
    student: Callable[..., Student], body: str, expected: object
) -> None:
    result = forward(student(full(body)))
    assert result == expected
    assert type(result) is type(expected)


def test_a_result_without_plain_form_is_an_opaque_object_that_can_be_handed_back(
    student: Callable[..., Student],
) -> None:
    one = student(full("return {1, 2} if x is None else (type(x).__name__, len(x))"))
    layer = one.case().FullLayer()
    result = layer.forward()
    assert repr(result) == "<set>"
    assert layer.forward(result) == ("set", 2)


@pytest.mark.parametrize(
    "make", [np.array, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2]]
)
def test_student_code_gets_arrays_in_the_layout_that_the_test_made(
    student: Callable[..., Student], make: Callable[[Any], Any]
) -> None:
    x = make(np.arange(6.0).reshape(2, 3))
    told = forward(student(full("return [x.flags.c_contiguous, x.flags.f_contiguous, x.sum()]")), x)
    assert told == [x.flags.c_contiguous, x.flags.f_contiguous, 15.0]


def test_arguments_that_student_code_changes_in_place_change_in_the_test(
    student: Callable[..., Student],
) -> None:
    one = student(full("x -= x.max()\nmore['t'][:] = 0\nreturn x.sum()"))
    x, t, untouched = np.array([[1.0, 3.0]]), np.ones(2), np.array([1.0, 3.0])
    assert forward(one, x, t=t, other=untouched) == -2
    assert x.tolist() == [[-2, 0]]
    assert t.tolist() == [0, 0]
    assert untouched.tolist() == [1, 3]


def test_arguments_are_changed_also_when_student_code_raises_afterwards(
    student: Callable[..., Student],
) -> None:
    x = np.ones(2)
    with pytest.raises(StudentRaised):
        forward(student(full("x[0] = 5\nraise ValueError")), x)
    assert x.tolist() == [5, 1]


KEEPING = """
if not hasattr(self, 'kept'):
    self.kept = x
    return x.sum()
self.kept -= 1
"""


@pytest.mark.parametrize(
    "make", [np.array, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2]]
)
def test_an_argument_that_student_code_keeps_and_changes_later_changes_in_the_test(
    student: Callable[..., Student], make: Callable[[Any], Any]
) -> None:
    layer = student(full(KEEPING)).case().FullLayer()
    x, other = make([[1.0, 2.0], [3.0, 4.0]]), np.ones(2)
    assert layer.forward(x) == 10
    assert x.tolist() == [[1, 2], [3, 4]]
    layer.forward(other)
    assert x.tolist() == [[0, 1], [2, 3]]
    layer.forward()
    assert x.tolist() == [[-1, 0], [1, 2]]
    assert other.tolist() == [1, 1]


def test_an_argument_that_is_kept_by_a_view_alone_changes_in_the_test(
    student: Callable[..., Student],
) -> None:
    layer = student(full(KEEPING.replace("= x\n", "= x.T[1:]\n"))).case().FullLayer()
    x, strided = np.ones((2, 2)), np.ones((2, 4))[:, ::2]
    layer.forward(x)
    layer.forward()
    assert x.tolist() == [[1, 0], [1, 0]]
    del layer
    layer = student(full(KEEPING.replace("= x\n", "= x.T[1:]\n"))).case().FullLayer()
    layer.forward(strided)
    layer.forward()
    assert strided.tolist() == [[1, 0], [1, 0]]


def test_an_argument_changes_in_the_test_also_at_what_is_read_or_set(
    student: Callable[..., Student],
) -> None:
    source = (
        "class FullLayer:\n"
        "    def __init__(self, x):\n        self.x = x\n"
        "    @property\n    def W(self):\n        self.x += 1\n        return 0\n"
        "    @W.setter\n    def W(self, value):\n        self.x *= value\n"
    )
    one = student({"full": source})
    x = np.ones(2)
    layer = one.case().FullLayer(x)
    assert layer.W == 0
    assert x.tolist() == [2, 2]
    layer.W = 3.0
    one.end_case()
    assert x.tolist() == [6, 6]


def test_a_read_only_array_stays_as_it_is(student: Callable[..., Student]) -> None:
    x = np.ones(2)
    x.flags.writeable = False
    forward(student(full("x[0] = 5")), x)
    assert x.tolist() == [1, 1]


def test_the_same_seed_gives_the_same_random_values_in_every_process(
    student: Callable[..., Student],
) -> None:
    one = student(full("import random\nreturn [np.random.rand(), random.random()]"))

    def drawn(seed: int) -> Any:
        return one.case(seed=seed).FullLayer().forward()

    first = drawn(1)
    assert drawn(2) != first
    assert drawn(1) == first
    one.session.end_item()
    assert drawn(1) == first


def test_objects_of_an_earlier_case_are_forgotten(student: Callable[..., Student]) -> None:
    one = student(full("return x"))
    old = one.case().FullLayer()
    assert old.forward(1) == 1
    one.case()
    with pytest.raises(StudentRaised, match="KeyError"):
        old.forward(1)


def test_garbage_is_collected_and_interrupts_raise_as_in_a_python_of_their_own(
    student: Callable[..., Student],
) -> None:
    # The worker does without either until there is a process for student code.
    told = """
class Ring:
    pass
ring = Ring()
ring.itself = ring
left = weakref.ref(ring)
del ring
[[] for _ in range(10_000)]
return left() is None, signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    assert forward(student(full(told, "import weakref"))) == (True, True)


# What student code raises


@pytest.mark.parametrize(
    ("body", "builtin", "outcome"),
    [
        ("sys.exit(3)", "SystemExit", Outcome.FAILED),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", Outcome.FAILED),
        ("return self.forward(x)", "RecursionError", Outcome.FAILED),
        ("raise MemoryError", "MemoryError", Outcome.MEMORY),
        ("return np.ones(1 << 40)", "MemoryError", Outcome.MEMORY),
        ("raise type('Mine', (LookupError,), {})('no')", "LookupError", Outcome.FAILED),
        ("assert False, 'mine'", "AssertionError", Outcome.FAILED),
        (
            "class Rude(Exception):\n    def __str__(self):\n        raise ValueError\nraise Rude",
            "Exception",
            Outcome.FAILED,
        ),
    ],
    ids=["exit", "interrupt", "recursion", "memory", "huge array", "own kind", "assert", "rude"],
)
def test_an_exception_costs_the_case_and_not_the_process(
    student: Callable[..., Student], body: str, builtin: str, outcome: Outcome
) -> None:
    one = student(full(f"if x is not None:\n    return x\n{body}"))
    with pytest.raises(StudentRaised) as caught:
        forward(one)
    assert (caught.value.builtin, caught.value.outcome) == (builtin, outcome)
    assert one.session.fault is None
    assert forward(one, 5) == 5


def test_the_students_own_lines_are_in_the_message_and_the_graders_are_not(
    student: Callable[..., Student],
) -> None:
    with pytest.raises(StudentRaised) as caught:
        forward(student(full("return x.shape")))
    assert str(caught.value) == (
        "your code raised AttributeError: 'NoneType' object has no attribute 'shape'\n"
        "  layers/full.py, line 6, in forward"
    )


def test_system_exit_at_import_fails_the_items_cases_and_no_others(
    student: Callable[..., Student],
) -> None:
    one = student({**full("return 1", "sys.exit(0)"), "relu": RELU})
    for _ in range(2):
        with pytest.raises(StudentRaised, match="SystemExit"):
            forward(one)
    assert one.case("relu").ReluLayer().forward(1) == 1


# What student code does to its process


def test_ending_the_process_at_import_costs_the_item_and_no_other(
    student: Callable[..., Student],
) -> None:
    one = student({**full("return 1", "os._exit(0)"), "relu": RELU})
    with pytest.raises(GivenUp, match="3 processes of this item were lost") as caught:
        forward(one)
    assert caught.value.outcome is Outcome.CRASHED
    assert one.case("relu").ReluLayer().forward(1) == 1


# Three in one submission: each case breaks its process in the way that the test's name asks.
BREAKING = {
    "os._exit(0)": "",
    "os.kill(os.getpid(), signal.SIGKILL)": "killed by SIGKILL",
    "import ctypes; ctypes.string_at(0)": "killed by SIGSEGV",
    "os.kill(os.getppid(), 9); signal.pause()": "",
    "os.closerange(0, 256)": "",
}


@pytest.mark.parametrize("body", BREAKING)
def test_a_process_that_student_code_ends_costs_that_case_alone(
    student: Callable[..., Student], body: str
) -> None:
    one = student(full(f"if x is not None:\n    return x\n{body}"))
    assert forward(one, 1) == 1
    fault, outcome, how = broken(one)
    assert isinstance(fault, ProcessLost)
    assert (outcome, how) == (Outcome.CRASHED, BREAKING[body])
    assert forward(one, 2) == 2


@pytest.mark.parametrize("body", ["while True: pass", "os.kill(os.getpid(), signal.SIGSTOP)"])
def test_a_case_that_does_not_end_times_out_and_the_next_one_runs(
    student: Callable[..., Student], body: str
) -> None:
    one = student(full(f"if x is not None:\n    return x\n{body}"), case_seconds=0.4)
    fault, outcome, _ = broken(one)
    assert isinstance(fault, CaseTimedOut)
    assert outcome is Outcome.TIMEOUT
    assert forward(one, 2) == 2


def test_after_three_lost_processes_the_rest_of_the_item_is_given_up(
    student: Callable[..., Student],
) -> None:
    one = student({**full("os._exit(0)"), "relu": RELU})
    for _ in range(3):
        fault, _, _ = broken(one)
        assert isinstance(fault, ProcessLost)
    fault, outcome, how = broken(one)
    assert isinstance(fault, GivenUp)
    assert (outcome, how) == (Outcome.CRASHED, "")
    assert one.case("relu").ReluLayer().forward(1) == 1


def test_an_item_that_has_used_up_its_time_is_given_up(student: Callable[..., Student]) -> None:
    one = student(full("while True: pass"), case_seconds=0.3, item_seconds=0.5)
    assert isinstance(broken(one)[0], CaseTimedOut)
    assert isinstance(broken(one)[0], CaseTimedOut)
    fault, outcome, _ = broken(one)
    assert "the item's 0.5 s were used up" in str(fault)
    assert outcome is Outcome.TIMEOUT


def test_memory_beyond_the_limit_is_a_memory_error(student: Callable[..., Student]) -> None:
    one = student(full("return np.ones((64 << 20) // 8).nbytes"), memory_mib=32)
    with pytest.raises(StudentRaised) as caught:
        forward(one)
    assert caught.value.outcome is Outcome.MEMORY


def test_a_step_that_the_last_case_left_unanswered_does_not_fail_the_next(
    student: Callable[..., Student],
) -> None:
    source = (
        "class FullLayer:\n    def __init__(self, fine=True):\n        assert fine\n"
        "    def forward(self, x):\n        return x\n"
    )
    one = student({"full": source})
    # The test fails by something of its own here, before it asks for a result.
    one.case().FullLayer(fine=False)
    assert forward(one, 2) == 2
    one.end_case()


def test_a_fault_that_the_last_case_hid_does_not_fail_the_next(
    student: Callable[..., Student],
) -> None:
    one = student(full("if x is not None:\n    return x\nos._exit(0)"))
    with pytest.raises(ProcessLost):
        forward(one)
    with pytest.raises(ProcessLost):
        one.end_case()
    assert forward(one, 2) == 2


# Output


def test_what_student_code_prints_is_kept_for_the_item(student: Callable[..., Student]) -> None:
    one = student(
        {
            **full(
                "print('out', flush=True)\nprint('err', file=sys.stderr)\nos.write(1, b'raw\\n')"
            ),
            "relu": RELU.replace("return", "print('relu', flush=True); return"),
        }
    )
    forward(one)
    one.case("relu").ReluLayer().forward(1)
    one.session.end_item()
    assert sorted(one.session.output["full"].split()) == ["err", "out", "raw"]
    assert one.session.output["relu"].split() == ["relu"]


def test_lines_are_kept_that_were_not_flushed(student: Callable[..., Student]) -> None:
    one = student(full("print('a line')"))
    forward(one)
    one.session.end_item()
    assert one.session.output["full"] == "a line\n"


def test_a_flood_of_output_is_capped_and_holds_nothing_up(
    student: Callable[..., Student],
) -> None:
    one = student(
        full("for _ in range(200):\n    os.write(1, b'x' * 100_000)\nreturn 1"), output_kib=2
    )
    assert forward(one) == 1
    one.session.end_item()
    assert one.session.output["full"] == "x" * 2048


def test_closing_the_output_holds_nothing_up(student: Callable[..., Student]) -> None:
    one = student(full("if x is None:\n    os.close(1); os.close(2)\nreturn 1"))
    assert forward(one) == 1
    assert forward(one, 2) == 1
