"""Texts as the programs of a host read them: a line ends at LF and nowhere else, and ASCII's blanks separate words.

Python's own `splitlines`, `split`, `strip` and `isdigit` know many more line ends, blanks and digits: what's in the
middle of a comment for a program would be a line of its own for them.
"""

import re

BLANKS = " \t\n\r\v\f"
_WORD = re.compile("[^{}]+".format(BLANKS))


def lines(text: "str") -> "list[str]":
    """The lines, without their LF."""
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def whole_lines(text: "str") -> "list[str]":
    """The lines, with their LF."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def words(text: "str") -> "list[str]":
    """What's between blanks."""
    return _WORD.findall(text)


def strip(text: "str") -> "str":
    """Without blanks around it."""
    return text.strip(BLANKS)


def is_number(text: "str") -> "bool":
    """Whether it's one or more of the digits 0 to 9."""
    return re.match("[0-9]+\\Z", text) is not None
