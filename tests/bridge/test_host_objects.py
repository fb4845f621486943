"""Test-side objects in the hands of real student code, across a plain-process cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from grader.bridge import protocol
from grader.bridge.faults import BrokenProtocol, StudentRaised
from grader.bridge.foreseen import MOST_BYTES, Foreseen
from grader.bridge.host_registry import HostRegistry, Reach

if TYPE_CHECKING:
    from tests.bridge.conftest import Student

FULL = "class FullLayer:\n    pass\n"


def sequential(body: str) -> dict[str, str]:
    """Return a package whose `Sequential` has the given lines in its `fit(x)`."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return {
        "full": FULL,
        "sequential": (
            "from .full import FullLayer\n"
            "import numpy as np\n"
            "class Sequential:\n"
            "    def __init__(self, layers=None, loss=None):\n"
            "        self.layers = layers\n"
            "        self.loss = loss\n"
            f"    def fit(self, x, y=None):\n{lines}"
        ),
    }


class Spy:
    """Stands for a full layer and knows what it expects."""

    poses_as = "FullLayer"

    def __init__(self) -> None:
        self.W = np.eye(2)
        self.W_grad = np.full((2, 2), 3.0)
        self.expected = np.arange(3.0)
        self.calls: list[tuple[Any, ...]] = []

    def forward(self, x: Any) -> Any:
        self.calls.append(("forward", x))
        return x @ self.W

    def update_param(self, lr: float) -> None:
        self.calls.append(("update_param", lr))


class Relu:
    """A layer without weights."""

    poses_as = "ReluLayer"

    def forward(self, x: Any) -> Any:
        return np.maximum(x, 0)


@pytest.fixture
def fit(student: Callable[..., Student]) -> Callable[..., Any]:
    """Run the lines as a student's `fit` on a spy and return what they return."""

    def run(body: str, x: object, y: object = None) -> Any:
        layers = student(sequential(body)).case("sequential")
        return layers.Sequential().fit(x, y)

    return run


def test_a_host_object_passes_for_the_class_that_it_stands_for(fit: Callable[..., Any]) -> None:
    told = fit(
        "return [isinstance(x, FullLayer), type(x).__name__, x.__class__ is FullLayer,\n"
        "        isinstance(y, FullLayer), type(y).__name__]",
        Spy(),
        Relu(),
    )
    assert told == [True, "FullLayer", True, False, "ReluLayer"]


def test_host_objects_that_stand_for_one_class_are_of_one_class(fit: Callable[..., Any]) -> None:
    same = "return type(x) is type(y)"
    assert fit(same, Spy(), Spy()) is True
    assert fit(same, Spy(), Relu()) is False


def test_hasattr_tells_layers_with_weights_from_layers_without(fit: Callable[..., Any]) -> None:
    told = fit(
        "return [hasattr(layer, name) for layer in (x, y)\n"
        "        for name in ('W', 'b', 'forward', 'update_param', 'update_params')]",
        Spy(),
        Relu(),
    )
    assert told == [True, False, True, True, True, False, False, True, False, False]


def test_what_a_spy_keeps_is_unreachable(fit: Callable[..., Any]) -> None:
    told = fit(
        "names = ['expected', 'calls', '_secret', '__dict__', '__globals__', 'poses_as']\n"
        "found = []\n"
        "for name in names:\n"
        "    try:\n"
        "        found.append(repr(getattr(x, name)))\n"
        "    except AttributeError:\n"
        "        pass\n"
        "return found + [repr(vars(x)), repr(x), str(dir(x))]",
        Spy(),
    )
    assert not [text for text in told if "2." in text or "0., 1." in text]
    # Of the names, only its own empty dict is found.
    assert told[:2] == ["{}", "{}"]
    assert len(told) == 4


def test_what_the_interface_lacks_can_be_kept_on_a_spy_by_the_student(
    fit: Callable[..., Any],
) -> None:
    spy = Spy()
    told = fit(
        "import weakref\n"
        "x.number = 3\n"
        "x.calls = 'mine'\n"
        "return [x.number, x.calls, weakref.ref(x)() is x, hasattr(x, 'other')]",
        spy,
    )
    assert told == [3, "mine", True, False]
    assert not hasattr(spy, "number")
    assert spy.calls == []


def test_both_spellings_reach_the_spy(fit: Callable[..., Any]) -> None:
    spy = Spy()
    told = fit("x.update_params(0.5)\nx.update_param(lr=0.25)\nreturn x.w_grad[0, 0]", spy)
    assert told == 3.0
    assert spy.calls == [("update_param", 0.5), ("update_param", 0.25)]


def test_whole_attributes_of_a_spy_can_be_set(fit: Callable[..., Any]) -> None:
    spy = Spy()
    fit("x.W = x.W - 0.5 * x.W_grad", spy)
    assert spy.W.tolist() == [[-0.5, -1.5], [-1.5, -0.5]]


def test_a_copy_is_a_spy_as_copy_makes_it(fit: Callable[..., Any]) -> None:
    """A network may keep its best layers."""
    spy = Spy()
    told = fit(
        "import copy\n"
        "x.notes = [1]\n"
        "near, far, both = copy.copy(x), copy.deepcopy(x), copy.deepcopy([x, x])\n"
        "x.W = x.W * 5\n"
        "far.notes.append(2)\n"
        "for layer in (x, near, far):\n"
        "    layer.forward(y)\n"
        "return [x.W[0, 0], near.W[0, 0], far.W[0, 0], near.notes is x.notes, x.notes, far.notes,\n"
        "        isinstance(far, FullLayer), both[0] is both[1], near is x,\n"
        "        hasattr(near, 'expected')]",
        spy,
        X,
    )
    assert told == [5.0, 1.0, 1.0, True, [1], [1, 2], True, True, False, False]
    # The copy that is not deep shares the list of calls.
    assert len(spy.calls) == 2


def test_what_is_not_a_layer_is_not_copied() -> None:
    registry = HostRegistry({}, Reach(methods=frozenset({"data"})))
    registry.register(Spy())
    for name in (protocol.COPY, protocol.DEEP_COPY):
        with pytest.raises(AttributeError):
            registry.call(0, name, [], {})


def test_a_copy_that_cannot_be_made_raises_in_student_code(fit: Callable[..., Any]) -> None:
    class Single(Spy):
        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            raise TypeError("there is one of these")

    body = "import copy\ntry:\n    copy.deepcopy(x)\nexcept TypeError as e:\n    return str(e)"
    assert fit(body, Single()) == "there is one of these"


def test_a_spy_that_comes_back_is_the_tests_own(student: Callable[..., Student]) -> None:
    layers = student(sequential("return [x, self.layers[0]]")).case("sequential")
    spy, other = Spy(), Relu()
    network = layers.Sequential([other], spy)
    assert network.fit(spy)[0] is spy
    assert network.fit(spy)[1] is other
    assert network.loss is spy


def test_a_spys_failure_is_the_tests_failure_with_the_very_same_exception(
    fit: Callable[..., Any],
) -> None:
    error = AssertionError("the batch has 3 rows")

    class Strict:
        def forward(self, x: object) -> None:
            raise error

    with pytest.raises(AssertionError) as caught:
        fit("return x.forward(np.ones(2))", Strict())
    assert caught.value is error
    # Also when the student's code wraps it in an exception of its own.
    with pytest.raises(AssertionError) as caught:
        fit("try:\n    x.forward(1)\nexcept Exception:\n    raise ValueError('failed')", Strict())
    assert caught.value is error


def test_student_code_may_try_a_method_and_do_without_it(fit: Callable[..., Any]) -> None:
    told = fit(
        "try:\n    x.update_param(0.1)\nexcept AttributeError:\n    return 'no weights'",
        Relu(),
    )
    assert told == "no weights"


def test_who_asks_for_more_memory_than_there_is_asks_nothing_more(fit: Callable[..., Any]) -> None:
    class Greedy(Spy):
        def forward(self, x: Any) -> Any:
            raise MemoryError

    with pytest.raises(BrokenProtocol, match="more memory than a case can need"):
        fit("try:\n    x.forward(y)\nexcept BaseException:\n    return 'goes on'", Greedy(), X)


def test_student_code_meets_the_type_of_exception_that_it_would_meet_in_process(
    fit: Callable[..., Any],
) -> None:
    told = fit(
        "kinds = []\n"
        "for arguments in ((), (1, 2), (np.ones(3),)):\n"
        "    try:\n"
        "        x.forward(*arguments)\n"
        "    except (TypeError, ValueError) as error:\n"
        "        kinds.append(type(error).__name__)\n"
        "return kinds",
        Spy(),
    )
    assert told == ["TypeError", "TypeError", "ValueError"]


def test_a_constructor_may_ask_its_layers_before_it_is_done(
    student: Callable[..., Student],
) -> None:
    modules = {
        "full": FULL,
        "sequential": (
            "class Sequential:\n"
            "    def __init__(self, layers, loss):\n"
            "        self.weighted = [hasattr(layer, 'W') for layer in layers]\n"
            "        self.first = layers[0].forward([[1.0, 2.0]])\n"
            "        self.layers, self.loss = layers, loss\n"
            "    def fit(self, x):\n"
            "        return [self.weighted, x]\n"
        ),
    }

    class Doubling(Spy):
        def forward(self, x: Any) -> Any:
            return np.asarray(x) * 2

    layers = student(modules).case("sequential")
    network = layers.Sequential([Doubling(), Relu()], Relu())
    assert network.fit(5) == [[True, False], 5]
    assert network.first.tolist() == [[2, 4]]


def test_a_spy_may_call_a_student_object_back_while_it_is_called(
    student: Callable[..., Student],
) -> None:
    modules = {
        "full": (
            "class FullLayer:\n"
            "    def forward(self, x):\n"
            "        if x < 0:\n"
            "            raise ValueError('negative')\n"
            "        return x + 1\n"
        ),
        "sequential": sequential("return 10 * x.forward(y)")["sequential"],
    }
    layers = student(modules).case("sequential")
    inner = layers.FullLayer()

    class Wrapped:
        def forward(self, x: int) -> Any:
            layer = layers.FullLayer()
            layer.offset = 1
            return 100 * inner.forward(x) + layer.forward(x) + layer.offset

    network = layers.Sequential()
    assert network.fit(Wrapped(), 1) == 10 * (200 + 2 + 1)
    with pytest.raises(StudentRaised, match="negative"):
        network.fit(Wrapped(), -1)
    assert network.fit(Wrapped(), 2) == 10 * (300 + 3 + 1)


def test_student_code_may_catch_what_its_own_object_raises_beyond_a_spy(
    student: Callable[..., Student],
) -> None:
    body = "try:\n    x.forward(1)\nexcept ValueError as error:\n    return 'caught'"
    modules = {
        "full": "class FullLayer:\n    def forward(self, x):\n        raise ValueError('no')\n",
        "sequential": sequential(body)["sequential"],
    }
    layers = student(modules).case("sequential")
    inner = layers.FullLayer()

    class Passing:
        def forward(self, x: object) -> Any:
            return inner.forward(x)

    assert layers.Sequential().fit(Passing()) == "caught"


def test_a_spy_sees_the_student_change_an_array_in_place_only_by_setting_it(
    fit: Callable[..., Any],
) -> None:
    spy = Spy()
    fit("w = x.W\nw += 1\nreturn None", spy)
    assert spy.W.tolist() == [[1, 0], [0, 1]]


# What is foreseen


class Recorder(Spy):
    """A spy whose second and later outputs depend on the rate that it was updated with."""

    def update_param(self, lr: float) -> None:
        super().update_param(lr)
        self.W = self.W * lr

    @property
    def told(self) -> str:
        """The calls, as text that shows every number."""
        return repr([(name, np.asarray(value).tolist()) for name, value in self.calls])


TRAIN = """
outputs = []
for number in range(3):
    outputs.append(x.forward(y).tolist())
    x.update_param(lr=0.5)
return outputs
"""
X = np.array([[1.5, -2.0]])


def trained(make: Student, foreseen: Foreseen | None) -> tuple[Any, str]:
    """Run a student's `fit` on a recorder; return what it returned, and what it asked."""
    recorder = Recorder()
    layers = make.case("sequential", foreseen=foreseen)
    result = layers.Sequential().fit(recorder, X.copy())
    make.end_case()
    return result, recorder.told


@pytest.fixture
def foreseen(student: Callable[..., Student]) -> Foreseen:
    """Learn what TRAIN asks."""
    case = Foreseen()
    first = student(sequential(TRAIN))
    trained(first, case)
    case.learn(first.session.learned)
    return case


def test_what_others_have_asked_is_answered_ahead_and_done_all_the_same(
    student: Callable[..., Student],
) -> None:
    foreseen = Foreseen()
    first = student(sequential(TRAIN))
    alone = trained(first, foreseen)
    assert len(first.session.learned) == 6
    foreseen.learn(first.session.learned)
    second = student(sequential(TRAIN.replace("number", "count")))
    assert trained(second, foreseen) == alone == trained(student(sequential(TRAIN)), None)
    assert second.session.learned == []  # Nothing had to be waited for.


@pytest.mark.parametrize(
    "other",
    [
        TRAIN.replace("0.5", "0.25"),
        TRAIN.replace("(y)", "(y + number // 2)"),
        TRAIN.replace("range(3)", "range(5)"),
        TRAIN.replace("    x.update", "    x.W\n    x.update"),
        "x.update_param(0.5)" + TRAIN,
    ],
    ids=["another rate", "another input", "more epochs", "reads weights", "another order"],
)
def test_code_that_asks_otherwise_gets_its_own_answers(
    student: Callable[..., Student], foreseen: Foreseen, other: str
) -> None:
    expected = trained(student(sequential(other)), None)
    mixed = student(sequential(other))
    assert trained(mixed, foreseen) == expected
    foreseen.learn(mixed.session.learned)
    again = student(sequential(other))
    assert trained(again, foreseen) == expected
    assert again.session.learned == []


def test_code_that_asks_less_has_asked_no_more(
    student: Callable[..., Student], foreseen: Foreseen
) -> None:
    shorter = TRAIN.replace("range(3)", "range(1)")
    assert trained(student(sequential(shorter)), foreseen) == (
        [[[1.5, -2.0]]],
        "[('forward', [[1.5, -2.0]]), ('update_param', 0.5)]",
    )


def test_what_was_asked_before_code_raised_is_done(
    student: Callable[..., Student], foreseen: Foreseen
) -> None:
    recorder = Recorder()
    layers = student(sequential("x.forward(y)\nraise ValueError('no')")).case(
        "sequential", foreseen=foreseen
    )
    with pytest.raises(StudentRaised, match="no"):
        layers.Sequential().fit(recorder, X.copy())
    assert recorder.told == "[('forward', [[1.5, -2.0]])]"


def test_nothing_is_foreseen_from_a_refusal_on(student: Callable[..., Student]) -> None:
    body = "x.forward(y)\ntry:\n    x.backward(y)\nexcept AttributeError:\n    pass\nx.forward(y)"
    one = student(sequential(body))
    trained(one, Foreseen())
    assert len(one.session.learned) == 1


def test_nothing_is_foreseen_from_a_copy_on(student: Callable[..., Student]) -> None:
    """Its number depends on how many objects the test has handed in before."""
    one = student(sequential("import copy\nx.forward(y)\ncopy.copy(x)\nx.forward(y)"))
    trained(one, Foreseen())
    assert len(one.session.learned) == 1


@pytest.mark.parametrize(("times", "kept"), [(2, 2), (5, 0)])
def test_no_more_is_kept_than_will_be_foreseen(
    times: int, kept: int, student: Callable[..., Student]
) -> None:
    one = student(sequential(f"for _ in range({times}):\n    x.W = y"))
    layers = one.case("sequential", foreseen=Foreseen())
    layers.Sequential().fit(Spy(), np.ones(MOST_BYTES // 4 // 8))
    assert len(one.session.learned) == kept


def test_nothing_is_foreseen_from_a_question_on_that_calls_student_code(
    student: Callable[..., Student],
) -> None:
    modules = sequential("x.update_param(0.5)\nx.forward(y)\nx.update_param(0.5)")
    modules["full"] = "class FullLayer:\n    def forward(self, x):\n        return x\n"
    one = student(modules)
    layers = one.case("sequential", foreseen=Foreseen())
    inner = layers.FullLayer()

    class Passing(Spy):
        def forward(self, x: Any) -> Any:
            return inner.forward(x)

    layers.Sequential().fit(Passing(), X.copy())
    assert len(one.session.learned) == 1
