"""Fits what a host says into the types that are declared for it: what isn't declared is dropped, the rest is refused.

A type is a `TypedDict`, `list`, `dict` with text keys, `Literal`, a union with None, or a plain type; `Annotated` with
`Most` bounds a text or a list otherwise than usual. `Plain` is any value that JSON can hold, of bounded depth.
"""

import math
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from cdconf.agent.records.shapes import Misfit, kind_of

TEXT = 65_536  # characters of a text
MEMBERS = 200_000  # of a list or an object
DEPTH = 16  # of values that nothing is declared of
_LARGEST = 1 << 63  # databases hold no larger numbers


@dataclass(frozen=True)
class Most:
    """How long a text may be, how many members a list may have, how large a number from 0 on."""

    count: int


@dataclass(frozen=True)
class Like:
    """A regular expression that the whole text fits."""

    pattern: str


class Plain:
    """Stands for any value that JSON can hold: finite numbers, bounded texts, not too deep."""


Count = Annotated[int, Most((1 << 63) - 1)]  # what a database holds
Digest = Annotated[str, Like("[0-9a-f]{64}")]
Version = Annotated[str, Like(r"[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,99}")]  # of an artifact; people are told to type it
Time = Annotated[float, Most(253_370_764_800)]  # seconds since 1970, before the year 9999
Long = Annotated[str, Most(1 << 20)]  # what was printed, a diff
Shape = Callable[[Any], Any]


def fitted(kind: Any, value: object) -> Any:
    """The value as its type declares it.

    Raises:
        Misfit: It isn't of that type, or larger than it may be.
    """
    return _shape(kind)(value)


@cache
def _shape(kind: Any, most: int | None = None) -> Shape:  # noqa: C901, PLR0911  a table of kinds
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _like(inner[1].pattern) if isinstance(inner[1], Like) else _shape(inner[0], inner[1].count)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is Literal:
        return _literal(inner)
    if origin is list:
        return _list(_shape(inner[0]), most or MEMBERS)
    if origin is dict:
        return _dict(_shape(inner[0]), _shape(inner[1]), most or MEMBERS)
    if origin is tuple:
        return _tuple([_shape(one) for one in inner])
    if is_typeddict(kind):
        return _record(kind)
    if kind is str:
        return _text(most or TEXT)
    if kind is float and most is not None:
        return _upto(most, _number)
    if kind is int and most is not None:
        return _upto(most, _whole)
    return _PLAIN_SHAPES[kind]


def _union(inner: tuple[Any, ...]) -> Shape:
    """Of several types but None, those that are told apart by their keys: the first that fits."""
    shapes = [_shape(one) for one in inner if one is not type(None)]
    is_optional = len(shapes) < len(inner)

    def shape(value: Any) -> Any:
        if value is None and is_optional:
            return None
        for one in shapes[:-1]:
            try:
                return one(value)
            except Misfit:
                continue
        return shapes[-1](value)

    return shape


def _literal(words: tuple[Any, ...]) -> Shape:
    def shape(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise Misfit(" or ".join(map(repr, words)), kind_of(value) if not isinstance(value, str) else "another one")
        return value

    return shape


def _text(most: int) -> Shape:
    def shape(value: Any) -> str:
        if not isinstance(value, str):
            raise Misfit("a text", kind_of(value))
        if len(value) > most:
            raise Misfit(f"a text of at most {most} characters", f"one of {len(value)}")
        return storable(value)

    return shape


def _like(pattern: str) -> Shape:
    def shape(value: Any) -> str:
        if not isinstance(value, str) or len(value) > TEXT or not re.fullmatch(pattern, value):
            raise Misfit(f"a text like {pattern}", "another text" if isinstance(value, str) else kind_of(value))
        return value

    return shape


def storable(text: str) -> str:
    r"""A text that files, databases and terminals can hold: no zero bytes, no half characters, shown as `\x00`."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def _list(inner: Shape, most: int) -> Shape:
    def shape(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Misfit("a list", kind_of(value))
        if len(value) > most:
            raise Misfit(f"a list of at most {most}", f"one of {len(value)}")
        return [_at(place, inner, one) for place, one in enumerate(value)]

    return shape


def _tuple(inner: list[Shape]) -> Shape:
    def shape(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(inner):
            raise Misfit(f"a list of {len(inner)}", "a list of another length" if value else kind_of(value))
        return [_at(place, one, value[place]) for place, one in enumerate(inner)]

    return shape


def _dict(key: Shape, inner: Shape, most: int) -> Shape:
    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Misfit("an object", kind_of(value))
        if len(value) > most:
            raise Misfit(f"an object of at most {most} members", f"one of {len(value)}")
        return {_at(name, key, name): _at(name, inner, member) for name, member in value.items()}

    return shape


def _record(kind: Any) -> Shape:
    members = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        is_needed = get_origin(hint) is not NotRequired
        members[name] = (_shape(hint if is_needed else get_args(hint)[0]), is_needed)

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Misfit("an object", kind_of(value))
        found = {}
        for name, (inner, is_needed) in members.items():
            if name in value:
                found[name] = _at(name, inner, value[name])
            elif is_needed:
                misfit = Misfit("", None)
                misfit.place = [name]
                raise misfit
        return found

    return shape


def _at(place: object, inner: Shape, value: Any) -> Any:
    try:
        return inner(value)
    except Misfit as misfit:
        misfit.place.insert(0, place)
        raise


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit("true or false", kind_of(value))
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit("a number", kind_of(value))
    if not -_LARGEST < value < _LARGEST:  # NaN and infinite ones aren't either
        raise Misfit("a number", "one that's too large, or none")
    return value


def _upto(most: float, inner: Shape) -> Shape:
    def shape(value: Any) -> Any:
        if not 0 <= inner(value) <= most:
            raise Misfit(f"a number from 0 to {most}", "another one")
        return value

    return shape


def _whole(value: Any) -> int:
    number = _number(value)
    if not isinstance(number, int):
        raise Misfit("a whole number", "another number")
    return number


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Misfit("bytes", kind_of(value))
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > DEPTH:
        raise Misfit(f"nested at most {DEPTH} deep", "nested deeper")
    if value is None or isinstance(value, (bool, bytes)):
        return value
    if isinstance(value, str):
        return _shape(Long)(value)
    if isinstance(value, list):
        return [_at(place, lambda one: _plain(one, depth + 1), one) for place, one in enumerate(value)]
    if isinstance(value, dict):
        return {
            _at(name, _shape(str), name): _at(name, lambda one: _plain(one, depth + 1), one)
            for name, one in value.items()
        }
    if isinstance(value, float) and not math.isfinite(value):
        raise Misfit("a number", "not finite")
    return _number(value)


def _nothing(value: Any) -> None:
    """A call that answers nothing has nothing to get through."""
    return


_PLAIN_SHAPES: types.MappingProxyType[Any, Shape] = types.MappingProxyType(
    {bool: _flag, float: _number, int: _whole, bytes: _bytes, Plain: _plain, None: _nothing}
)
