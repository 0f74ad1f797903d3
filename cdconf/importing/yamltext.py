"""Writes YAML that `cdconf.yamlfile` reads as the very same values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

_WIDE = 1_000_000  # no folding
_PLAIN = re.compile(r"[A-Za-z_/][\w./@+-]*( [\w./@+-]+)*\Z|[0-9]+(\.[0-9]+){3}\Z", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})  # YAML 1.1 readers change more


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and of the same types: `True` isn't 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def writable(value: float) -> float | str:
    """A number as YAML can hold it: as an expression when it has an exponent without a dot, or isn't finite."""
    if not math.isfinite(value):
        return repr(value)
    return value if "." in repr(value) else "{{ " + repr(value) + " }}"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if _PLAIN.match(value) and value.lower() not in _WORDS else '"'
    if "\n" in value.rstrip("\n") and re.fullmatch(r"(?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]*[^\s]\n?)", value):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(value))


def _mapping(dumper: yaml.SafeDumper, value: Mapping[str, Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", dict(value), flow_style=None if value else True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
_Dumper.add_multi_representer(dict, _mapping)
_Dumper.add_multi_representer(list, lambda dumper, value: dumper.represent_list(value))


def dump(values: Mapping[str, Any]) -> str:
    """Values as a file's text, in block style, in their own order."""
    text: str = yaml.dump(
        dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=False
    )
    return text if values else ""


def flow(value: Any) -> str:
    """A value on one line: `{address: 192.0.2.1, groups: [web]}`."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=True
    )
    return text.removesuffix("\n").removesuffix("\n...").strip()
