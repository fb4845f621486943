"""Makes the files that students fill in from the reference solution, so that the two cannot drift.

    python reference/make_template.py            writes them into student_template/
    python reference/make_template.py --check    writes nothing; exit 1 if one is out of step

In the reference, the body of a function that students write stands between two comment lines,
``# BEGIN SOLUTION`` and ``# END SOLUTION``. In the template it is one ``raise
NotImplementedError`` that names the file, the function and the section of the handout; everything
else, signatures and docstrings included, is copied as it is. A solution that consists of a
comment alone is fine where the docstring is the whole body.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path(__file__).resolve().parent
TEMPLATE = REFERENCE.parent / "student_template"

BEGIN = "# BEGIN SOLUTION"
END = "# END SOLUTION"


@dataclass(frozen=True)
class Task:
    """One generated file, and what is left to students in it.

    Attributes
    ----------
    file : str
        Path below both folders, with forward slashes.
    section : str or None
        The handout's section, as messages name it; None if the file is given to students whole.
    every_function : bool
        Whether students write every function of the file.
    """

    file: str
    section: str | None = None
    every_function: bool = False


TASKS = (
    Task("layers/__init__.py"),
    Task("layers/full.py", "section 3, 'The full layer'", every_function=True),
    Task("layers/relu.py", "section 4, 'The ReLU layer'", every_function=True),
    Task("layers/softmax.py", "section 5, 'The softmax layer'", every_function=True),
    Task("layers/cross_entropy.py", "section 6, 'The cross-entropy loss'", every_function=True),
    Task("layers/sequential.py", "section 7, 'Sequential'", every_function=True),
    Task("layers/dataset.py"),
    Task("better_cifar.py", "section 10, 'A better network'"),
)


class TemplateError(Exception):
    """The reference's markers do not say what to leave out; the message says where and why."""


@dataclass(frozen=True)
class Solution:
    """A marked region.

    Attributes
    ----------
    begin, end : int
        Lines of its two markers, counted from 1.
    indent : int
        Columns by which its least indented line is, its markers included.
    """

    begin: int
    end: int
    indent: int


@dataclass(frozen=True)
class Function:
    """A function of the reference, under the name that students read, such as `FullLayer.forward`.

    Attributes
    ----------
    name : str
        Qualified name.
    line : int
        Line of its `def`.
    indent : int
        Columns by which its body is indented.
    statements : tuple of (int, int)
        First and last line of each statement of the body, the docstring left out.
    """

    name: str
    line: int
    indent: int
    statements: tuple[tuple[int, int], ...]


def render(source: str, task: Task) -> str:
    """Return the template's text of a file, given the reference's.

    Parameters
    ----------
    source : str
        Text of the reference's file.
    task : Task
        Which file it is.

    Returns
    -------
    str

    Raises
    ------
    TemplateError
        If markers are unbalanced, nested, empty or outside of a function, cover a body only in
        part, or are missing where the task wants them or present where it does not.
    """
    solutions = _find_solutions(source, task.file)
    if task.section is None:
        if solutions:
            raise TemplateError(
                f"{task.file}:{solutions[0].begin}: this file goes to students whole, so it must "
                f"have no '{BEGIN}'; remove it, or give the file a section in TASKS."
            )
        return source
    if not solutions:
        raise TemplateError(
            f"{task.file}:1: there is no '{BEGIN}', so students would be handed the solution; "
            "put markers around each body that is theirs to write."
        )
    functions = list(_find_functions(ast.parse(source), prefix=""))
    owners = [_owner(solution, functions, task.file) for solution in solutions]
    for function in functions:
        if task.every_function and function not in owners:
            raise TemplateError(
                f"{task.file}:{function.line}: {function.name} has no solution markers, and "
                "students write every function of this file; put them around its body."
            )

    lines = source.splitlines()
    for function, solution in reversed(list(zip(owners, solutions, strict=True))):
        indent = " " * solution.indent
        lines[solution.begin - 1 : solution.end] = [
            f"{indent}raise NotImplementedError(",
            f'{indent}    "{task.file}: {function.name} is yours to write; "',
            f'{indent}    "see HANDOUT.md, {task.section}"',
            f"{indent})",
        ]
    return "\n".join(lines) + "\n"


def write(reference: Path, template: Path) -> list[str]:
    """Write all generated files, and return the names of those that changed.

    All are rendered before the first is written, so a TemplateError leaves the template untouched.
    """
    texts = _render_all(reference)
    stale = [name for name, text in texts.items() if not _is_in_step(template / name, text)]
    for name in stale:
        path = template / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(texts[name].encode())
    return stale


def check(reference: Path, template: Path) -> list[str]:
    """Return one sentence for each file of the template that differs from what `write` makes."""
    complaints = []
    for name, text in _render_all(reference).items():
        if not (template / name).is_file():
            complaints.append(f"{template / name} is missing.")
        elif not _is_in_step(template / name, text):
            complaints.append(f"{template / name} is out of step with {reference / name}.")
    generated = {template / task.file for task in TASKS}
    complaints += [
        f"{path} has no counterpart in {reference / 'layers'}; remove it or add it to TASKS."
        for path in sorted((template / "layers").glob("*.py"))
        if path not in generated
    ]
    return complaints


def _render_all(reference: Path) -> dict[str, str]:
    return {
        task.file: render((reference / task.file).read_text(encoding="utf-8"), task)
        for task in TASKS
    }


def _is_in_step(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _find_solutions(source: str, file: str) -> list[Solution]:
    solutions = []
    begin = None
    lines = source.splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip() == BEGIN:
            if begin is not None:
                raise TemplateError(
                    f"{file}:{number}: '{BEGIN}' inside the solution that begins in line {begin}; "
                    f"end that one with '{END}' first."
                )
            begin = number
        elif line.strip() == END:
            if begin is None:
                raise TemplateError(
                    f"{file}:{number}: '{END}' without a '{BEGIN}' before it; "
                    "add the one or remove the other."
                )
            marked = [inner for inner in lines[begin - 1 : number] if inner.strip()]
            if len(marked) == 2:
                raise TemplateError(
                    f"{file}:{begin}: the solution is empty; write it, or remove its markers."
                )
            indent = min(len(inner) - len(inner.lstrip()) for inner in marked)
            solutions.append(Solution(begin, number, indent))
            begin = None
        elif "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            # A misspelt marker would hand a solution to students.
            raise TemplateError(
                f"{file}:{number}: {line.strip()!r} is not a marker; a marker is '{BEGIN}' or "
                f"'{END}' and stands alone in its line."
            )
    if begin is not None:
        raise TemplateError(f"{file}:{begin}: '{BEGIN}' without an '{END}' after it; add one.")
    return solutions


def _find_functions(parent: ast.AST, prefix: str) -> Iterator[Function]:
    """Find functions and methods, but none inside functions: those are part of a body."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield Function(
                name=prefix + node.name,
                line=node.lineno,
                indent=node.body[0].col_offset,
                statements=tuple((statement.lineno, _last_line(statement)) for statement in body),
            )
        elif isinstance(node, ast.ClassDef):
            yield from _find_functions(node, prefix=f"{prefix}{node.name}.")


def _last_line(node: ast.stmt) -> int:
    assert node.end_lineno is not None, "ast.parse always sets it"
    return node.end_lineno


def _owner(solution: Solution, functions: Sequence[Function], file: str) -> Function:
    """Return the function whose whole body the solution is."""
    before = [function for function in functions if function.line < solution.begin]
    if not before or before[-1].indent != solution.indent:
        raise TemplateError(
            f"{file}:{solution.begin}: this solution is not the body of one function, indented "
            "like its markers; mark the whole body after the docstring and nothing else."
        )
    owner = before[-1]
    for first, last in owner.statements:
        if first < solution.begin or last > solution.end:
            raise TemplateError(
                f"{file}:{first}: this line of {owner.name} is outside of the solution in lines "
                f"{solution.begin} to {solution.end}; mark the whole body after the docstring."
            )
    return owner


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code: 0, 1 (out of step) or 2 (bad markers)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="folder to read from")
    parser.add_argument("--template", type=Path, default=TEMPLATE, help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            complaints = check(options.reference, options.template)
            for complaint in complaints:
                print(complaint, file=sys.stderr)
            if complaints:
                print("Run: python reference/make_template.py", file=sys.stderr)
            return 1 if complaints else 0
        for name in write(options.reference, options.template):
            print(f"wrote {options.template / name}")
    except TemplateError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
