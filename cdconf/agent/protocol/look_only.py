"""The agent that the look-only key starts: it tells what a look asks for, and refuses everything else.

Whoever has that key may be anybody. What it says is read as small frames of JSON; the project and its apps are those
that were written down when the key was let in, so that nobody can ask for other paths or services.
"""

import json
import os
import signal
import sys

from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import loop

VERSION = 1  # of what's asked and answered
# What `drift --applied` asks, and what each session begins with.
CALLS = ("open", "facts", "app.status", "app.changes", "toggles.look", "drift.applied", "drift.note")
LONGEST = 64 * 1024  # bytes of a frame
LASTS = 3600  # seconds


def arguments_of(name, given, allowed):
    """The arguments of a call that may be served.

    Args:
        name: The call.
        given: The arguments that came with it.
        allowed: `{"project", "apps"}` as they were written down.

    Raises:
        Failed: It's none of a look's.
    """
    if name not in CALLS:
        raise Failed("this key may look at the host, and do nothing else: '{}'".format(name), kind="look_only")
    if name == "open":
        return {"project": allowed["project"], "facts": _groups(given.get("facts"))}
    if name == "facts":
        return {"groups": _groups(given.get("groups"))}
    if name == "drift.applied":
        return {}
    if name == "drift.note":
        return _noted(given, allowed["apps"])
    app = given.get("app")
    for one in allowed["apps"]:
        if isinstance(app, dict) and one["name"] == app.get("name"):
            return {"app": one}
    raise Failed("this key may not look at that app; let it in once more", kind="look_only")


def _noted(given, apps):
    """Since when a release or an app's toggles differ is all that may be remembered."""
    noted = given.get("kind"), given.get("title")
    for app in apps:
        toggles = app.get("toggles")
        if noted == ("release", app["name"]) or (toggles and noted == ("toggles", toggles["path"])):
            return {"kind": noted[0], "title": noted[1], "there": given.get("there") is True}
    raise Failed("this key may not look at that app; let it in once more", kind="look_only")


def _groups(names):
    names = [] if names is None else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Failed("these are no groups of facts", kind="look_only")
    if any(name.startswith("paths:") for name in names):
        raise Failed("this key may not look for paths", kind="look_only")
    return names


def small(read):
    """A reader of frames that takes neither large nor deflated ones, nor raw bytes."""

    def exactly(count):
        if count > LONGEST:
            raise wire.BadFrame("a look asks for no more than {} bytes".format(LONGEST))
        data = read(count)
        if count == wire.HEADER.size and data[4:] not in (b"J", b""):
            raise wire.BadFrame("a look asks in JSON")
        return data

    return exactly


class Looking(loop.Agent):
    """One session that can only look; `allowed` as in `arguments_of`."""

    def __init__(self, source, sink, allowed):
        loop.Agent.__init__(self, source, sink)
        self._allowed = allowed
        self.exactly = small(source.read)

    def _beat(self):
        """Answered, and nothing is renewed."""
        self.send({"beat": True})

    def serving(self, request):
        """The call and its arguments, if they may be served."""
        name, given = request.get("call"), request.get("args")
        if not isinstance(name, str) or not isinstance(given, (dict, type(None))):
            raise Failed("that's no call", kind="look_only")
        return name, arguments_of(name, given or {}, self._allowed)


def main(folder):
    """Starts with nothing of the caller's: no variables, no arguments.

    Args:
        folder: Where `install` has written down what may be asked.
    """
    with open(os.path.join(folder, "look.json"), "rb") as stream:
        allowed = json.loads(stream.read().decode("utf-8"))
    signal.alarm(LASTS)
    about = "cdconf-look-only ready {} {} {}\n".format(VERSION, allowed["digest"], allowed["version"])
    sys.stdout.write(about)
    sys.stdout.flush()
    loop.main(lambda source, sink: Looking(source, sink, allowed))
