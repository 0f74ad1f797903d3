"""A look for drift: check mode that also says since when, and what the host's own logs and files say of it.

Nothing is changed but `seen.json` in cdconf's own directory, which remembers when each finding was first seen.
"""

import time

from cdconf.agent.converge import causes, compare, type_agents
from cdconf.agent.converge.apply import Convergence, observe
from cdconf.agent.converge.first_seen import FirstSeen
from cdconf.agent.errors import Down, Failed, Missing, Obstacle
from cdconf.agent.records import kept

_OLD = "an older cdconf applied it, and kept too little to compare it with; the next provision keeps it"
_MUCH = "it's too large for the host to keep what comparing it needs"


class Drifting(Convergence):
    """One look at a host; see `Convergence`.

    Args:
        catalog: The compiled document; None compares with what was applied alone.
        store: The project's `Store`.
        emit: Called with one event (a dict) per resource.
    """

    def __init__(self, catalog, store, emit):
        self.alone = catalog is None
        catalog = catalog or {"resources": [], "handlers": {}, "compare": {}, "complete": True}
        super(Drifting, self).__init__(catalog, True, store, self._emit, lambda: None)
        self.seen = FirstSeen(store)
        self._tell = emit
        self._found_evidence = None

    def run(self):
        """See `Convergence.run`; `told` are the controller's own findings that were there at the last look."""
        found = self._run_alone() if self.alone else super(Drifting, self).run()
        self.seen.save(["host"] if self.alone else ["host", "files"] if self.catalog["complete"] else [])
        return dict(found, told=self.seen.told())

    def _emit(self, event):
        if "cause" in event:
            by = "files" if event["cause"] == causes.NOT_APPLIED else "host"
            event["first_seen"] = self.seen.since(event["type"], event["title"], by)
            if event.get("by_hand"):
                entry = self.applied.entries.get("{type}:{title}".format(**event), {})
                sentences = self._evidence().of(event["type"], event["title"], entry.get("fields", {}))
                event.update({"evidence": sentences} if sentences else {})
        self._tell(event)

    def _evidence(self):
        """Made for the first finding: a host without any reads no log."""
        if self._found_evidence is None:
            from cdconf.agent.converge.evidence import ChangeEvidence

            self._found_evidence = ChangeEvidence()
        return self._found_evidence

    def _difference(self, resource, observed):
        if observed and "restarts" in observed:
            self._look_at_restarts(resource, observed["restarts"])
        return super(Drifting, self)._difference(resource, observed)

    def _look_at_restarts(self, resource, count):
        """A unit that systemd had to restart since the last look is drift, though it runs at this moment."""
        before = self.seen.restarts(resource["title"], count)
        if count > before:
            text = "systemd restarted it {} times since the last look, {} in all".format(count - before, count)
            entry = {"type": "flapping", "title": resource["title"], "source": resource.get("source")}
            repair = "`journalctl -u {}` says why it ended".format(resource["title"])
            why = causes.ResourceCauses(by_hand=["restarts"])
            self.report("would_change", entry, time.monotonic(), None, text, why, repair)

    def _run_alone(self):
        self._handlers_left()
        batch, module = [], None
        for resource in self._remembered():
            if batch and (resource["type"] != batch[0]["type"] or not hasattr(module, "observe_many")):
                self._compare(module, batch)
                batch = []
            if not batch:
                module = self._module(resource)
                if module is None:
                    continue
            batch.append(resource)
        if batch:
            self._compare(module, batch)
        return {"counts": self.counts, "failed": False}

    def _module(self, resource):
        try:
            return type_agents.agent_of(resource["type"])
        except Failed as error:
            self._unknown(resource, error.message)
            return None

    def _remembered(self):
        """What can be compared, in the order in which it was applied; the rest is told as unknown."""
        entries = self.applied.entries
        for identifier in sorted(entries, key=lambda name: (entries[name].get("order", -1), name)):
            entry = entries[identifier]
            resource = kept.resource(identifier, entry, self.applied.key)
            if resource is not None:
                yield resource
                continue
            kind, _, title = identifier.partition(":")
            about = {"type": kind, "title": title, "source": entry.get("source")}
            self._unknown(about, _MUCH if entry.get("version") == kept.VERSION else _OLD)

    def _unknown(self, entry, message, started=None):
        why = causes.ResourceCauses(unknown=True)
        self.report("unknown", entry, started or time.monotonic(), message=message, why=why)

    def _compare(self, module, batch):
        started = time.monotonic()
        for resource, observed in zip(batch, observe(module, batch)):
            if isinstance(observed, Failed):
                self._told_alone(resource, observed, started)
                continue
            if observed and "restarts" in observed:
                self._look_at_restarts(resource, observed["restarts"])
            try:
                names = sorted(compare.difference(resource, observed, resource["compare"]))
            except Failed as error:
                self._told_alone(resource, error, started)
                continue
            if names:
                self._by_hand(resource, names, started)
            else:
                self.report("ok", resource, started)

    def _by_hand(self, resource, names, started, message=None, repair=None):
        if message is None and "exists" in names:
            message = "it's back" if resource["absent"] else "it's gone"
        message = message or "not as applied: {}".format(", ".join(names))
        why = causes.ResourceCauses(by_hand=names)
        self.report("would_change", resource, started, None, message, why, repair)

    def _told_alone(self, resource, error, started):
        """What was applied could be observed then: what it needs and lacks by now was taken away."""
        if resource["absent"] and isinstance(error, Missing) and not isinstance(error, Down):
            self.report("ok", resource, started)
        elif isinstance(error, Obstacle):
            self._by_hand(resource, ["exists"], started, error.problem, error.repair)
        elif isinstance(error, Missing) and not isinstance(error, Down):
            self._by_hand(resource, ["exists"], started, error.message)
        else:
            hidden = resource["sensitive"] or isinstance(error, kept.Unknowable) or _has_withheld(resource["fields"])
            self._unknown(resource, kept.Unknowable().message if hidden else error.text(), started)

    def _handlers_left(self):
        for entry in self.handlers.pending:
            shown = {"type": "handler", "title": entry["name"], "source": entry.get("source")}
            why = causes.ResourceCauses(not_applied=["pending"])
            text = "pending since an earlier run"
            self.report("would_change", shown, time.monotonic(), None, text, why)


def _has_withheld(value):
    if type(value) is kept.Withheld:
        return True
    if isinstance(value, dict):
        return any(_has_withheld(member) for member in value.values())
    return isinstance(value, list) and any(_has_withheld(member) for member in value)


def note(store, kind, title, there):
    """When a finding of the controller's own (a release, toggles) was first seen; None, and forgotten, if it's gone.

    Args:
        store: The project's `Store`.
        kind: Its type.
        title: Its title.
        there: Whether it's there now.
    """
    seen = FirstSeen(store)
    by = "told:{}:{}".format(kind, title)
    at = seen.since(kind, title, by) if there else None
    seen.save([by])
    return at
