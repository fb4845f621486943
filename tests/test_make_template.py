"""Tests of the generator that turns the reference into the files students fill in."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "reference" / "make_template.py"


def load_generator() -> Any:
    name = "make_template_under_test"
    spec = importlib.util.spec_from_file_location(name, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where the dataclass decorator looks for the module of the class it decorates.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generator = load_generator()
FILES = [task.file for task in generator.TASKS]
WRITTEN_BY_STUDENTS = [task.file for task in generator.TASKS if task.section]


def read(folder: str, file: str) -> str:
    return (ROOT / folder / file).read_text(encoding="utf-8")


def functions(tree: ast.AST, prefix: str = "") -> dict[str, ast.FunctionDef]:
    found = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            found[prefix + node.name] = node
        elif isinstance(node, ast.ClassDef):
            found |= functions(node, f"{prefix}{node.name}.")
    return found


def solutions(source: str) -> list[str]:
    """Return the marked lines of a file of the reference, without a use of the generator."""
    parts = source.split("# BEGIN SOLUTION\n")[1:]
    return [line for part in parts for line in part.split("# END SOLUTION")[0].splitlines()]


# The template in the repository


def test_the_template_in_the_repository_is_in_step_with_the_reference() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("file", FILES)
def test_signatures_docstrings_and_everything_outside_of_bodies_are_the_references(
    file: str,
) -> None:
    """Compared as syntax trees with all marked bodies taken out."""
    trees = [ast.parse(read(folder, file)) for folder in ("reference", "student_template")]
    raising = {
        name
        for name, function in functions(trees[1]).items()
        if isinstance(function.body[-1], ast.Raise)
        and "is yours to write" in ast.unparse(function.body[-1])
    }
    assert bool(raising) == (file in WRITTEN_BY_STUDENTS)
    for tree in trees:
        for name, function in functions(tree).items():
            if name in raising:
                documented = ast.get_docstring(function) is not None
                function.body = function.body[:1] if documented else [ast.Pass()]
    assert ast.dump(trees[0]) == ast.dump(trees[1])


@pytest.mark.parametrize("file", [file for file in WRITTEN_BY_STUDENTS if "layers" in file])
def test_every_function_of_a_layer_raises_and_names_itself_and_the_handouts_section(
    file: str,
) -> None:
    found = functions(ast.parse(read("student_template", file)))
    assert len(found) >= 3
    for name, function in found.items():
        statements = function.body[1:] if ast.get_docstring(function) else function.body
        (statement,) = statements
        assert isinstance(statement, ast.Raise)
        assert isinstance(statement.exc, ast.Call)
        assert ast.unparse(statement.exc.func) == "NotImplementedError"
        message = ast.literal_eval(statement.exc.args[0])
        assert message.startswith(f"{file}: {name} is yours to write; see HANDOUT.md, section ")


@pytest.mark.parametrize("file", WRITTEN_BY_STUDENTS)
def test_no_line_of_a_solution_is_left_in_the_template(file: str) -> None:
    template = read("student_template", file)
    kept = {line.strip() for line in template.splitlines()}
    given = {
        line.strip()
        for part in read("reference", file).split("# END SOLUTION")
        for line in part.split("# BEGIN SOLUTION")[0].splitlines()
    }
    # A line such as `)` may stand in code that is given to students as well.
    marked = {line.strip() for line in solutions(read("reference", file))} - {""} - given
    assert marked
    assert not marked & kept
    assert "SOLUTION" not in template


def test_the_untouched_template_imports_and_every_class_in_it_says_what_to_do() -> None:
    program = dedent("""
        import numpy as np
        import layers
        x = np.ones((2, 2))
        for make in (
            lambda: layers.FullLayer(2, 2),
            lambda: layers.ReluLayer().forward(x),
            lambda: layers.SoftMaxLayer().update_param(0.1),
            lambda: layers.CrossEntropyLayer().backward(),
            lambda: layers.Sequential([], None),
        ):
            try:
                make()
            except NotImplementedError as error:
                print(error)
    """)
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", program],
        cwd=ROOT / "student_template",
        capture_output=True,
        text=True,
        check=True,
    )
    ending = " is yours to write; see HANDOUT.md, section "
    assert done.stdout.splitlines() == [
        f"layers/full.py: FullLayer.__init__{ending}3, 'The full layer'",
        f"layers/relu.py: ReluLayer.forward{ending}4, 'The ReLU layer'",
        f"layers/softmax.py: SoftMaxLayer.update_param{ending}5, 'The softmax layer'",
        f"layers/cross_entropy.py: CrossEntropyLayer.backward{ending}6, 'The cross-entropy loss'",
        f"layers/sequential.py: Sequential.__init__{ending}7, 'Sequential'",
    ]


@pytest.mark.parametrize(
    "section", [task.section for task in generator.TASKS if task.section], ids=str
)
def test_the_handout_has_the_section_that_the_template_sends_students_to(section: str) -> None:
    found = re.fullmatch(r"section (\d+), '(.+)'", section)
    assert found is not None
    number, title = found.groups()
    heading = re.compile(rf"^#+ {number}\.? {re.escape(title)}$", re.MULTILINE)
    assert heading.search(read("student_template", "HANDOUT.md"))


# Writing and checking


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Copy the reference, so that a test may spoil it, and write a template from it."""
    reference, template = tmp_path / "reference", tmp_path / "template"
    for file in FILES:
        (reference / file).parent.mkdir(parents=True, exist_ok=True)
        (reference / file).write_text(read("reference", file), encoding="utf-8")
    generator.write(reference, template)
    return reference, template


def run(folders: tuple[Path, Path], *arguments: str) -> int:
    reference, template = map(str, folders)
    code: int = generator.main(["--reference", reference, "--template", template, *arguments])
    return code


def test_writing_again_changes_nothing(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folders) == 0
    assert capsys.readouterr().out == ""
    assert run(folders, "--check") == 0


@pytest.mark.parametrize("file", FILES)
def test_check_names_the_file_that_is_out_of_step_and_writing_repairs_it(
    file: str, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folders[1] / file
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert run(folders, "--check") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        f"{path} is out of step with {folders[0] / file}.",
        "Run: python reference/make_template.py",
    ]
    assert run(folders) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert run(folders, "--check") == 0


def test_check_names_a_missing_file_and_writes_nothing(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folders[1] / "layers" / "relu.py"
    path.unlink()
    assert run(folders, "--check") == 1
    assert f"{path} is missing." in capsys.readouterr().err
    assert not path.exists()


def test_check_names_a_module_of_the_template_that_the_reference_does_not_have(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folders[1] / "layers" / "convolution.py"
    path.touch()
    assert run(folders, "--check") == 1
    assert f"{path} has no counterpart" in capsys.readouterr().err


def test_a_change_to_a_docstring_of_the_reference_is_noticed(folders: tuple[Path, Path]) -> None:
    path = folders[0] / "layers" / "full.py"
    source = path.read_text(encoding="utf-8")
    assert "Learning rate." in source
    path.write_text(source.replace("Learning rate.", "Step size."), encoding="utf-8")
    assert run(folders, "--check") == 1


def test_a_change_inside_a_solution_does_not_touch_the_template(
    folders: tuple[Path, Path],
) -> None:
    path = folders[0] / "layers" / "full.py"
    source = path.read_text(encoding="utf-8")
    assert "self.b = np.zeros((1, n_o))" in source
    changed = source.replace("self.b = np.zeros((1, n_o))", "self.b = np.ones((1, n_o))")
    path.write_text(changed, encoding="utf-8")
    assert run(folders, "--check") == 0


def test_bad_markers_end_with_exit_code_2_and_leave_the_template_untouched(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    reference, template = folders
    # The first file in order would have to be written, were it not for the last.
    (template / "layers" / "__init__.py").write_text("old\n", encoding="utf-8")
    path = reference / "better_cifar.py"
    path.write_text(path.read_text(encoding="utf-8").replace("    # END SOLUTION\n", ""), "utf-8")
    assert run(folders) == 2
    assert "better_cifar.py:" in capsys.readouterr().err
    assert (template / "layers" / "__init__.py").read_text(encoding="utf-8") == "old\n"


# Markers


def render(source: str, **task: Any) -> str:
    task = {"file": "m.py", "section": "section 3, 'S'", "every_function": True} | task
    text: str = generator.render(dedent(source), generator.Task(**task))
    return text


def test_a_marked_body_becomes_one_raise_and_the_rest_stays() -> None:
    source = '''
        """A module."""

        class A:
            x: int

            def f(self, n: int = 2) -> int:
                """Do."""
                # BEGIN SOLUTION
                # Secret.
                if n:
                    return 1

                return 2
                # END SOLUTION

        # After.
    '''
    assert render(source) == dedent('''
        """A module."""

        class A:
            x: int

            def f(self, n: int = 2) -> int:
                """Do."""
                raise NotImplementedError(
                    "m.py: A.f is yours to write; "
                    "see HANDOUT.md, section 3, 'S'"
                )

        # After.
    ''')


def test_a_body_of_a_docstring_and_a_marked_comment_raises_too() -> None:
    source = '''
        def f():
            """Do nothing."""
            # BEGIN SOLUTION
            # Nothing to do.
            # END SOLUTION

        def g():
            # BEGIN SOLUTION
            return 2
            # END SOLUTION
    '''
    text = render(source)
    assert "m.py: f is yours" in text
    assert "m.py: g is yours" in text
    assert "Nothing to do." not in text


def test_a_file_without_a_section_is_copied_as_it_is() -> None:
    source = "def f():\n    return 1  # é\n"
    assert render(source, section=None, every_function=False) == source


def test_a_function_without_markers_is_given_to_students_where_the_task_allows_it() -> None:
    source = """
        def f():
            return 1

        def g():
            # BEGIN SOLUTION
            return 2
            # END SOLUTION
    """
    text = render(source, every_function=False)
    assert "return 1" in text
    assert "return 2" not in text


BEGIN, END = "    # BEGIN SOLUTION\n", "    # END SOLUTION\n"


@pytest.mark.parametrize(
    ("source", "line", "complaint"),
    [
        pytest.param("def f():\n    return 1\n", 1, "there is no '# BEGIN", id="no markers"),
        pytest.param(f"def f():\n{BEGIN}    pass\n", 2, "without an '# END", id="no end"),
        pytest.param(f"def f():\n    pass\n{END}", 3, "without a '# BEGIN", id="no begin"),
        pytest.param(
            f"def f():\n{BEGIN}    pass\n{BEGIN}    pass\n{END}{END}",
            4,
            "inside the solution that begins in line 2",
            id="nested",
        ),
        pytest.param(f"def f():\n    'D.'\n{BEGIN}\n{END}", 3, "is empty", id="empty"),
        pytest.param(
            f"def f():\n    #BEGIN SOLUTION\n    pass\n{END}", 2, "is not a marker", id="misspelt"
        ),
        pytest.param(
            f"def f():\n{BEGIN}    pass  # END SOLUTION\n", 3, "is not a marker", id="not alone"
        ),
        pytest.param(
            f"def f():\n    a = 1\n{BEGIN}    return a\n{END}",
            2,
            "this line of f is outside of the solution in lines 3 to 5",
            id="body begins before",
        ),
        pytest.param(
            f"def f():\n{BEGIN}    a = 1\n{END}    return a\n",
            5,
            "this line of f is outside of the solution in lines 2 to 4",
            id="body goes on after",
        ),
        pytest.param(
            f"def f():\n{BEGIN}    pass\n\ndef g():\n    pass\n{END}",
            2,
            "not the body of one function",
            id="two functions in one",
        ),
        pytest.param(
            "# BEGIN SOLUTION\na = 1\n# END SOLUTION\n",
            1,
            "not the body of one function",
            id="no function",
        ),
        pytest.param(
            "def f():\n    'D.'\n# BEGIN SOLUTION\na = 1\n# END SOLUTION\n",
            3,
            "not the body of one function",
            id="after a function",
        ),
        pytest.param(
            f"def f():\n{BEGIN}    pass\n{END}\ndef g():\n    pass\n",
            6,
            "g has no solution markers",
            id="a function without",
        ),
    ],
)
def test_markers_that_make_no_sense_are_refused_with_file_and_line(
    source: str, line: int, complaint: str
) -> None:
    with pytest.raises(generator.TemplateError) as caught:
        render(source)
    assert str(caught.value).startswith(f"m.py:{line}: ")
    assert complaint in str(caught.value)


def test_markers_in_a_file_that_goes_to_students_whole_are_refused() -> None:
    source = f"def f():\n{BEGIN}    pass\n{END}"
    with pytest.raises(generator.TemplateError, match=r"m\.py:2: this file goes to students whole"):
        render(source, section=None, every_function=False)
