"""Adds and removes waivers in the text of a waivers.yml, and leaves every other character as it is, comments too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from cdconf.errors import InvalidFile
from cdconf.inventory.waivers import read_waivers
from cdconf.yamlfile import YamlMap, loads

if TYPE_CHECKING:
    from cdconf.inventory.waivers import Waiver

NEW = "# Findings of `cdconf drift` that are accepted until a day. `cdconf waiver` changes this file.\n"
_PLAIN = re.compile(r"[A-Za-z/][\w./@+-]*( [\w./@+-]+)*|[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDE = 1_000_000  # no folding


def with_waivers(text: str, waivers: Sequence[Waiver], file: str) -> str:
    """The text with waivers behind those that it has, a line for each.

    Args:
        text: Of waivers.yml; empty for a new file.
        waivers: None of them is in the file yet, see `Waiver.names`.
        file: What errors name.

    Raises:
        InvalidFile: The file breaks a rule, or is written in a way in which this can't be done safely.
    """
    wanted = [*_told(loads(text, file)), *map(_unplaced, waivers)]
    newline = "\r\n" if "\r\n" in text else "\n"
    return _checked(_added(text or NEW, [_flow(waiver) for waiver in waivers], newline), wanted, text, file)


def without_waivers(text: str, waivers: Iterable[Waiver], file: str) -> str:
    """The text without some of its waivers; the comments around them stay. For arguments and errors see above."""
    gone = {waiver.names for waiver in waivers}
    before = _told(loads(text, file))
    result = text
    for number in reversed(range(len(before))):
        if before[number].names in gone:
            result = _removed(result, number)
    return _checked(result, [waiver for waiver in before if waiver.names not in gone], text, file)


def _told(top: YamlMap) -> list[Waiver]:
    return [_unplaced(waiver) for waiver in read_waivers(top)]


def _unplaced(waiver: Waiver) -> Waiver:
    return replace(waiver, file="", line=0)


def _checked(text: str, wanted: Sequence[Waiver], before: str, file: str) -> str:
    try:
        if _told(loads(text, file)) == list(wanted):
            return text
    except InvalidFile:
        pass
    hint = "write each waiver on a line of its own, `  - {host: …, type: …}`, or change it with an editor"
    line = loads(before, file).lines.get("waivers", 1)
    raise InvalidFile(
        "waivers can't be changed automatically here: other values share its text", file=file, line=line, hint=hint
    )


def _flow(waiver: Waiver) -> str:
    fields: dict[str, str] = {name: getattr(waiver, name) for name in ("host", "type", "title")}
    fields |= {"until": waiver.until.isoformat(), "reason": waiver.reason}
    fields |= {"unknown": "true"} if waiver.unknown else {}
    fields |= {"by": waiver.by} if waiver.by else {}
    fields |= {"added": waiver.added.isoformat()} if waiver.added else {}
    words = [f"{name}: {'true' if name == 'unknown' else _scalar(value)}" for name, value in fields.items()]
    return f"{{{', '.join(words)}}}"


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=_WIDE).rstrip("\n")


def _list(text: str) -> yaml.Node | None:
    """The list of waivers; libyaml's marks don't count characters, so it's parsed by Python's own loader."""
    top = yaml.compose(text, yaml.SafeLoader)
    members = top.value if isinstance(top, yaml.MappingNode) else []
    return next((value for key, value in members if key.value == "waivers"), None)


def _added(text: str, entries: Sequence[str], newline: str) -> str:
    found = _list(text)
    if found is None:
        if isinstance(yaml.compose(text, yaml.SafeLoader), yaml.MappingNode):  # `{}`, as no other key is known
            text = ""
        return _appended(text, ["waivers:", *(f"  - {entry}" for entry in entries)], newline)
    if isinstance(found, yaml.SequenceNode) and found.flow_style:
        place = found.value[-1].end_mark.index if found.value else found.start_mark.index + 1
        return text[:place] + (", " if found.value else "") + ", ".join(entries) + text[place:]
    if not isinstance(found, yaml.SequenceNode) or not found.value:  # `waivers:` with nothing behind it, or `~`
        start, end = found.start_mark.index, found.end_mark.index
        if start == end:
            place = _behind(text, found)
            return _appended(text[:place], [f"  - {entry}" for entry in entries], newline) + text[place:]
        space = "" if text[start - 1 : start].isspace() else " "
        return f"{text[:start]}{space}[{', '.join(entries)}]{text[end:]}"
    dash = _dash(text, found.value[-1])
    indent = text[_line(text, dash) : dash]
    place = _behind(text, found.value[-1])
    return _appended(text[:place], [f"{indent}- {entry}" for entry in entries], newline) + text[place:]


def _removed(text: str, number: int) -> str:
    found = _list(text)
    if not isinstance(found, yaml.SequenceNode):
        return text
    member = found.value[number]
    if not found.flow_style:
        return text[: _line(text, _dash(text, member))] + text[_behind(text, member) :]
    if number > 0:
        return text[: found.value[number - 1].end_mark.index] + text[member.end_mark.index :]
    following = found.value[1].start_mark.index if len(found.value) > 1 else member.end_mark.index
    return text[: member.start_mark.index] + text[following:]


def _dash(text: str, member: yaml.Node) -> int:
    return text.rfind("-", 0, member.start_mark.index)


def _line(text: str, place: int) -> int:
    """Where the line begins that has this place."""
    return text.rfind("\n", 0, place) + 1


def _behind(text: str, node: yaml.Node) -> int:
    """Behind the line on which a node ends; what a block's end mark tells lies behind comments."""
    while isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    end: int = node.end_mark.index
    if text[end - 1 : end] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def _appended(text: str, lines: Sequence[str], newline: str) -> str:
    return text + ("" if not text or text.endswith("\n") else newline) + "".join(f"{line}{newline}" for line in lines)
