"""Makes systematic mutants of the reference: one small change each, by the syntax tree."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

_Change = tuple[str, Callable[[ast.AST], ast.AST | None]]

_SWAPPED_OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_SWAPPED_NAMES: dict[str, tuple[str, ...]] = {
    "max": ("min", "sum"),
    "sum": ("mean", "max"),
    "exp": ("log", "expm1"),
    "log": ("log2", "log1p"),
    "sqrt": ("square",),
    "maximum": ("minimum",),
    "argmax": ("argmin",),
    "zeros": ("ones",),
    "normal": ("uniform", "laplace"),
    "float64": ("float32", "int64"),
    "W_grad": ("W",),
    "b_grad": ("b",),
    "x": ("t",),
    "t": ("x",),
    "forward": ("backward",),
}


class Mutant(msgspec.Struct, frozen=True):
    """One mutant.

    Attributes
    ----------
    id : str
        Stays the same while the function it is in does, wherever lines move:
        `full.py:FullLayer.backward:swap MatMult for Mult:1`.
    file : str
        Path of the changed file below the submission's root.
    before, after : str
        The changed expression or statement.
    source : str
        The whole changed file.
    """

    id: str
    file: str
    before: str
    after: str
    source: str


def mutants_of(files: Mapping[str, bytes], file: str) -> Iterator[Mutant]:
    """Yield every mutant of one file.

    Parameters
    ----------
    files : mapping of str to bytes
        The reference.
    file : str
        Path of the file to change, such as `layers/full.py`.
    """
    tree = ast.parse(files[file])
    seen: Counter[str] = Counter()
    for owner, function in _functions(tree):
        sites = list(_sites(function))
        for path, node in sites:
            for name, change in _changes(node):
                key = f"{file.removeprefix('layers/')}:{owner}:{name}"
                seen[key] += 1
                mutated = copy.deepcopy(tree)
                target_function = dict(_functions(mutated))[owner]
                before = ast.unparse(node)
                after = _replace(target_function, path, change)
                yield Mutant(
                    id=f"{key}:{seen[key]}",
                    file=file,
                    before=before,
                    after=after,
                    source=ast.unparse(ast.fix_missing_locations(mutated)),
                )


_Path = tuple[tuple[str, int | None], ...]


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{statement.name}.{member.name}", member
        elif isinstance(statement, ast.FunctionDef):
            yield statement.name, statement


def _sites(function: ast.FunctionDef) -> Iterator[tuple[_Path, ast.AST]]:
    """Yield what can be changed, with the way to it: defaults and body, not types or docstring."""
    for index, default in enumerate(function.args.defaults):
        yield from _below(default, (("args", None), ("defaults", index)))
    for index, statement in enumerate(function.body):
        if index == 0 and ast.get_docstring(function) is not None:
            continue
        yield from _below(statement, (("body", index),))


def _below(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, ast.AST]]:
    yield path, node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_comment"):
            continue
        if isinstance(value, ast.AST):
            yield from _below(value, (*path, (field, None)))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _below(child, (*path, (field, index)))


def _replace(root: ast.AST, path: _Path, change: Callable[[ast.AST], ast.AST | None]) -> str:
    """Change the node at the end of the path in place; return its new source."""
    *way, (field, index) = path
    parent = root
    for step, at in way:
        parent = getattr(parent, step) if at is None else getattr(parent, step)[at]
    node = getattr(parent, field) if index is None else getattr(parent, field)[index]
    changed = change(node)
    if changed is None:
        changed = ast.copy_location(ast.Pass(), node)
    if index is None:
        setattr(parent, field, changed)
    else:
        getattr(parent, field)[index] = changed
    return ast.unparse(ast.fix_missing_locations(changed))


def _changes(node: ast.AST) -> Iterator[_Change]:
    """Yield the ways to get one node wrong."""
    match node:
        case ast.BinOp() | ast.AugAssign():
            yield from _operator_swaps(node, "op", type(node.op))
            if isinstance(node, ast.BinOp):
                yield "keep the left side", lambda n: n.left  # type: ignore[attr-defined]
                yield "keep the right side", lambda n: n.right  # type: ignore[attr-defined]
        case ast.Compare(ops=[operator]):
            for swapped in _SWAPPED_OPERATORS.get(type(operator), ()):
                yield (
                    f"swap {type(operator).__name__} for {swapped.__name__}",
                    _with(ops=[swapped()]),
                )
        case ast.UnaryOp():
            yield f"drop {type(node.op).__name__}", lambda n: n.operand  # type: ignore[attr-defined]
        case ast.Constant(value=bool(value)):
            yield f"{not value} for {value}", _with(value=not value)
        case ast.Constant(value=int() | float() as number):
            yield f"{number} + 1", _with(value=number + 1)
            if number:
                yield f"0 for {number}", _with(value=type(number)(0))
                yield f"-{number}", _with(value=-number)
        case ast.Attribute(attr=name):
            for other in _SWAPPED_NAMES.get(name, ()):
                yield f"{other} for {name}", _with(attr=other)
            if name == "T":
                yield "drop T", lambda n: n.value  # type: ignore[attr-defined]
        case ast.Call():
            yield from _call_changes(node)
        case ast.Slice():
            if node.lower is not None:
                yield "drop the slice's start", _with(lower=None)
            if node.upper is not None:
                yield "drop the slice's end", _with(upper=None)
        case ast.Subscript():
            yield "drop the index", lambda n: n.value  # type: ignore[attr-defined]
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            yield "drop the statement", lambda n: None
        case ast.Expr():
            yield "drop the statement", lambda n: None
        case ast.Return(value=value) if value is not None:
            yield "return nothing", _with(value=None)
            yield "return the negative", lambda n: ast.Return(ast.UnaryOp(ast.USub(), n.value))  # type: ignore[attr-defined]
            yield "return zeros", lambda n: ast.Return(_times_zero(n.value))  # type: ignore[attr-defined]
        case ast.If():
            yield "always", _with(test=ast.Constant(True))
            yield "never", _with(test=ast.Constant(False))
        case ast.For():
            yield "leave out the first", _with(iter=_sliced(node.iter, 1, None))
            yield "leave out the last", _with(iter=_sliced(node.iter, None, -1))
            yield "only the first", _with(iter=_sliced(node.iter, None, 1))


def _operator_swaps(node: ast.AST, field: str, operator: type[ast.AST]) -> Iterator[_Change]:
    for swapped in _SWAPPED_OPERATORS.get(operator, ()):
        yield f"swap {operator.__name__} for {swapped.__name__}", _with(**{field: swapped()})


def _call_changes(node: ast.Call) -> Iterator[_Change]:
    if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        yield f"{_called(node)} left out", lambda n: n.args[0]  # type: ignore[attr-defined]
    for index in range(len(node.args) - 1):
        yield f"arguments {index} and {index + 1} swapped", _swap_arguments(index)
    for index, keyword in enumerate(node.keywords):
        yield f"without {keyword.arg}", _without_keyword(index)


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def _with(**fields: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        changed = copy.copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        return changed

    return change


def _swap_arguments(index: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        changed: ast.Call = copy.copy(node)  # type: ignore[assignment]
        changed.args = list(changed.args)
        changed.args[index], changed.args[index + 1] = changed.args[index + 1], changed.args[index]
        return changed

    return change


def _without_keyword(index: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        changed: ast.Call = copy.copy(node)  # type: ignore[assignment]
        changed.keywords = [k for at, k in enumerate(changed.keywords) if at != index]
        return changed

    return change


def _times_zero(value: ast.expr) -> ast.expr:
    return ast.BinOp(value, ast.Mult(), ast.Constant(0.0))


def _sliced(iterated: ast.expr, lower: int | None, upper: int | None) -> ast.expr:
    bounds = ast.Slice(
        None if lower is None else ast.Constant(lower),
        None if upper is None else ast.Constant(upper),
        None,
    )
    return ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [iterated], []), bounds, ast.Load())
