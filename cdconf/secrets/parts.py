"""Takes the parts of secrets out of a text that was cut, by whoever cut it before it could be masked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cdconf.secrets.forms import SHORTEST

# What's put where a text was cut: here, and on hosts
_CUT = re.compile(r"(\n?(?:… \(the diff goes on\)|\.\.\. \(the diff goes on\)|…)\n?)")


def without_parts(text: str, forms: Iterable[str], shown: str) -> str:
    """The text without what's left of secrets at the places where it was cut.

    Whatever ends before such a place as a secret begins, or begins behind it as a secret ends, goes: a few characters
    of something else may go with it.

    Args:
        text: Whole secrets are masked already.
        forms: What's masked.
        shown: What's put in place of a part.
    """
    pieces = _CUT.split(text)
    if len(pieces) == 1:
        return text
    known = [form for form in forms if len(form) > SHORTEST]
    longest = max(map(len, known), default=0)
    for number in range(0, len(pieces), 2):
        piece = pieces[number]
        if number < len(pieces) - 1 and (begun := _begun(piece[-longest:], known)):
            piece = piece[:-begun] + shown
        if number > 0 and (ended := _ended(piece[:longest], known)):
            piece = shown + piece[ended:]
        pieces[number] = piece
    return "".join(pieces)


def _begun(end: str, known: Iterable[str]) -> int:
    """How many characters at the end of a text are the beginning of a secret."""
    most = 0
    for form in known:
        at = end.find(form[:SHORTEST])
        while at >= 0 and not form.startswith(end[at:]):
            at = end.find(form[:SHORTEST], at + 1)
        most = max(most, len(end) - at if at >= 0 else 0)
    return most


def _ended(start: str, known: Iterable[str]) -> int:
    """How many characters at the beginning of a text are the end of a secret."""
    most = 0
    for form in known:
        at = start.rfind(form[-SHORTEST:])
        while at >= 0 and not form.endswith(start[: at + SHORTEST]):
            at = start.rfind(form[-SHORTEST:], 0, at + SHORTEST - 1)
        most = max(most, at + SHORTEST if at >= 0 else 0)
    return most
