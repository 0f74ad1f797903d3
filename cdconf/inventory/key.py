"""What a table of keys says of one key of a project file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# text: a string · names: a string or a list of them · duration: 30s, 5m, 2h, 1d or seconds
# size: 500MB, 4GiB · switch: on or off · map: a mapping, of `keys` or of free names to `member`
# list: a list of `member`
KeyKind = Literal["text", "names", "integer", "boolean", "switch", "duration", "size", "port", "map", "list", "any"]


@dataclass(frozen=True)
class Key:
    """One key of a project file.

    Args:
        kind: What its value is.
        doc: One sentence for the reference.
        required: Whether it must be there.
        default: The default, for the reference.
        choices: The only values allowed.
        pattern: A regular expression (ECMA 262 and Python) that text must match.
        refusal: The error of a value that isn't one of the choices, or doesn't match: a format with `value`, `shown`
            (the value for people), `key` and `what` (the mapping).
        hint: What's right instead, for that error, or a function that tells it of the value.
        keys: Of a `map`: the keys that it may have.
        member: Of a `map` with free names, or of a `list`: what each value is.
        nullable: Whether it may be left empty.
        one_of: Of a `map`: exactly one of these keys must be given.
        any_of: Of a `map`: at least one of these keys must be given.
        short: Of a `map`: a list of names may stand for it, as the value of its first key.
        word: Of a `map`: a text that may stand for it.
        short_list: Of a `map`: the key whose list may stand for it.
        plain: Of a `map`: the key whose text may stand for it.
        single: Of a `list`: one member may stand for it.
    """

    kind: KeyKind
    doc: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    refusal: str | None = None
    hint: str | Callable[[object], str] | None = None
    keys: Mapping[str, Key] | None = None
    member: Key | None = None
    nullable: bool = False
    one_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    short: bool = False
    word: str | None = None
    short_list: str | None = None
    plain: str | None = None
    single: bool = False


NAME = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
SIZE = r"^([1-9][0-9]{0,14})(kB|MB|GB|KiB|MiB|GiB)$"
