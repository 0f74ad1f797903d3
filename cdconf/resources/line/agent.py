"""Observes and applies single lines of text files."""

import re

from cdconf.agent.edit import lines


def observe(fields):
    """The line that would become `text`; None when there's none."""
    present = lines.Lines(lines.read_for(fields)).all()
    if fields.get("absent"):
        return {} if _doomed(fields, present) else None
    target = _target(fields, present)
    return None if target is None else {"text": present[target]}


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
    document = lines.Lines(lines.read_for(fields))
    present = document.all()
    if difference.get("exists") == (True, False):
        for index in reversed(_doomed(fields, present)):
            document.remove(index, index + 1)
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
