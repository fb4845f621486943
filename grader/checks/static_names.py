"""Finds out from syntax trees which classes a submission's modules define; imports nothing of it.

Python binds names in more ways than can be followed without running it. What cannot be followed
(a decorator, a call, a module from outside) counts in the student's favour.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from grader.checks.syntax_tree import Unparsable, parse_source

_MOST_SOURCE = 1 << 20
# Names bound to names bound to names: no one writes a hundredth of this by hand.
_MOST_STEPS = 20_000
_LONGEST_CHAIN = 50
Dotted = tuple[str, ...]


class ClassBody(msgspec.Struct, frozen=True):
    """A class statement: the names its body binds, and its bases as written.

    Attributes
    ----------
    module : str
        Dotted name of the module it stands in.
    names : frozenset of str
        Methods and attributes.
    bases : tuple of tuple of str
        Each base's dotted name.
    opaque : bool
        Whether more names may come from what cannot be followed.
    """

    module: str
    names: frozenset[str]
    bases: tuple[Dotted, ...]
    opaque: bool


class Unknown(msgspec.Struct, frozen=True):
    """Something bound to a name that cannot be followed; it may be the class looked for."""


class _Import(msgspec.Struct, frozen=True):
    module: str
    name: str | None


class _Alias(msgspec.Struct, frozen=True):
    dotted: Dotted


_Binding = ClassBody | Unknown | _Import | _Alias


class Namespace(msgspec.Struct, frozen=True):
    """What one module's top level binds.

    Attributes
    ----------
    bindings : mapping of str to tuple
        All bindings of each name, in order.
    stars : tuple of str
        Modules of which everything is imported.
    added : mapping of str to frozenset of str
        Attributes set on a class after its definition, by the class's name.
    problem : str or None
        Why the source could not be read; then all else is empty.
    """

    bindings: Mapping[str, tuple[_Binding, ...]]
    stars: tuple[str, ...]
    added: Mapping[str, frozenset[str]]
    problem: str | None = None


class StaticNames:
    """The names in a submission's modules.

    Parameters
    ----------
    files : mapping of str to bytes
        A submission's files.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._read: dict[str, Namespace | None] = {}
        self._parsed = 0
        self._steps = 0

    def namespace(self, module: str) -> Namespace | None:
        """Return what a module binds; None if the submission has no such module."""
        if module not in self._read:
            path = module.replace(".", "/")
            self._read[module] = None
            for candidate in (f"{path}.py", f"{path}/__init__.py"):
                if candidate in self._files:
                    is_package = candidate.endswith("/__init__.py")
                    self._read[module] = self._parse(module, self._files[candidate], is_package)
                    break
        return self._read[module]

    def lookup(
        self, module: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()
    ) -> list[ClassBody | Unknown]:
        """Return what a name in a module may stand for; nothing if it is not bound."""
        space = self.namespace(module)
        if space is None or (module, name) in seen:
            return []
        self._steps += 1
        if self._steps > _MOST_STEPS or len(seen) > _LONGEST_CHAIN:
            return [Unknown()]
        seen |= {(module, name)}
        found: list[ClassBody | Unknown] = []
        for binding in space.bindings.get(name, ()):
            match binding:
                case ClassBody() | Unknown():
                    found.append(binding)
                case _Import(module=source, name=attribute):
                    inside = self.namespace(source) is not None
                    if not inside or attribute is None:
                        found.append(Unknown())
                    else:
                        found.extend(self.lookup(source, attribute, seen))
                case _Alias(dotted=dotted):
                    found.extend(self._resolve(module, dotted, seen))
        if not found and "__getattr__" in space.bindings:  # PEP 562
            found.append(Unknown())
        if not found and not name.startswith("_"):
            for star in space.stars:
                found.extend(self.lookup(star, name, seen))
        return found

    def members(self, body: ClassBody, name: str) -> tuple[frozenset[str], bool]:
        """Return a class's names with those of its bases, and whether there may be more.

        Parameters
        ----------
        body : ClassBody
            As `lookup` returned it.
        name : str
            The name it was looked up by, for what is set on it afterwards.
        """
        names: set[str] = set()
        opaque = False
        waiting = [(body, name)]
        seen: set[tuple[ClassBody, str]] = set()
        while waiting:
            body, name = waiting.pop()
            if (body, name) in seen:
                continue
            seen.add((body, name))
            space = self.namespace(body.module)
            names |= body.names | (space.added.get(name, frozenset()) if space else frozenset())
            opaque = opaque or body.opaque
            for base in body.bases:
                if self._is_plain_base(body.module, base):
                    continue
                for found in self._resolve(body.module, base, frozenset()):
                    if isinstance(found, Unknown):
                        opaque = True
                    else:
                        waiting.append((found, base[-1]))
        return frozenset(names), opaque

    def classes(self, module: str) -> list[str]:
        """Return the names of the classes that a module itself defines."""
        space = self.namespace(module)
        bindings = space.bindings if space else {}
        return [name for name, bound in bindings.items() if isinstance(bound[-1], ClassBody)]

    def _resolve(
        self, module: str, dotted: Dotted, seen: frozenset[tuple[str, str]]
    ) -> list[ClassBody | Unknown]:
        head, *rest = dotted
        if not rest:
            return self.lookup(module, head, seen)
        space = self.namespace(module)
        for binding in space.bindings.get(head, ()) if space else ():
            if isinstance(binding, _Import):
                path = (
                    binding.module if binding.name is None else f"{binding.module}.{binding.name}"
                )
                owner = ".".join([path, *rest[:-1]])
                if self.namespace(owner) is not None:
                    return self.lookup(owner, rest[-1], seen)
        return [Unknown()]

    def _is_plain_base(self, module: str, base: Dotted) -> bool:
        """Tell whether a base is a builtin or the standard library's: it adds no lab method."""
        space = self.namespace(module)
        bound = space.bindings.get(base[0], ()) if space else ()
        return all(
            isinstance(binding, _Import)
            and binding.module.partition(".")[0] in sys.stdlib_module_names
            for binding in bound
        ) and not (space and space.stars and not bound)

    def _parse(self, module: str, source: bytes, is_package: bool) -> Namespace:
        self._parsed += len(source)
        if self._parsed > _MOST_SOURCE:
            return _unreadable("all sources together are too large for a lab")
        tree = parse_source(source)
        if isinstance(tree, Unparsable):
            return _unreadable(tree.problem)
        package = module if is_package else module.rpartition(".")[0]
        return _Reader(module, package).read(tree)


def _unreadable(problem: str) -> Namespace:
    return Namespace(bindings={}, stars=(), added={}, problem=problem)


class _Reader:
    """Collects one module's top level."""

    def __init__(self, module: str, package: str) -> None:
        self._module = module
        self._package = package
        self._bindings: dict[str, list[_Binding]] = {}
        self._stars: list[str] = []
        self._added: dict[str, set[str]] = {}

    def read(self, tree: ast.Module) -> Namespace:
        for statement in _flat(tree.body):
            self._take(statement)
        return Namespace(
            bindings={name: tuple(dict.fromkeys(b)) for name, b in self._bindings.items()},
            stars=tuple(self._stars),
            added={name: frozenset(names) for name, names in self._added.items()},
        )

    def _bind(self, name: str, binding: _Binding) -> None:
        self._bindings.setdefault(name, []).append(binding)

    def _take(self, statement: ast.stmt) -> None:
        match statement:
            case ast.ClassDef(name=name):
                self._bind(name, self._class(statement))
            case ast.FunctionDef(name=name):
                self._bind(name, Unknown())
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    self._bind(
                        alias.asname or top, _Import(alias.name if alias.asname else top, None)
                    )
            case ast.ImportFrom(names=names):
                source = self._source(statement)
                for alias in names:
                    if alias.name == "*":
                        self._stars.append(source)
                    else:
                        self._bind(alias.asname or alias.name, _Import(source, alias.name))
            case _:
                for target, value in _assignments(statement):
                    self._assign(target, value)

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        """Bind a target; no value stands for one that cannot be followed."""
        match target:
            case ast.Name(id=name):
                dotted = _dotted(value) if value else ()
                if dotted:
                    self._bind(name, _Alias(dotted))
                elif not isinstance(value, ast.Constant):
                    self._bind(name, Unknown())
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                self._added.setdefault(owner, set()).add(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                parts: list[ast.expr] = []
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                    parts = value.elts
                for index, each in enumerate(targets):
                    self._assign(each, parts[index] if parts else None)
            case _:
                pass

    def _class(self, statement: ast.ClassDef) -> ClassBody:
        names: set[str] = set()
        for inner in _flat(statement.body):
            match inner:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                    names.update(alias.asname or alias.name for alias in imported)
                case _:
                    for target, value in _assignments(inner):
                        if not isinstance(value, ast.Constant):
                            names.update(_target_names(target))
        bases = [_dotted(b.value if isinstance(b, ast.Subscript) else b) for b in statement.bases]
        return ClassBody(
            module=self._module,
            names=frozenset(names),
            bases=tuple(base for base in bases if base),
            opaque=bool(statement.decorator_list or statement.keywords)
            or not all(bases)
            or "__getattr__" in names,
        )

    def _source(self, statement: ast.ImportFrom) -> str:
        """Return the absolute name of the module that a `from` statement names."""
        if not statement.level:
            return statement.module or ""
        parts = self._package.split(".")
        parts = parts[: len(parts) - statement.level + 1]
        return ".".join([*parts, *([statement.module] if statement.module else [])])


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements in order, also those inside `if`, `try`, `with` and loops."""
    waiting = list(body)[::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        inner: list[ast.stmt] = []
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                inner.extend(getattr(statement, field, ()))
            for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                inner.extend(branch.body)
        waiting.extend(reversed(inner))


def _assignments(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case _:
            return


def _target_names(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            for each in targets:
                yield from _target_names(each)
        case _:
            return


def _dotted(expression: ast.expr) -> Dotted:
    """Return `a.b.c` as its parts; nothing for any other expression."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return ()
    return (expression.id, *reversed(parts))
