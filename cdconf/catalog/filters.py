"""The filters and tests that templates have besides Jinja2's own: those that roles of other tools use, by their names.

All of them are pure: the same arguments give the same value in every run, so none draws a random number or reads a
clock. What they may cost isn't limited here, but by `cdconf.catalog.meter`.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jinja2

from cdconf.catalog.password_hash import password_hash
from cdconf.catalog.version_order import is_version
from cdconf.secrets import is_tainted

_MERGES = ("replace", "keep", "append", "prepend", "append_rp", "prepend_rp")
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")
# Style of `comment` -> what stands before all, before each line, and behind all.
_COMMENTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "plain": ("", "# ", ""),
        "erlang": ("", "% ", ""),
        "c": ("", "// ", ""),
        "cblock": ("/*", " * ", " */"),
        "xml": ("<!--", " - ", "-->"),
    }
)


def _plain(value: Any) -> Any:
    """The facts as a whole are fetched as they're read; who keeps them wants a dict."""
    return dict(value.items()) if isinstance(value, Mapping) and not isinstance(value, dict) else value


def _listed(value: Any, name: str) -> list[Any]:
    """A list for a filter that goes over one; text would be gone over letter by letter."""
    if isinstance(value, str | Mapping):
        raise TypeError(f"'{name}' takes lists, not {'text' if isinstance(value, str) else 'a map'}")
    return list(value)


def _to_json(value: Any, indent: int | None = None, sort_keys: bool = True) -> str:
    return json.dumps(_plain(value), indent=indent, sort_keys=sort_keys)


def _to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True) -> str:
    return _to_json(value, indent, sort_keys)


def _to_yaml(value: object, indent: int | None = None, sort_keys: bool = True) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Takes what derives from dict, too."""

    Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)
    Dumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str.__str__(text)))
    options: dict[str, Any] = {"default_flow_style": False, "sort_keys": sort_keys, "allow_unicode": True}
    if is_tainted(value):
        options["width"] = math.inf  # a secret that went over two lines wouldn't be known by its mask
    text: str = yaml.dump(_plain(value), Dumper=Dumper, indent=indent, **options)
    return text


def _to_nice_yaml(value: object, indent: int = 4, sort_keys: bool = True) -> str:
    return _to_yaml(value, indent, sort_keys)


def _flags(ignorecase: bool, multiline: bool) -> re.RegexFlag:
    return (re.IGNORECASE if ignorecase else re.NOFLAG) | (re.MULTILINE if multiline else re.NOFLAG)


def _regex_replace(
    value: object,
    pattern: str,
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
) -> str:
    return re.sub(pattern, replacement, str(value), count=count, flags=_flags(ignorecase, multiline))


def _regex_search(
    value: object, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> str | list[str | None] | None:
    found = re.search(pattern, str(value), _flags(ignorecase, multiline))
    if found is None or not groups:
        return found.group() if found is not None else None
    names = [re.fullmatch(r"\\(?:g<(\w+)>|(\d+))", group) for group in groups]
    if not all(names):
        raise ValueError(r"groups of 'regex_search' are written '\\1' or '\\g<name>'")
    return [found.group(name[1] or int(name[2])) for name in names if name]


def _regex_findall(value: object, pattern: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    found = re.findall(pattern, str(value), _flags(ignorecase, multiline))
    return [list(one) if isinstance(one, tuple) else one for one in found]


def _matches(value: object, pattern: str, ignorecase: bool = False, multiline: bool = False) -> bool:
    return re.match(pattern, str(value), _flags(ignorecase, multiline)) is not None


def _searched(value: object, pattern: str, ignorecase: bool = False, multiline: bool = False) -> bool:
    return re.search(pattern, str(value), _flags(ignorecase, multiline)) is not None


def _comment(
    text: object,
    style: str = "plain",
    *,
    decoration: str | None = None,
    beginning: str | None = None,
    end: str | None = None,
    **around: Any,
) -> str:
    """Each line as a comment; an empty one stands before and behind them, as many as `prefix_count` says."""
    if style not in _COMMENTS:
        raise ValueError(f"'comment' knows no style '{style}': {', '.join(_COMMENTS)}")
    if unknown := set(around) - {"prefix", "prefix_count", "postfix", "postfix_count"}:
        raise TypeError(f"'comment' takes no '{min(unknown)}'")
    first, mark, last = _COMMENTS[style]
    mark = mark if decoration is None else decoration
    lines = [first if beginning is None else beginning]
    before = str(around.get("prefix", mark.rstrip()))
    behind = str(around.get("postfix", mark.rstrip()))
    lines = [one for one in lines if one] + [before] * (int(around.get("prefix_count", 1)) if before else 0)
    lines += [f"{mark}{line}" if line else mark.rstrip() for line in str(text).split("\n")]
    lines += [behind] * (int(around.get("postfix_count", 1)) if behind else 0)
    last = last if end is None else end
    return "\n".join([*lines, last] if last else lines)


def _combine(first: Any, *others: Any, recursive: bool = False, list_merge: str = "replace") -> dict[str, Any]:
    if list_merge not in _MERGES:
        raise ValueError(f"'list_merge' is one of {', '.join(_MERGES)}")
    result: dict[str, Any] = {}
    for one in (first, *others):
        for each in one if isinstance(one, list | tuple) else [one]:
            if not isinstance(each, Mapping):
                raise TypeError("'combine' takes maps")
            result = _merged(result, each, recursive, list_merge)
    return result


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any], recursive: bool, list_merge: str) -> dict[str, Any]:
    result = dict(ours)
    for key, value in theirs.items():
        before = result.get(key)
        if recursive and isinstance(before, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(before, value, recursive, list_merge)
        elif isinstance(before, list) and isinstance(value, list):
            result[key] = _merged_lists(before, value, list_merge)
        else:
            result[key] = value
    return result


def _merged_lists(ours: list[Any], theirs: list[Any], how: str) -> list[Any]:
    kept = [our for our in ours if our not in theirs]
    lists = {
        "replace": theirs,
        "keep": ours,
        "append": ours + theirs,
        "prepend": theirs + ours,
        "append_rp": kept + theirs,
        "prepend_rp": theirs + kept,
    }
    return lists[how]


def _once(members: Iterable[Any], but: Iterable[Any] = ()) -> list[Any]:
    """Each member once, in order, but those of another list."""
    seen: set[Any] = set()
    unhashable: list[Any] = []
    result = []
    for one, wanted in itertools.chain(((one, False) for one in but), ((one, True) for one in members)):
        try:
            known = one in seen
            seen.add(one)
        except TypeError:  # a list or a map
            known = one in unhashable
            unhashable.append(one)
        if wanted and not known:
            result.append(one)
    return result


def _difference(ours: Any, theirs: Any) -> list[Any]:
    return _once(_listed(ours, "difference"), _listed(theirs, "difference"))


def _union(ours: Any, theirs: Any) -> list[Any]:
    return _once(_listed(ours, "union") + _listed(theirs, "union"))


def _intersect(ours: Any, theirs: Any) -> list[Any]:
    first = _listed(ours, "intersect")
    return _once(first, _once(first, _listed(theirs, "intersect")))


def _symmetric_difference(ours: Any, theirs: Any) -> list[Any]:
    return _difference(ours, theirs) + _difference(theirs, ours)


def _subset(value: Any, of: Any) -> bool:
    return not _difference(value, of)


def _superset(value: Any, of: Any) -> bool:
    return not _difference(of, value)


def _flatten(value: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    result: list[Any] = []
    for one in _listed(value, "flatten"):
        if isinstance(one, list | tuple) and (levels is None or levels > 0):
            result += _flatten(one, None if levels is None else levels - 1, skip_nulls)
        elif one is not None or not skip_nulls:
            result.append(one)
    return result


def _dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    return [{key_name: key, value_name: member} for key, member in dict(value).items()]


def _items2dict(value: Any, key_name: str = "key", value_name: str = "value") -> dict[str, Any]:
    return {one[key_name]: one[value_name] for one in _listed(value, "items2dict")}


def _subelements(value: Any, name: str, skip_missing: bool = False) -> list[Any]:
    members = list(value.values()) if isinstance(value, Mapping) else _listed(value, "subelements")
    return [[one, below] for one in members for below in (one.get(name, []) if skip_missing else one[name])]


def _ternary(value: object, yes: Any, no: Any, none: Any = None) -> Any:
    if value is None and none is not None:
        return none
    return yes if value else no


def _mandatory(value: Any, message: str | None = None) -> Any:
    if isinstance(value, jinja2.Undefined):
        if message is not None:
            raise ValueError(message)
        str(value)  # raises, and names it
    return value


def _hash(value: object, name: str = "sha1") -> str:
    if name not in _HASHES:
        raise ValueError(f"'hash' knows no '{name}': {', '.join(_HASHES)}")
    return hashlib.new(name, str(value).encode(), usedforsecurity=False).hexdigest()


def _bool(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "yes", "on", "1")


def _path_join(value: Any) -> str:
    return posixpath.join(*map(str, [value] if isinstance(value, str) else value))


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "b64decode": lambda value: base64.b64decode(str(value), validate=True).decode(),
        "b64encode": lambda value: base64.b64encode(str(value).encode()).decode(),
        "basename": lambda value: posixpath.basename(str(value)),
        "bool": _bool,
        "checksum": _hash,
        "combine": _combine,
        "comment": _comment,
        "dict2items": _dict2items,
        "difference": _difference,
        "dirname": lambda value: posixpath.dirname(str(value)),
        "flatten": _flatten,
        "from_json": lambda value: json.loads(str(value)),
        "hash": _hash,
        "intersect": _intersect,
        "items2dict": _items2dict,
        "mandatory": _mandatory,
        "password_hash": password_hash,
        "path_join": _path_join,
        "quote": lambda value: shlex.quote(str(value)),
        "regex_escape": lambda value: re.escape(str(value)),
        "regex_findall": _regex_findall,
        "regex_replace": _regex_replace,
        "regex_search": _regex_search,
        "sha256": lambda value: _hash(value, "sha256"),
        "split": lambda value, separator=None, most=-1: str(value).split(separator, most),
        "splitext": lambda value: list(posixpath.splitext(str(value))),
        "subelements": _subelements,
        "symmetric_difference": _symmetric_difference,
        "ternary": _ternary,
        "to_json": _to_json,
        "to_nice_json": _to_nice_json,
        "to_nice_yaml": _to_nice_yaml,
        "to_yaml": _to_yaml,
        "type_debug": lambda value: type(value).__name__.replace("Secret", "str"),
        "union": _union,
        "version_compare": is_version,
        "zip": lambda *lists: [list(one) for one in zip(*lists, strict=False)],
    }
)
TESTS: Mapping[str, Callable[..., bool]] = MappingProxyType(
    {
        "all": lambda value: all(_listed(value, "all")),
        "any": lambda value: any(_listed(value, "any")),
        "contains": lambda value, member: member in value,
        "falsy": lambda value: not value,
        "match": _matches,
        "regex": _searched,
        "search": _searched,
        "subset": _subset,
        "superset": _superset,
        "truthy": bool,
        "version": is_version,
        "version_compare": is_version,
    }
)


def filter_names() -> frozenset[str]:
    """The filters that templates have: Jinja2's own, and cdconf's."""
    return frozenset({*jinja2.filters.FILTERS, *FILTERS})


def test_names() -> frozenset[str]:
    """The tests that templates have: Jinja2's own, and cdconf's."""
    return frozenset({*jinja2.tests.TESTS, *TESTS})
