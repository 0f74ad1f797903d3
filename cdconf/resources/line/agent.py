"""Observes and applies single lines of text files."""

import re

from cdconf.agent.edit import lines
from cdconf.agent.errors import Failed


def observe(fields):
    """The line that would become `text`; None when there's none."""
    present = lines.FileLines(lines.read_for(fields)).all()
    if fields.get("absent"):
        return {} if _doomed(fields, present) else None
    if fields.get("back_references"):
        wrong = _expanded(fields, present)
        return {"text": present[max(wrong)] if wrong else fields["text"]}
    target = _target(fields, present)
    return None if target is None else {"text": present[target]}


def _expanded(fields, present):
    """`{index: the line as it should be}` of the lines that differ, with the groups of their own matches."""
    matches = [(index, re.search(fields["match"], line)) for index, line in enumerate(present)]
    found = [(index, match.expand(fields["text"])) for index, match in matches if match]
    return {index: line for index, line in (found if fields.get("all") else found[-1:]) if line != present[index]}


def _expand(fields, document):
    for index, line in _expanded(fields, document.all()).items():
        if re.search("[\r\n]", line):
            raise Failed("'text' would become several lines")
        document.replace(index, line)
    again = document.all()
    for index in _expanded(fields, again):
        text = "'{}' would change again in the next run: the line must give itself, or `match` match it no more"
        raise Failed(text.format(again[index]))


def _doomed(fields, present):
    """The indexes of all lines that removal takes out."""
    if "match" in fields:
        pattern = re.compile(fields["match"])
        return [index for index, line in enumerate(present) if pattern.search(line)]
    return [index for index, line in enumerate(present) if line == fields["exact"]]


def _target(fields, present):
    """The index of the line that is, or should become, the text; None when one must be added."""
    text = fields["text"]
    same = [index for index, line in enumerate(present) if line == text]
    if "match" not in fields:
        return same[-1] if same else None
    pattern = re.compile(fields["match"])
    matching = [index for index, line in enumerate(present) if pattern.search(line)]
    if fields.get("all"):
        wrong = [index for index in matching if present[index] != text]
        if wrong:
            return wrong[-1]
    if same and (fields.get("all") or same[-1] not in matching):
        # A line that doesn't match any more once it's right: what else matches is none of ours.
        return same[-1]
    return matching[-1] if matching else None


def apply(fields, difference):
    """Removes, changes or adds the line."""
    document = lines.FileLines(lines.read_for(fields))
    present = document.all()
    if difference.get("exists") == (True, False):
        for index in reversed(_doomed(fields, present)):
            document.remove(index, index + 1)
    elif fields.get("back_references"):
        _expand(fields, document)
    else:
        target = _target(fields, present)
        if target is None:
            document.insert(_place(fields, present), [fields["text"]])
        for index in [] if target is None else _changing(fields, present, target):
            document.replace(index, fields["text"])
    lines.write(fields, document.text())


def _changing(fields, present, target):
    if not fields.get("all"):
        return [target]
    return [index for index in _doomed(fields, present) if present[index] != fields["text"]]


def _place(fields, present):
    after, before = (re.compile(fields[name]) if name in fields else None for name in ("after", "before"))
    return lines.place(present, after, before)
