"""Takes out of agent code what only a type checker reads: annotations, and the blocks below `if TYPE_CHECKING`.

Lines keep their numbers. What's left is what Python 3.6 would do with the whole.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAG = "TYPE_CHECKING"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def without_annotations(source: bytes) -> bytes:
    """The same program without annotations, for code of which nothing looks at them: a NamedTuple's are its fields.

    Raises:
        SyntaxError: It isn't Python, or a block below `if TYPE_CHECKING` has an `else`.
    """
    tree = ast.parse(source)
    text = _Text(source)
    needed = {id(body[0]) for body in _bodies(tree) if all(_is_void(one) for one in body)}
    for one in ast.walk(tree):
        if isinstance(one, ast.stmt) and _is_void(one):
            word = b"pass" if id(one) in needed else b""
            text.erase(text.start(one) if word else text.margin(one), text.end(one), word, inside=True)
        elif isinstance(one, ast.arg) and one.annotation is not None:
            text.erase(text.start(one) + len(one.arg.encode()), text.end(one), inside=True)
        elif isinstance(one, _FUNCTIONS) and one.returns is not None:
            arrow = source.rindex(b"->", 0, text.start(one.returns))
            before = len(source[:arrow].rstrip(b" \t"))
            text.erase(before, source.index(b":", text.end(one.returns)))
        elif isinstance(one, ast.AnnAssign) and one.value is not None:
            colon = source.index(b":", text.end(one.target))
            text.erase(colon, source.index(b"=", text.end(one.annotation)), b" ")
    return text.result()


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for one in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(one, name, None)
            if isinstance(body, list) and body and not isinstance(one, ast.Module):
                yield body


def _is_void(statement: ast.stmt) -> bool:
    """Whether a statement does nothing when the program runs."""
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == FLAG:
        if statement.orelse:
            raise SyntaxError(f"line {statement.lineno}: `if {FLAG}` has an `else`")
        return True
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Assign) and ast.unparse(statement) == f"{FLAG} = False"


class _Text:
    """A source of which parts are taken out, by their places in its syntax tree."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._erased: list[tuple[int, int, bytes]] = []
        self._lines = [0]
        for line in source.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)

    def start(self, one: ast.stmt | ast.expr | ast.arg) -> int:
        """Where a part begins, in bytes."""
        return self._lines[one.lineno - 1] + one.col_offset

    def margin(self, one: ast.stmt) -> int:
        """Where the blanks before a statement begin."""
        return len(self._source[: self.start(one)].rstrip(b" "))

    def end(self, one: ast.stmt | ast.expr | ast.arg) -> int:
        """Behind its last byte."""
        return self._lines[(one.end_lineno or one.lineno) - 1] + (one.end_col_offset or 0)

    def erase(self, start: int, end: int, word: bytes = b"", *, inside: bool = False) -> None:
        """Puts a word in place of what's there; `inside`: a line may end there, as between brackets."""
        end_of_line = b"\n" if inside else b"\\\n"
        self._erased.append((start, end, word + end_of_line * self._source.count(b"\n", start, end)))

    def result(self) -> bytes:
        """What's left; a part within one that's taken out goes with it."""
        parts, at = [], 0
        for start, end, word in sorted(self._erased, key=lambda one: (one[0], -one[1])):
            if start >= at:
                parts += [self._source[at:start], word]
                at = end
        return b"".join([*parts, self._source[at:]])
