"""Switches one toggle in the text of a toggles.yml, and leaves every other character as it is."""

from __future__ import annotations

import yaml

from cdconf.errors import InvalidFile
from cdconf.inventory.values import switch
from cdconf.yamlfile import loads

NEW = "# Which feature toggles are on here; what isn't named is at its default. `cdconf toggle` changes this file.\n"


def switched(text: str, app: str, name: str, on: bool, file: str) -> str:
    """The text with a toggle switched; one that isn't there comes behind the app's others.

    Args:
        text: Of toggles.yml; empty for a new file.
        app: The app.
        name: The toggle.
        on: Its value; it's written `true` or `false` where it was before, else `on` or `off`.
        file: What errors name.

    Raises:
        InvalidFile: The file is written in a way in which this can't be done safely.
    """
    before = loads(text, file)
    wanted = {key: dict(value or {}) for key, value in before.items()}
    wanted.setdefault(app, {})[name] = on
    result = _edit(text or NEW, app, name, on)
    try:
        found = {key: dict(value or {}) for key, value in loads(result, file).items()}
    except InvalidFile:
        found = {}
    for values in (found, wanted):
        for toggles in values.values():
            toggles.update({key: switch(value) for key, value in toggles.items()})
    if found != wanted:
        line = before.lines.get(app)
        hint = "change it there with an editor; `cdconf provision` brings it to the hosts"
        raise InvalidFile(
            f"'{name}' of '{app}' can't be changed automatically here: other values share its text",
            file=file,
            line=line,
            hint=hint,
        )
    return result


def _edit(text: str, app: str, name: str, on: bool) -> str:
    # libyaml's marks don't count characters, so it's parsed by Python's own loader.
    top = yaml.compose(text, yaml.SafeLoader)
    word = "on" if on else "off"
    if not isinstance(top, yaml.MappingNode):
        return _appended(text, f"{app}:\n  {name}: {word}\n")
    section = _member(top, app)
    if section is None:
        return _added(text, top, f"{app}: {{{name}: {word}}}" if top.flow_style else f"{app}:\n  {name}: {word}")
    if not isinstance(section, yaml.MappingNode):  # `shop:` with nothing behind it, or `~`
        start, end = section.start_mark.index, section.end_mark.index
        space = "" if text[start - 1 : start].isspace() else " "
        return f"{text[:start]}{space}{{{name}: {word}}}{text[end:]}"
    old = _member(section, name)
    if old is None:
        return _added(text, section, f"{name}: {word}")
    start, end = old.start_mark.index, old.end_mark.index
    if text[start:end].lower() in ("true", "false"):
        word = "true" if on else "false"
    return text[:start] + word + text[end:]


def _member(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for one, value in node.value if one.value == key), None)


def _added(text: str, node: yaml.MappingNode, entry: str) -> str:
    """With an entry at the end of a mapping."""
    if node.flow_style:
        place = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:place] + (", " if node.value else "") + entry + text[place:]
    indent = " " * node.value[0][0].start_mark.column
    lines = "".join(f"{indent}{line}\n" for line in entry.splitlines())
    place = _end_of(node, text)
    return _appended(text[:place], lines) + text[place:]


def _end_of(node: yaml.Node, text: str) -> int:
    """Behind the line on which the last value of a node ends; what a block's end mark tells lies behind comments."""
    while isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        node = node.value[-1][1]
    newline = text.find("\n", node.end_mark.index)
    return len(text) if newline < 0 else newline + 1


def _appended(text: str, lines: str) -> str:
    return text + ("" if not text or text.endswith("\n") else "\n") + lines
