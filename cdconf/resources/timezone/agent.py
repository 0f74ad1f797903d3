"""Observes and sets the time zone."""

import difflib
import os

from cdconf.agent import files, texts
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file

ZONES, LINK, FILE = "/usr/share/zoneinfo/", "/etc/localtime", "/etc/timezone"
ONE_PER_HOST = True


def observe(fields):
    """Where the link leads, and the text.

    Raises:
        Missing: The host has no zones at all: tzdata isn't installed.
        Failed: It has, but not this one.
    """
    _check(fields["zone"])
    state = {"localtime": _linked(), "file": fields["zone"]}
    if os.path.lexists(FILE):
        state["file"] = texts.strip(whole_file.read_or_empty(FILE))
    return state


def _linked():
    text = files.readlink(LINK)
    if text is None:
        return None  # nothing, or a copy of a zone
    target = os.path.normpath(os.path.join(os.path.dirname(LINK), text))
    return target[len(ZONES) :] if target.startswith(ZONES) else target


def _check(zone):
    if os.path.isfile(os.path.join(ZONES, zone)):
        return
    if not os.path.isfile(os.path.join(ZONES, "UTC")):
        raise Missing("directory of time zones (package tzdata)", ZONES.rstrip("/"))
    near = difflib.get_close_matches(zone, sorted(_known()), 1)
    raise Failed(
        "this host knows no time zone '{}'{}".format(zone, "; did you mean '{}'?".format(near[0]) if near else "")
    )


def _known():
    for folder, _, names in os.walk(ZONES):
        for name in names:
            zone = os.path.relpath(os.path.join(folder, name), ZONES)
            if zone[0].isupper() and not zone.startswith(("posix/", "right/")):
                yield zone


def apply(fields, difference):
    """Each in one step: the link by a rename."""
    zone = fields["zone"]
    _check(zone)
    if "localtime" in difference:
        files.put_link(LINK, ZONES + zone)
    if "file" in difference:
        whole_file.write(FILE, zone + "\n", "0644")
