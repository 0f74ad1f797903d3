"""Takes out of agent code what no host needs: docstrings and comments, which are half of it, indentation and blanks.

Lines keep their numbers, so that a traceback from a host still points at the source.
"""

from __future__ import annotations

import ast
import io
import tokenize

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SILENT = (tokenize.NL, tokenize.ENDMARKER)


def compact(source: bytes) -> bytes:
    """The same program, with one space for each level of indentation and no blanks between words that can do without.

    Texts stay as they are, and so do the blanks in lines with f-strings.

    Raises:
        SyntaxError: It isn't Python.
    """
    text = source.decode("utf-8")
    lines = text.split("\n")
    instead = _docstrings(ast.parse(source))
    layout = _Layout(lines)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):  # once: it takes longer than all else
        if token.start[0] not in instead or token.type in (tokenize.INDENT, tokenize.DEDENT):
            layout.add(token)
    result = layout.lines()
    for row, word in instead.items():
        result[row - 1] = " " * layout.depths.get(row, 0) + word if word else ""
    return "\n".join(result).encode()


def _docstrings(tree: ast.Module) -> dict[int, str]:
    """Their lines, and what stands there instead."""
    found: dict[int, str] = {}
    for one in ast.walk(tree):
        if isinstance(one, _WITH_DOCSTRING) and ast.get_docstring(one, clean=False) is not None:
            docstring = one.body[0]
            found |= dict.fromkeys(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1), "")
            if len(one.body) == 1 and not isinstance(one, ast.Module):
                found[docstring.lineno] = "pass"
    return found


class _Layout:
    """How lines are to look, learned from their tokens.

    Args:
        lines: The lines as they are.

    Attributes:
        depths: The level of indentation of each line with which a block begins.
    """

    def __init__(self, lines: list[str]) -> None:
        self.depths: dict[int, int] = {}
        self._lines = lines
        self._margins: dict[int, int] = {}  # spaces before a line's first word
        self._ends: dict[int, int] = {}  # where the blanks and the comment begin that end a line
        self._blanks: dict[int, list[tuple[int, int]]] = {}  # from a column to before another
        self._kept: set[int] = set()
        self._last: tokenize.TokenInfo | None = None
        self._depth = self._text_until = 0
        self._begins = True

    def add(self, token: tokenize.TokenInfo) -> None:
        """The next token; those of docstrings are left out."""
        row, column = token.start
        if token.type == tokenize.COMMENT:
            self._ends[row] = len(self._lines[row - 1][:column].rstrip())
            return
        if token.type == tokenize.INDENT:
            self._depth += 1
            self.depths[row] = self._depth
        elif token.type == tokenize.DEDENT:
            self._depth -= 1
        elif token.type == tokenize.NEWLINE:
            self._begins = True
        elif token.type not in _SILENT:
            self._add_word(token)
        last, self._last = self._last, token
        if last is not None and last.end[0] == row and _can_touch(last.string, token.string):
            self._blanks.setdefault(row, []).append((last.end[1], column))

    def _add_word(self, token: tokenize.TokenInfo) -> None:
        row, column = token.start
        is_first = not self._lines[row - 1][:column].strip()
        if is_first and row > self._text_until:
            self._margins[row] = self._depth if self._begins else 0
        self._begins = False
        self._text_until = max(self._text_until, token.end[0])
        if tokenize.tok_name[token.type].startswith("FSTRING"):
            self._kept.update(range(row, token.end[0] + 1))

    def lines(self) -> list[str]:
        """All lines as they are to be."""
        return [self._line(row, line) for row, line in enumerate(self._lines, 1)]

    def _line(self, row: int, line: str) -> str:
        line = line[: self._ends.get(row)]
        for start, end in reversed(self._blanks.get(row, ())) if row not in self._kept else ():
            line = line[:start] + line[end:]
        return " " * self._margins[row] + line.lstrip() if row in self._margins else line


def _can_touch(one: str, other: str) -> bool:
    if not one.strip() or not other.strip():
        return False
    return not (_is_word(one[-1]) and _is_word(other[0]))


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter in "_.\"'"
