"""Keeps the line ends of templates: Jinja2's lexer makes LF of each CRLF and CR, and a file of Windows would lose them.

While the lexer reads, a mark stands in for each CR. Its characters are blanks, for Jinja2 as for Python: so `-%}` and
`{%-` strip it as they strip line ends, and LF still stands where `trim_blocks` looks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

_BEHIND_LF = "\x1c\x1d\x1e\x1f"  # the LF before it has a CR; alone where the LF was trimmed
_ALONE = "\x1c\x1e\x1d\x1f"
_MARK = re.compile(f"\n?{_BEHIND_LF}|{_ALONE}")


class LineEnds(Extension):
    """Text of a template, and of strings in it, comes out with the line ends that it has in its file."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Puts a mark in for each CR.

        Raises:
            TemplateSyntaxError: The source holds a mark itself.
        """
        found = _MARK.search(source)
        if found:
            line = source.count("\n", 0, found.end()) + 1
            raise TemplateSyntaxError("four separators (U+001C to U+001F) in a row can't be kept", line, name, filename)
        if "\r" not in source:
            return source
        return source.replace("\r\n", "\n" + _BEHIND_LF).replace("\r", _ALONE)

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Puts each CR back."""
        for token in stream:
            if token.type in ("data", "string") and "\x1c" in token.value:
                yield Token(token.lineno, token.type, _MARK.sub(_restored, token.value))
            else:
                yield token


def _restored(mark: re.Match[str]) -> str:
    if mark[0] == _ALONE:
        return "\r"
    return "\r\n" if mark[0][0] == "\n" else ""


def indented(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Jinja2's filter `indent`, for which lines end at LF alone, and keep what else they end with.

    Args:
        text: What's indented.
        width: How many blanks, or what stands in their place.
        first: The first line, too.
        blank: Empty lines, too.
    """
    space = width if isinstance(width, str) else " " * width
    head, *rest = text.split("\n")
    lines = [space + line if blank or line not in ("", "\r") else line for line in rest]
    return "\n".join([space + head if first else head, *lines])
