"""Takes out of agent code what no host needs: docstrings and comments, which are half of it.

Lines keep their numbers, so that a traceback from a host still points at the source.
"""

from __future__ import annotations

import ast
import io
import tokenize

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compact(source: bytes) -> bytes:
    """The same program without docstrings and comments.

    Raises:
        SyntaxError: It isn't Python.
    """
    lines = source.decode("utf-8").split("\n")
    for found in ast.walk(ast.parse(source)):
        if isinstance(found, _WITH_DOCSTRING) and ast.get_docstring(found, clean=False) is not None:
            _blank(lines, found.body[0], alone=len(found.body) == 1 and not isinstance(found, ast.Module))
    text = "\n".join(lines)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines).encode()


def _blank(lines: list[str], docstring: ast.stmt, *, alone: bool) -> None:
    first, last = docstring.lineno - 1, (docstring.end_lineno or docstring.lineno) - 1
    lines[first : last + 1] = [""] * (last - first + 1)
    if alone:
        lines[first] = " " * docstring.col_offset + "pass"
