"""Gives the local variables of agent code names of one letter: a twentieth of what's sent to each host.

Lines keep their numbers, and nothing that can be seen from outside of a function changes its name: arguments,
attributes, functions and modules stay.
"""

from __future__ import annotations

import ast
import builtins
import string
from collections import Counter
from dataclasses import dataclass, field

_BUILTIN = frozenset(dir(builtins))
_SEES_NAMES = {"dir", "eval", "exec", "locals", "vars"}
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class _Names:
    """The names in a function and all that's inside of it.

    Attributes:
        bound: Bound by an assignment, a loop, `with` or a comprehension.
        fixed: Bound in another way, or seen from outside.
        uses: Where each name stands.
    """

    bound: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    uses: dict[str, list[ast.Name]] = field(default_factory=dict)
    is_closed: bool = True  # nothing but the code itself can see the names


def shorten(source: str) -> str:
    """The same program with shorter names of local variables.

    Raises:
        SyntaxError: It isn't Python.
    """
    tree = ast.parse(source)
    outer = _BUILTIN | _bound_outside(tree)
    lines = [line.encode() for line in source.split("\n")]
    edits = [edit for function in _functions(tree) for edit in _edits(function, outer)]
    for row, column, old, new in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return b"\n".join(lines).decode()


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of the module, and methods of its classes; what's inside of a function belongs to it."""
    found = []
    todo: list[ast.AST] = [tree]
    while todo:
        for child in ast.iter_child_nodes(todo.pop()):
            if isinstance(child, _FUNCTION):
                found.append(child)
            else:
                todo.append(child)
    return found


def _bound_outside(tree: ast.Module) -> set[str]:
    """Names that a function may mean although it binds them somewhere inside: those of the module and its classes."""
    functions = _functions(tree)
    inner = {id(child) for function in functions for child in ast.walk(function)}
    found = {function.name for function in functions}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global | ast.Nonlocal):
            found |= set(node.names)
        elif id(node) not in inner:
            found |= _bound_by(node)
    return found


def _bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    return _fixed_by(node)


def _fixed_by(node: ast.AST) -> set[str]:
    """What a node binds under a name that this module leaves alone."""
    found: list[str | None] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            found = [node.name]
        case ast.MatchAs() | ast.MatchStar():
            found = [node.name]
        case ast.MatchMapping():
            found = [node.rest]
        case ast.Import() | ast.ImportFrom():
            found = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        case ast.arg():
            found = [node.arg]
        case ast.JoinedStr():  # where names stand in it isn't told before Python 3.12
            found = [child.id for child in ast.walk(node) if isinstance(child, ast.Name)]
    return {name for name in found if name is not None}


def _names(function: ast.AST) -> _Names:
    names = _Names()
    for node in ast.walk(function):
        names.fixed |= _fixed_by(node)
        if isinstance(node, ast.Name):
            names.uses.setdefault(node.id, []).append(node)
            if not isinstance(node.ctx, ast.Load):
                names.bound.add(node.id)
        elif isinstance(node, ast.ClassDef):
            names.is_closed = False
    names.is_closed = names.is_closed and not names.uses.keys() & _SEES_NAMES
    return names


def _edits(function: ast.AST, outer: set[str] | frozenset[str]) -> list[tuple[int, int, bytes, bytes]]:
    """`(line, column in bytes, old, new)` each."""
    names = _names(function)
    if not names.is_closed:
        return []
    counted = Counter({name: len(names.uses[name]) for name in names.bound - names.fixed - outer if len(name) > 1})
    free = [letter for letter in string.ascii_letters if letter not in names.uses.keys() | names.fixed | outer]
    ordered = sorted(counted, key=lambda name: (-counted[name], name))
    return [
        (use.lineno, use.col_offset, name.encode(), letter.encode())
        for name, letter in zip(ordered, free, strict=False)
        for use in names.uses[name]
    ]
