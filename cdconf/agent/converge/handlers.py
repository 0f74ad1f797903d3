"""Handlers: what's due is written down before the change that makes it due, so that a crash can't lose it."""

import os
import time

from cdconf.agent.converge.causes import ResourceCauses
from cdconf.agent.errors import Failed, Rebooting
from cdconf.agent.lease.lease import boot_id

FILE = "pending.json"
NOTIFIED = "notified"  # so begins what is said of a handler that a change of this very run would make due


class Handlers(object):
    """The due handlers of one host: those left over from earlier runs, then those of this one.

    Args:
        catalog: The compiled document; its `handlers` are complete entries, so that a pending one can run even
            after it has gone from the files.
        check: In check mode nothing is written or run, only reported.
        store: The project's `Store`.
        report: `Convergence.report`.
    """

    def __init__(self, catalog, check, store, report):
        self.known = catalog["handlers"]
        self.resources = catalog["resources"]
        self.environment = catalog.get("environment")
        self.check = check
        self.store = store
        self.report = report
        self.pending = store.read(FILE, [])
        self.aside = []  # due, and for another run
        self.mends = False
        self.left_over = {entry["name"] for entry in self.pending}
        self.rebooted_for = {
            entry["name"] for entry in self.pending if entry.get("rebooting_from", boot_id()) != boot_id()
        }

    def _add(self, resource):
        names = {entry["name"] for entry in self.pending}
        fresh = [self.known[name] for name in resource["notify"] if name not in names]
        self.pending.extend(dict(entry, mends=True) if self.mends else entry for entry in fresh)
        self.aside = [entry for entry in self.aside if entry["name"] not in resource["notify"]]
        return bool(fresh)

    def mend_only(self):
        """From now on only those run that this run makes due, or that a mending run has left: it isn't about others."""
        self.mends = True
        self.aside = [entry for entry in self.pending if not entry.get("mends")]
        self.pending = [entry for entry in self.pending if entry.get("mends")]
        self.left_over = {entry["name"] for entry in self.pending}

    def _write(self):
        self.store.write(FILE, self.aside + self.pending)

    def due(self, resource):
        """Writes down what a change is about to make due."""
        if self._add(resource):
            self._write()

    def may_be_due(self, resource):
        """Notes what would become due, for check mode."""
        self._add(resource)

    def left_behind(self):
        """Where what's left over from earlier runs can run: the place of the last resource that notifies it -> names.

        Places count the catalog's resources, from 0.
        """
        last = {}
        for place, resource in enumerate(self.resources if self.left_over else ()):
            last.update((name, place) for name in resource["notify"] if name in self.left_over)
        return {place: [name for name in last if last[name] == place] for place in last.values()}

    def run_due(self, proceed, names=None, where="at the end", again=False):
        """Runs what's due, in the order in which it became due; False when one failed (it stays due).

        Args:
            proceed: See `Convergence`.
            names: Only these.
            where: When they run, for people.
            again: One that fails is tried again at the end.
        """
        for entry in list(self.pending):
            if names is not None and entry["name"] not in names:
                continue
            # A handler that the files still define runs as they define it now.
            entry = self.known.get(entry["name"], entry)
            shown = dict(entry, type="handler", title=entry["name"])
            started = time.monotonic()
            if waits_for_release(entry):
                self.report("skipped", shown, started, message="no release")
            elif self.check:
                is_left = entry["name"] in self.left_over
                kept = self._kept_from(entry)
                since = "pending since an earlier run" if is_left else NOTIFIED
                text = "{}; {}".format(since, kept or "runs " + where)
                why = ResourceCauses(not_applied=["pending"]) if is_left else None
                self.report("would_change", shown, started, message=text, why=why)
            elif entry["name"] in self.rebooted_for:
                self.report("changed", shown, started, message="rebooted")
            elif not self._run(entry, shown, started, proceed, again):
                if again:
                    continue
                return False
            self._done(entry["name"])
        return True

    def _run(self, entry, shown, started, proceed, again):
        proceed()
        kept = self._kept_from(entry)
        error = Failed(kept) if kept else act(entry)
        if isinstance(error, Rebooting):
            # Written down first, so that the run after the reboot knows that this handler is done.
            for one in self.pending:
                if one["name"] == entry["name"]:
                    one["rebooting_from"] = boot_id()
            self._write()
            error.details["asked_by"] = "handler:{}".format(entry["name"])
            raise error
        if error is not None:
            status, text = "failed", error.text()
            if again:
                status, text = "skipped", "it failed, and is tried again at the end: " + text
            self.report(status, shown, started, message=text)
            return False
        self.report("changed", shown, started, message="{} {}".format(entry["action"], entry["title"]))
        return True

    def _kept_from(self, entry):
        """Why a handler mustn't run: it would bring a release of an app into use that isn't proven; else None."""
        if not entry.get("app") or entry["action"] == "stop":
            return None
        from cdconf.agent.release import restartable  # few handlers are about an app

        return restartable.problem(self.store, entry["app"], self.environment)

    def _done(self, name):
        self.pending = [entry for entry in self.pending if entry["name"] != name]
        if self.check:
            return
        if self.pending or self.aside:
            self._write()
        else:
            self.store.remove(FILE)


def waits_for_release(entry):
    """Whether a handler is about an app's service on a host that has no release of that app yet."""
    app = entry.get("app")
    return bool(app) and not os.path.exists(os.path.join(app["path"], "current"))


def act(entry):
    """Does an action; returns the `Failed` that it ended with, or None."""
    from cdconf.agent.converge import type_agents

    try:
        type_agents.agent_of(entry["type"]).act(entry["fields"], entry["action"])
    except Failed as error:
        return error
    except OSError as error:
        return Failed(str(error))
    except Exception:
        import traceback

        return Failed("a bug in this resource type", output=traceback.format_exc(limit=-3))
    return None
