"""Changes secrets in the text of a secrets.yml, and leaves every other character as it is, comments too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from cdconf.errors import InvalidFile
from cdconf.yamlfile import loads


@dataclass(frozen=True)
class _SecretEntry:
    """Where a secret stands: from the first character of its name to behind the line on which its value ends."""

    name: str
    key: yaml.Node
    value: yaml.Node


def edited(text: str, changes: Mapping[str, str | None], file: str) -> str:
    """The text with secrets changed.

    Args:
        text: Of secrets.yml; empty for a new file.
        changes: Name -> ciphertext; None takes the secret out. One that isn't there yet comes behind the one whose name
            sorts before its own.
        file: What errors name.

    Raises:
        InvalidFile: The file is written in a way in which this can't be done safely.
    """
    before = loads(text, file)
    wanted = {name: value for name, value in {**before, **changes}.items() if value is not None}
    result = text
    for name, value in changes.items():
        result = _changed(result, name, value)
    try:
        found = dict(loads(result, file))
    except InvalidFile:
        found = {}
    if found != wanted:
        hint = "write each secret on a line of its own, `name: value`, with nothing in front of the name"
        raise InvalidFile(
            f"{', '.join(changes)} can't be changed automatically here: other values share its text",
            file=file,
            hint=hint,
        )
    return result


def _changed(text: str, name: str, value: str | None) -> str:
    # libyaml's marks don't count characters, so it's parsed by Python's own loader.
    top = yaml.compose(text, yaml.SafeLoader)
    members = top.value if isinstance(top, yaml.MappingNode) else []
    entries = [_SecretEntry(key.value, key, node) for key, node in members]
    here = next((entry for entry in entries if entry.name == name), None)
    if value is None:
        return text if here is None else _without(text, here)
    if here is not None:
        return _with(text, here.value, value)
    place = _place(text, entries, name)
    head = text[:place]
    return head + ("" if not head or head.endswith("\n") else "\n") + f"{name}: {value}\n" + text[place:]


def _place(text: str, entries: Sequence[_SecretEntry], name: str) -> int:
    """Where a secret that isn't there yet comes: by its name, but never between another one and its comment."""
    if not entries:
        return len(text)
    smaller = [entry for entry in entries if entry.name < name]
    if smaller:
        return _behind(text, max(smaller, key=lambda entry: entry.name))
    start: int = entries[0].key.start_mark.index
    return _behind(text, entries[-1]) if text[:start].strip() else start


def _with(text: str, node: yaml.Node, value: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    old = text[start:end]
    space = "" if text[start - 1 : start].isspace() else " "
    return text[:start] + space + value + old[len(old.rstrip()) :] + text[end:]  # `|` and `>` end behind their lines


def _without(text: str, entry: _SecretEntry) -> str:
    start = entry.key.start_mark.index
    return text[:start] + text[_behind(text, entry) :]


def _behind(text: str, entry: _SecretEntry) -> int:
    end = entry.value.end_mark.index
    if text[end - 1 : end] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1
