"""Puts right what somebody changed on the host, where the files still say what was applied; all else is left."""

import time

from cdconf.agent.converge.apply import Convergence
from cdconf.agent.converge.causes import ResourceCauses

WAIVED = "it's waived"
NEVER_APPLIED = "it was never applied here"
FILES_CHANGED = "the files say something else than what was applied"
OBSTACLE = "cdconf doesn't change it by itself"
ORPHANED = "the files don't have it any more"
UNKNOWN = "it can't be told while something before it is left"
PENDING = "an earlier run has left it due"
_OF_STATUS = {"orphaned": ORPHANED, "unknown": UNKNOWN}


class MendPass(Convergence):
    """One pass over a catalog that changes what differs by hand alone; see `Convergence`.

    Events of what is left as it is have `left`: why. What the host remembers of what was applied stays as it is.

    Args:
        catalog: The compiled document.
        check: Change nothing.
        store: The project's `Store`.
        emit: Called with one event per resource.
        proceed: See `Convergence`.
        leave: `(type, title)` of what is waived.
        later: Handlers only become due, since what they restart isn't proven yet; the next pass runs them.
    """

    def __init__(self, catalog, check, store, emit, proceed, leave, later=False):
        super(MendPass, self).__init__(catalog, check, store, self._emit_mending, proceed)
        self.keeps, self.tells = False, True
        self.handlers.mend_only()
        self.leave = {tuple(one) for one in leave}
        self.later = later
        self.mends = 0
        self._plain_emit = emit
        self._left = None

    def run(self):
        """See `Convergence.run`; the result also has `mends`: how much is, or would be, put right."""
        result = super(MendPass, self).run()
        for entry in self.handlers.aside:
            self._leave(PENDING, lambda entry=entry: self._pending(entry))
        return dict(result, counts=self.counts, mends=self.mends + len(self.handlers.left_over))

    def _due(self, *arguments):
        return (lambda: True) if self.later else super(MendPass, self)._due(*arguments)

    def _pending(self, entry):
        shown = dict(entry, type="handler", title=entry["name"])
        self.report(
            "would_change",
            shown,
            time.monotonic(),
            message="pending since an earlier run",
            why=ResourceCauses(not_applied=["pending"]),
        )

    def _chosen(self, module, changes, started):
        chosen = []
        for resource, differing in changes:
            why = self._why_left(resource)
            if why is None:
                chosen.append((resource, differing))
            else:
                self._leave(why, lambda one=resource, by=differing: self._tell(module, one, by, started))
        self.mends += len(chosen)
        return chosen

    def _tell(self, module, resource, differing, started):
        """Reports a difference that is left, whose handlers so aren't due."""
        notify = dict(resource, notify=[])
        super(MendPass, self)._would_change(module, notify, differing, started)

    def _is_told(self, module, resource, error, started):
        told, quiet = [], dict(resource, notify=[])
        self._leave(OBSTACLE, lambda: told.append(super(MendPass, self)._is_told(module, quiet, error, started)))
        return told[0]

    def _why_left(self, resource):
        if (resource["type"], resource["title"]) in self.leave:
            return WAIVED
        if resource["id"] not in self.applied.entries:
            return NEVER_APPLIED
        return None if self.applied.is_last_applied(resource) else FILES_CHANGED

    def _leave(self, why, report):
        self._left = why
        try:
            report()
        finally:
            self._left = None

    def _emit_mending(self, event):
        left = _OF_STATUS.get(event["status"], self._left)
        self._plain_emit(dict(event, left=left) if left else event)
