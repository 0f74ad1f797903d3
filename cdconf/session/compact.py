"""Takes out of agent code what no host needs: docstrings and comments, which are half of it, and indentation.

Lines keep their numbers, so that a traceback from a host still points at the source.
"""

from __future__ import annotations

import ast
import io
import tokenize

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compact(source: bytes) -> bytes:
    """The same program without docstrings and comments, with one space for each level of indentation.

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
    return "\n".join(_indented(lines)).encode()


def _indented(lines: list[str]) -> list[str]:
    """The lines with one space for each level; those inside a text that goes over several stay as they are."""
    result, depth, begins, text_until = list(lines), 0, True, 0
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        row = token.start[0]
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.NEWLINE:
            begins = True
        elif token.type not in (tokenize.NL, tokenize.ENDMARKER):
            is_first = not lines[row - 1][: token.start[1]].strip()
            if is_first and row > text_until:
                result[row - 1] = " " * (depth if begins else 0) + lines[row - 1].lstrip()
            begins = False
            text_until = max(text_until, token.end[0])
    return result


def _blank(lines: list[str], docstring: ast.stmt, *, alone: bool) -> None:
    first, last = docstring.lineno - 1, (docstring.end_lineno or docstring.lineno) - 1
    lines[first : last + 1] = [""] * (last - first + 1)
    if alone:
        lines[first] = " " * docstring.col_offset + "pass"


def narrow(source: bytes) -> bytes:
    """The same program without the blanks between words that can do without; lines with f-strings stay."""
    lines = source.decode("utf-8").split("\n")
    cuts: dict[int, list[tuple[int, int]]] = {}
    last, kept = None, set[int]()
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if tokenize.tok_name[token.type].startswith("FSTRING"):
            kept.update(range(token.start[0] - 1, token.end[0]))
        if last is not None and last.end[0] == token.start[0] and _can_touch(last.string, token.string):
            cuts.setdefault(token.start[0] - 1, []).append((last.end[1], token.start[1]))
        last = token
    for number, places in cuts.items():
        for start, end in reversed(places) if number not in kept else ():
            lines[number] = lines[number][:start] + lines[number][end:]
    return "\n".join(lines).encode()


def _can_touch(one: str, other: str) -> bool:
    if not one.strip() or not other.strip():
        return False
    return not (_is_word(one[-1]) and _is_word(other[0]))


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter in "_.\"'"
