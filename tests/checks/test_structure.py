"""The structure check: each miss costs its own case, and unusual but right sources cost none."""

from collections.abc import Mapping

import pytest

from grader.checks.structure import check_structure
from grader.intake import NOT_PACKED
from grader.lab import find_project
from grader.model import CaseResult, Finding, Identity, ItemResult, Outcome, Submission, Suite

LAB = find_project().lab
ALL = "def forward(self): pass\n def backward(self): pass\n def update_param(self): pass\n"
SOURCES = {
    "layers/__init__.py": (
        "from .full import FullLayer\nfrom .relu import ReluLayer\n"
        "from .softmax import SoftMaxLayer\nfrom .cross_entropy import CrossEntropyLayer\n"
        "from .sequential import Sequential\n"
    ),
    "layers/full.py": f"class FullLayer:\n def __init__(self): pass\n {ALL}",
    "layers/relu.py": f"class ReluLayer:\n {ALL}",
    "layers/softmax.py": f"class SoftMaxLayer:\n {ALL}",
    "layers/cross_entropy.py": f"class CrossEntropyLayer:\n {ALL}",
    "layers/sequential.py": (
        f"class Sequential:\n def __init__(self): pass\n {ALL}"
        " def fit(self): pass\n def predict(self): pass\n"
    ),
    "layers/dataset.py": "def cifar100(seed): pass\n",
    "better_cifar.py": "",
}


def submission(
    changes: Mapping[str, str | bytes | None] | None = None,
    naming: tuple[Finding, ...] = (),
    folders: frozenset[str] = frozenset({"layers", "test", "results"}),
) -> Submission:
    """Return a right submission with some files changed, or removed by None."""
    files = {**SOURCES, **(changes or {})}
    return Submission(
        archive="JANE_DOE_LAB3.zip",
        sha256="0" * 64,
        identity=Identity("JANE", "DOE"),
        files={
            path: source.encode() if isinstance(source, str) else source
            for path, source in files.items()
            if source is not None
        },
        folders=folders,
        naming=naming,
    )


def check(changes: Mapping[str, str | bytes | None] | None = None) -> ItemResult:
    return check_structure(submission(changes), LAB)


def missed(result: ItemResult) -> dict[str, CaseResult]:
    return {
        case.id.removeprefix("structure/"): case
        for case in result.cases
        if case.outcome is not Outcome.PASSED
    }


def test_a_right_submission_passes_every_case() -> None:
    result = check()

    assert missed(result) == {}
    assert result.outcome is Outcome.PASSED
    assert (result.id, result.max_points, result.points) == ("structure", 10, None)


def test_there_are_twenty_cases_of_half_a_point() -> None:
    cases = check().cases

    assert len(cases) == len({case.id for case in cases}) == 20
    assert {case.weight for case in cases} == {1.0}
    assert {case.suite for case in cases} == {Suite.STRUCTURE}
    assert all(case.about.endswith(".") for case in cases)


def test_nothing_right_fails_as_a_whole() -> None:
    naming = tuple(
        Finding(id="x", costs=cost, message="Found.") for cost in ("archive-name", "top-folder")
    )
    nothing = submission(dict.fromkeys(SOURCES), naming, frozenset())

    assert check_structure(nothing, LAB).outcome is Outcome.FAILED


@pytest.mark.parametrize("costs", ["archive-name", "top-folder", "layers/full.py", "test"])
def test_what_intake_found_costs_the_case_it_names(costs: str) -> None:
    finding = Finding(id="x", costs=costs, message="What was found.")
    result = check_structure(submission(naming=(finding,)), LAB)

    assert set(missed(result)) == {costs}
    assert missed(result)[costs].feedback == ("What was found.",)
    assert result.outcome is Outcome.PARTIAL


def test_remarks_are_said_and_cost_nothing() -> None:
    remark = Finding(id="lower-case", costs=None, message="A remark.")
    result = check_structure(submission(naming=(remark,)), LAB)

    assert missed(result) == {}
    assert result.feedback == ("A remark.",)


def test_a_folder_not_packed_yet_has_no_cases_about_the_archive() -> None:
    finding = Finding(id=NOT_PACKED, costs=None, message="Not packed.")
    result = check_structure(submission(naming=(finding,)), LAB)

    assert len(result.cases) == 18
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize("name", ["layers", "test", "results"])
def test_a_missing_folder_is_named(name: str) -> None:
    folders = frozenset({"layers", "test", "results"} - {name})
    result = check_structure(submission(folders=folders), LAB)

    assert set(missed(result)) == {name}
    assert f"There is no folder {name}/" in missed(result)[name].feedback[0]


def test_a_missing_file_loses_its_class_and_nothing_else() -> None:
    result = check({"layers/softmax.py": None})

    assert set(missed(result)) == {"layers/softmax.py", "SoftMaxLayer"}


@pytest.mark.parametrize(
    ("there", "said"),
    [("layers/crossentropy.py", True), ("cross_entropy.py", True), ("layers/helpers.py", False)],
)
def test_a_file_by_another_name_is_pointed_out(there: str, said: bool) -> None:
    source = SOURCES["layers/cross_entropy.py"]
    result = check({"layers/cross_entropy.py": None, there: source})
    feedback = missed(result)["layers/cross_entropy.py"].feedback[0]

    assert (f'but there is "{there}"' in feedback) is said


def test_missing_methods_are_named_with_those_that_are_there() -> None:
    source = "class ReluLayer:\n def forward(self): pass\n def backwards(self): pass\n"
    feedback = missed(check({"layers/relu.py": source}))["ReluLayer"].feedback

    assert "".join(feedback) == (
        'layers/relu.py: the class ReluLayer has "backwards", "forward" and lacks backward, '
        "update_param: add what is missing, or mend its spelling."
    )


def test_another_class_name_is_pointed_out() -> None:
    feedback = missed(check({"layers/relu.py": "class Relu: pass"}))["ReluLayer"].feedback

    assert feedback == (
        'layers/relu.py has no class ReluLayer but "Relu": write it, or rename yours.',
    )


def test_missing_exports_are_named_with_the_line_to_add() -> None:
    init = "from .full import FullLayer\nfrom .relu import ReluLayer as Relu\n"
    result = check({"layers/__init__.py": init})

    assert set(missed(result)) == {"exports"}
    assert (
        missed(result)["exports"]
        .feedback[0]
        .startswith(
            "layers/__init__.py does not export ReluLayer, SoftMaxLayer, CrossEntropyLayer, "
            "Sequential: add from .relu import ReluLayer; "
        )
    )


def test_a_missing_data_set_module_is_said() -> None:
    assert set(missed(check({"layers/dataset.py": "x = 1"}))) == {"cifar100"}


def reexports(line: str) -> str:
    classes = {name: module.removeprefix("layers.") for name, module in LAB.classes.items()}
    return "".join(line.format(name=name, file=file) + "\n" for name, file in classes.items())


@pytest.mark.parametrize(
    "init",
    [
        reexports("from layers.{file} import {name}"),
        reexports("from .{file} import {name} as {name}"),
        reexports("from .{file} import *"),
        reexports("from layers.{file} import *"),
        reexports("from . import {file}\n{name} = {file}.{name}"),
        reexports("import layers.{file}\n{name} = layers.{file}.{name}"),
        reexports("import layers.{file} as module\n{name} = module.{name}"),
        reexports("from .{file} import {name} as _x\n{name} = _x"),
        "try:\n "
        + reexports("from .{file} import {name}").replace("\n", "\n ")
        + "\nexcept ImportError:\n "
        + reexports("from {file} import {name}").replace("\n", "\n "),
        "if True:\n " + reexports("from .{file} import {name}").replace("\n", "\n "),
        reexports("class {name}: pass"),
        reexports("from .everything import {name}"),
        "from .everything import *",
        "def __getattr__(name): pass",
        reexports("from .{file} import {name}") + "__all__ = []",
        b"\xef\xbb\xbf" + reexports("from .{file} import {name}").replace("\n", "\r\n").encode(),
    ],
)
def test_every_way_to_export_counts(init: str | bytes) -> None:
    everything = reexports("from .{file} import {name}")

    assert missed(check({"layers/__init__.py": init, "layers/everything.py": everything})) == {}


HALF = "class FullLayer:\n def __init__(self): pass\n def forward(self): pass\n"
BASE = f"class Layer:\n def __init__(self): pass\n {ALL}"


@pytest.mark.parametrize(
    "source",
    [
        BASE + "class FullLayer(Layer): pass",
        "from layers.base import Layer\nclass FullLayer(Layer): pass",
        "from .base import *\nclass FullLayer(Layer): pass",
        "from . import base\nclass FullLayer(base.Layer): pass",
        "import layers.base\nclass FullLayer(layers.base.Layer): pass",
        "from .base import Layer as L\nclass A(L): pass\nclass FullLayer(A): pass",
        "from .base import Layer as FullLayer",
        "from .base import Layer\nFullLayer = Layer",
        f"class FullLayer:\n def __init__(self): pass\n {ALL}".replace("_param", "_params"),
        HALF + " def update(self): pass\n update_param = update\n backward = lambda self: 0\n",
        HALF + " def backward(self): pass\nFullLayer.update_param = lambda self, lr: None",
        "class FullLayer:\n if True:\n  def __init__(self): pass\n  " + ALL.replace("\n ", "\n  "),
        "from dataclasses import dataclass\n@dataclass\nclass FullLayer:\n n_i: int\n " + ALL,
        "from somewhere import Base\nclass FullLayer(Base): pass",
        "import torch\nclass FullLayer(torch.nn.Module): pass",
        "class FullLayer(metaclass=print): pass",
        "FullLayer = type('FullLayer', (), {})",
        "FullLayer, other = make()",
        "def FullLayer(n_i, n_o): pass",
        "match 1:\n case 1:\n  "
        + f"class FullLayer:\n   def __init__(self): pass\n   {ALL}".replace("\n def", "\n   def"),
        "# coding: latin-1\n# \xe9\n".encode("latin-1")
        + f"class FullLayer:\n def __init__(self): pass\n {ALL}".encode(),
        f"x = '\\d'\nclass FullLayer:\n def __init__(self): pass\n {ALL}",
    ],
)
def test_every_way_to_write_the_class_counts(source: str | bytes) -> None:
    assert missed(check({"layers/full.py": source, "layers/base.py": BASE})) == {}


@pytest.mark.parametrize(
    "source",
    [
        "FullLayer = None",
        "from abc import ABC\nclass FullLayer(ABC): pass",
        "class FullLayer(object):\n async def forward(self): pass",
        "class FullLayer:\n forward = backward = update_param = __init__ = None",
        "class FullLayer(FullLayer): pass",
        "class A(B): pass\nclass B(A): pass\nFullLayer = A",
        "from .full import FullLayer",
        "from layers import FullLayer",
        "def f():\n class FullLayer: pass",
        "a = b\nb = a\nFullLayer = a",
    ],
)
def test_a_class_that_is_not_there_is_missed(source: str) -> None:
    assert set(missed(check({"layers/full.py": source}))) == {"FullLayer"}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("class FullLayer(:\n", "in line 1"),
        ("class FullLayer:\n\tpass\n        pass", "in line 3"),
        (b"class FullLayer: pass\0", "null byte"),
        ("class FullLayer: pass".encode("utf-16"), "Python cannot read it"),
        (b"# coding: nonsense\n", "unknown encoding: nonsense"),
        (b"# coding: punycode\n" + b"x-" + b"9bcd" * 60_000, "its encoding is not one for source"),
        ("x = " + "-" * 100_000 + "1", "nested too deeply"),
        ("x = " + "1+" * 100_000 + "1", "nested too deeply"),
        ("x = " + "(" * 10_000 + ")" * 10_000, "too many nested parentheses"),
        ("x\n" * 200_000, "too large to be a source file"),
    ],
)
def test_a_source_that_cannot_be_read_is_said(source: str | bytes, why: str) -> None:
    result = check({"layers/full.py": source})
    (feedback,) = missed(result)["FullLayer"].feedback

    assert set(missed(result)) == {"FullLayer"}
    assert why in feedback
    assert feedback.isprintable()


@pytest.mark.parametrize("source", [None, "class FullLayer(:"])
def test_importing_all_of_a_module_that_is_not_there_is_not_paid_twice(source: str | None) -> None:
    init = reexports("from .{file} import *")
    result = check({"layers/__init__.py": init, "layers/full.py": source})

    assert "exports" not in missed(result)


def test_an_unreadable_init_loses_the_exports_alone() -> None:
    assert set(missed(check({"layers/__init__.py": "from .full import"}))) == {"exports"}


@pytest.mark.parametrize(
    "source",
    [
        "\n".join(f"a{n} = a{n + 1}" for n in range(12_000)) + "\nFullLayer = a0",
        "\n".join(f"a{n} = a{m}" for n in range(100) for m in range(100)) + "\nFullLayer = a0",
        "\n".join(f"class A{n}(A{n + 1}): pass" for n in range(8_000))
        + "\nclass FullLayer(A0): x=1",
    ],
)
def test_a_source_made_to_take_forever_does_not(source: str) -> None:
    assert len(check({"layers/full.py": source}).cases) == 20


def test_many_large_modules_are_not_all_parsed() -> None:
    stars = {f"layers/m{n}.py": f"from .m{n + 1} import *\n" + "#" * 200_000 for n in range(40)}
    stars["layers/m40.py"] = SOURCES["layers/full.py"]
    result = check({**stars, "layers/full.py": "from .m0 import *"})

    assert "FullLayer" in missed(result)


def test_the_untouched_template_has_everything() -> None:
    template = find_project().template
    files = {
        path.relative_to(template).as_posix(): path.read_bytes()
        for path in template.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    result = check_structure(
        Submission(
            "JANE_DOE_LAB3.zip",
            "",
            Identity("JANE", "DOE"),
            files,
            frozenset({"layers", "test", "results"}),
        ),
        LAB,
    )

    assert missed(result) == {}
