"""Python files as syntax trees, and how a text is followed from where it is said to where it is made."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(slots=True)
class Module:
    """One file: its tree, what its names mean, and the function around each node."""

    name: str
    file: str
    tree: ast.Module
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    constants: dict[str, list[ast.expr]] = field(default_factory=dict)
    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=dict)
    owner: dict[ast.AST, ast.FunctionDef | ast.Lambda | None] = field(default_factory=dict)
    classes: dict[ast.AST, ast.ClassDef | None] = field(default_factory=dict)
    held: dict[str, list[ast.expr]] = field(default_factory=dict)


def modules(package: Path) -> Iterator[Module]:
    """Every file of a package."""
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package.parent)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        module = Module(name, f"src/{relative.as_posix()}", ast.parse(path.read_text("utf-8")))
        _read(module, module.tree, None, None)
        yield module


def _read(module: Module, node: ast.AST, owner: ast.FunctionDef | ast.Lambda | None, kind: ast.ClassDef | None) -> None:
    for child in ast.iter_child_nodes(node):
        module.owner[child], module.classes[child] = owner, kind
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                module.imports[alias.asname or alias.name] = (child.module, alias.name)
        if owner is None and isinstance(child, ast.Assign | ast.AnnAssign) and child.value is not None:
            for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                if isinstance(target, ast.Name):
                    (module.held if kind else module.constants).setdefault(target.id, []).append(child.value)
        if isinstance(child, ast.FunctionDef):
            module.functions.setdefault(child.name, []).append(child)
            _read(module, child, child, kind)
        else:
            _read(module, child, owner, child if isinstance(child, ast.ClassDef) else kind)


def alternatives(node: ast.expr) -> Sequence[ast.expr] | None:
    """The expressions of which this one is any, or a list; None where it is something else."""
    match node:
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.BoolOp():
            return node.values
        case ast.Tuple() | ast.List() | ast.Set():
            return node.elts
        case ast.Starred() | ast.Await():
            return [node.value]
        case ast.GeneratorExp() | ast.ListComp():
            return [node.elt]
        case _:
            return None


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call below a node."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def callee(call: ast.Call) -> str:
    """The last name of what is called; empty where it has none."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def constant(node: ast.expr) -> str | None:
    """The text that an expression plainly is."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def parameters(function: ast.FunctionDef) -> set[str]:
    """The names that a function is given."""
    args = function.args
    return {one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)}


def returned(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a function gives back, or yields."""
    for node in _nodes(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            yield node.value


@cache
def assigned(function: ast.FunctionDef, name: str) -> tuple[ast.expr, ...]:
    """What a local name is given, also as one of several, and what is appended to it."""
    return tuple(_givings(function, name))


@cache
def _nodes(function: ast.FunctionDef) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(function))


def _givings(function: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    for node in _nodes(function):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple):
                    yield from _unpacked(target, node.value, name)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "append"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == name
        ):
            yield from node.args


def _unpacked(target: ast.Tuple, value: ast.expr, name: str) -> Iterator[ast.expr]:
    values = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    for at, one in enumerate(target.elts):
        if isinstance(one, ast.Name) and one.id == name:
            yield from (each.elts[at] for each in values if isinstance(each, ast.Tuple) and at < len(each.elts))
