"""Shapes of values that come from files: what doesn't fit is told by its place.

A shape is a function from a value to the same value, with what may lack filled in. It raises `Misfit`.
"""

import math

_LIMIT = 60  # characters of a key in a message


class Misfit(Exception):
    """A value isn't what it should be.

    Args:
        wanted: What it should be, such as `a list`.
        found: What it is, such as `a number`; None when it isn't there.
    """

    def __init__(self, wanted, found):
        Exception.__init__(self, wanted)
        self.wanted = wanted
        self.found = found
        self.place = []

    def text(self):
        """What's wrong, in words; values aren't shown, since they may be secret."""
        place = ".".join(str(one)[:_LIMIT] for one in self.place)
        if self.found is None:
            return "'{}' is missing".format(place)
        return "{} is {}, not {}".format("'{}'".format(place) if place else "it", self.found, self.wanted)


def kind_of(value):
    """What a value is, in words."""
    if value is None:
        return "null"
    for kind, words in (
        (bool, "true or false"),
        (str, "a text"),
        (bytes, "bytes"),
        (list, "a list"),
        (dict, "an object"),
    ):
        if isinstance(value, kind):
            return words
    return "a number"


def text(value):
    """Any text that can be written down again: no lone half of a surrogate pair but such as stand for bytes."""
    if not isinstance(value, str):
        raise Misfit("a text", kind_of(value))
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Misfit("a text", "no Unicode")
    return value


def argument(value):
    """A text that a program can be given."""
    if "\0" in text(value):
        raise Misfit("a text without zero bytes", "another text")
    return value


def name(value):
    """A text that can be one step of a path."""
    if not text(value) or "/" in value or "\0" in value or value in (".", ".."):
        raise Misfit("a name", "a text")
    return value


def path(value):
    """A text that can be a path."""
    if not text(value) or "\0" in value:
        raise Misfit("a path", "a text")
    return value


def below(value):
    """A path that stays below where it starts."""
    if path(value).startswith("/") or ".." in value.split("/"):
        raise Misfit("a path below the directory", "a text")
    return value


def flag(value):
    """True or false."""
    if not isinstance(value, bool):
        raise Misfit("true or false", kind_of(value))
    return value


def number(value):
    """A finite number; JSON as Python reads it has NaN as well, which no comparison would ever find too late."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit("a number", kind_of(value))
    if (isinstance(value, int) and abs(value) > 2**63) or not math.isfinite(value):
        raise Misfit("a number", "not finite")
    return value


def count(value):
    """A whole number from 0 on."""
    if not isinstance(number(value), int) or value < 0:
        raise Misfit("a whole number from 0 on", "a number")
    return value


def anything(value):
    """Whatever JSON can hold."""
    return value


def raw(value):
    """Bytes."""
    if not isinstance(value, bytes):
        raise Misfit("bytes", kind_of(value))
    return value


def one_of(*words):
    """One of some words."""

    def shape(value):
        if text(value) not in words:
            raise Misfit(" or ".join(repr(word) for word in words), "another text")
        return value

    return shape


def maybe(inner):
    """The inner shape, or null."""
    return lambda value: None if value is None else inner(value)


def sequence(inner):
    """A list of the inner shape."""

    def shape(value):
        if not isinstance(value, list):
            raise Misfit("a list", kind_of(value))
        return [_at(number, inner, one) for number, one in enumerate(value)]

    return shape


def mapping(inner, key=text):
    """An object with any keys of a shape, and values of the inner one."""

    def shape(value):
        if not isinstance(value, dict):
            raise Misfit("an object", kind_of(value))
        return {_at(one, key, one): _at(one, inner, member) for one, member in value.items()}

    return shape


def record(needed, filled=None, known=None):
    """An object with these keys; others are kept as they are, for newer versions that know them.

    Args:
        needed: Key -> its shape.
        filled: Key -> (its shape, what makes its value where it lacks).
        known: Key -> its shape, for keys that may lack.
    """

    def shape(value):
        if not isinstance(value, dict):
            raise Misfit("an object", kind_of(value))
        result = dict(value)
        for one, inner in needed.items():
            if one not in value:
                misfit = Misfit("", None)
                misfit.place = [one]
                raise misfit
            result[one] = _at(one, inner, value[one])
        for one, (inner, fresh) in (filled or {}).items():
            result[one] = _at(one, inner, value[one]) if one in value else fresh()
        for one, inner in (known or {}).items():
            if one in value:
                result[one] = _at(one, inner, value[one])
        return result

    return shape


def _at(place, shape, value):
    try:
        return shape(value)
    except Misfit as misfit:
        misfit.place.insert(0, place)
        raise
