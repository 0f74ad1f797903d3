"""When each finding of a look for drift was first seen, and how often units had been restarted at the last look.

`seen.json`: `{"found": {"TYPE:TITLE": {"at", "by"}}, "restarts": {unit: {"boot", "count"}}}`; what's gone is forgotten.
`by` says who can see that it's gone: `files` a look that has the files, `host` any look, `told:…` the controller.
"""

import os
import time

from cdconf.agent.lease.lease import boot_id
from cdconf.agent.records.formats import Damaged

FILE = "seen.json"
_MOST = 2000  # findings that are remembered
LOCK = "seen.lock"


class FirstSeen(object):
    """What earlier looks have seen.

    Args:
        store: The project's `Store`. A host that has no directory of the project gets none.
    """

    def __init__(self, store):
        self._store = store
        self._is_known = os.path.isdir(store.folder)
        self._before = self._read()
        self._found = {}
        self._restarts = dict(self._before["restarts"])
        self._now = round(time.time(), 3)

    def _read(self):
        """What's remembered; a damaged file hides no drift, only times are lost."""
        fresh = {"found": {}, "restarts": {}}
        try:
            return self._store.read(FILE, fresh)
        except Damaged:
            return fresh

    def since(self, kind, title, by):
        """When a finding was first seen: now, if no look before has. `by` is as above."""
        name = "{}:{}".format(kind, title)
        at = self._before["found"].get(name, {}).get("at", self._now)
        self._found[name] = {"at": min(at, self._now), "by": by}  # a clock that was set back
        return self._found[name]["at"]

    def told(self):
        """What the controller has told so far, as `TYPE:TITLE`."""
        return sorted(name for name, one in self._before["found"].items() if one["by"].startswith("told:"))

    def restarts(self, unit, count):
        """How often a unit had been restarted at the last look of this boot; what it is now is remembered."""
        before, boot = self._restarts.get(unit), boot_id()
        self._restarts[unit] = {"boot": boot, "count": count}
        if before is None or before["boot"] != boot or before["count"] > count:
            return 0 if before is not None and before["boot"] == boot else count
        return before["count"]

    def save(self, gone):
        """Writes it down where anything has changed.

        Args:
            gone: The kinds of `by` of which all was looked at: what wasn't found then is gone.
        """
        if not self._is_known:
            return
        guard = self._store.lock(LOCK)
        try:
            there = self._read()
            found = {name: one for name, one in there["found"].items() if one["by"] not in gone}
            found.update(self._found)
            names = sorted(found, key=lambda name: found[name]["at"])[:_MOST]
            now = {"found": {name: found[name] for name in names}, "restarts": self._restarts}
            if now != there:
                self._store.write(FILE, now)
        finally:
            guard.close()
