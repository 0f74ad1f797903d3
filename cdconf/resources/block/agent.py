"""Observes and applies blocks of lines between markers."""

import re

from cdconf.agent import texts
from cdconf.agent.edit import lines
from cdconf.agent.errors import Failed

NEEDED = ("text",)
CLOSING = {"<!--": " -->", "/*": " */"}
# Whatever the comment's style, so that another one can be changed to the wanted one.
MARKER = re.compile(r"\s*(?P<comment>\S+(?: \S+)*?) (?P<which>BEGIN|END) cdconf (?P<name>.*\S)\s*\Z")


def _marker(line):
    """(comment, BEGIN or END, name) of a marker; None for any other line."""
    found = MARKER.match(line)
    if not found:
        return None
    comment, name = found.group("comment"), found.group("name")
    closing = CLOSING.get(comment, "")
    if closing and name.endswith(closing):
        name = name[: -len(closing)]
    return comment, found.group("which"), name


def find(present, fields):
    """The indexes of the block's two markers and its comment's start; None when it has none.

    Raises:
        Failed: One marker is missing, or there are more than two, or another block's marker is between them.
    """
    places = []
    for index, line in enumerate(present):
        marker = _marker(line)
        if marker and marker[2] == fields["name"]:
            places.append((index, marker[0], marker[1]))
    if not places:
        return None
    if [which for _, _, which in places] != ["BEGIN", "END"]:
        shown = ", ".join("{} in line {}".format(which, index + 1) for index, _, which in places)
        raise Failed(
            "the markers of block '{}' in '{}' are damaged: {}; mend them by hand".format(
                fields["name"], fields["path"], shown
            )
        )
    first, last = places[0][0], places[1][0]
    for index in range(first + 1, last):
        if _marker(present[index]):
            raise Failed(
                "line {} of '{}' is a marker within block '{}'; mend it by hand".format(
                    index + 1, fields["path"], fields["name"]
                )
            )
    return first, last, places[0][1]


def observe(fields):
    """The lines between the markers, and the comment's style; None when there's no such block."""
    document = lines.FileLines(lines.read_for(fields))
    found = find(document.all(), fields)
    if found is None:
        return None
    first, last, comment = found
    inner = document.lines[first + 1 : last]
    if not _ends_itself(fields):
        inner = [lines.bare(line) + "\n" for line in inner]
    return {"text": "".join(inner), "comment": comment}


def _ends_itself(fields):
    """Whether the text's own line ends count: it has CRLF. One with LF alone takes those of the file that it's in."""
    return "\r\n" in fields.get("text", "")


def apply(fields, difference):
    """Removes, replaces or inserts it."""
    own = _ends_itself(fields)
    document = lines.FileLines(lines.read_for(fields), ending="\r\n" if own else "\n")
    present = document.all()
    found = find(present, fields)
    place = len(present)
    if found is not None:
        place = found[0]
        document.remove(found[0], found[1] + 1)
    elif "after" in fields or "before" in fields:
        after, before = (re.compile(fields[name]) if name in fields else None for name in ("after", "before"))
        place = lines.place(present, after, before)
    if difference.get("exists") != (True, False):
        comment = fields["comment"]
        ending = " cdconf {}{}".format(fields["name"], CLOSING.get(comment, ""))
        inner = texts.whole_lines(fields["text"])
        inner = inner if own else [lines.bare(line) + document.ending for line in inner]
        document.insert(place, ["{} BEGIN{}".format(comment, ending), "{} END{}".format(comment, ending)])
        document.lines[place + 1 : place + 1] = inner
    lines.write(fields, document.text())
