"""Texts as the programs of a host read them: a line ends at LF and nowhere else, and ASCII's blanks separate words.

Python's own `splitlines`, `split`, `strip` and `isdigit` know many more line ends, blanks and digits: what's in the
middle of a comment for a program would be a line of its own for them.
"""

BLANKS = " \t\n\r\v\f"
_AS_SPACES = {ord(one): " " for one in BLANKS}
_DIGITS = frozenset("0123456789")


def lines(text: "str") -> "list[str]":
    """The lines, without their LF."""
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def whole_lines(text: "str") -> "list[str]":
    """The lines, with their LF."""
    found = text.split("\n")
    return [one + "\n" for one in found[:-1]] + ([found[-1]] if found[-1] else [])


def words(text: "str") -> "list[str]":
    """What's between blanks."""
    return [one for one in text.translate(_AS_SPACES).split(" ") if one]


def strip(text: "str") -> "str":
    """Without blanks around it."""
    return text.strip(BLANKS)


def is_number(text: "str") -> "bool":
    """Whether it's one or more of the digits 0 to 9."""
    return bool(text) and _DIGITS.issuperset(text)
