"""Check mode whose findings can be told from later ones: each has marks, which say nothing by themselves.

A mark is a MAC under the host's own key, which never leaves the host: whoever reads a saved plan can't find out by
trying what a secret is, and nobody can make up a plan.
"""

from cdconf.agent.converge.apply import Convergence
from cdconf.agent.records.fingerprints import fingerprint

_WANTED = ("type", "title", "fields", "absent", "notify", "action", "app")
_LENGTH = 32  # hexadecimal digits


class Marked(Convergence):
    """One look at a host; see `Convergence`. Nothing is changed, but that a host without a key gets one.

    Each event has `marks`, `[wanted, found]`: what the files (or, of an orphan, an earlier run) say, and how the host
    stands to that.
    """

    def __init__(self, catalog, store, emit, prune):
        super(Marked, self).__init__(catalog, True, store, self._emit_marked, lambda: None, prune)
        self.key = self.applied.make_key()
        self._plain_emit = emit
        self._differing = None
        self._marks = None

    def run(self):
        """See `Convergence.run`; the result has `marks` of the host itself and of the whole catalog."""
        result = super(Marked, self).run()
        return dict(result, marks={"host": self._mark("host"), "catalog": self._mark(_without_places(self.catalog))})

    def report(self, status, entry, started, diff=None, message=None, why=None, repair=None):
        """See `Convergence.report`."""
        wanted = {name: entry.get(name) for name in _WANTED}
        # A note beside what's ok tells how old an index is, and that changes by itself.
        found = [status, self._differing, message if repair or status not in ("ok", "would_change") else None]
        self._marks = [self._mark(wanted), self._mark(found)]
        super(Marked, self).report(status, entry, started, diff, message, why, repair)

    def _would_change(self, module, resource, differing, started):
        self._differing = differing
        try:
            super(Marked, self)._would_change(module, resource, differing, started)
        finally:
            self._differing = None

    def _emit_marked(self, event):
        self._plain_emit(dict(event, marks=self._marks))

    def _mark(self, value):
        return fingerprint(self.key, value)[:_LENGTH]


def _without_places(catalog):
    """The catalog without lines of files, which move when a comment is written."""
    without = dict(catalog)
    without["resources"] = [_without_source(one) for one in catalog["resources"]]
    without["handlers"] = {name: _without_source(one) for name, one in catalog["handlers"].items()}
    return without


def _without_source(entry):
    return {name: value for name, value in entry.items() if name != "source"}
