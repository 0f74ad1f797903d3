"""Makes a host what its catalog says, or in check mode says what that would take.

The types only observe and apply; everything is compared, decided and reported here, so that check mode and
apply can't disagree.
"""

import time

from cdconf.agent.commands.execute import printable, unspeakable
from cdconf.agent.converge import causes, compare, orphans, type_agents
from cdconf.agent.converge.handlers import Handlers
from cdconf.agent.errors import Down, Failed, Missing, Obstacle, Rebooting
from cdconf.agent.records.store import AppliedResources


class Stopped(Exception):
    """The controller asked to stop, or is gone; nothing is half-done."""


def fields_of(resource):
    """What a type gets to see: the fields, and `absent` when the thing should be gone."""
    return dict(resource["fields"], absent=True) if resource["absent"] else resource["fields"]


def observe(module, resources):
    """The states of resources of one type, each a state, None, or the `Failed` that observing it raised.

    In the place of a module that can't be loaded stands the `Failed` which says so.
    """
    if isinstance(module, Failed):
        return [module] * len(resources)
    fields = [fields_of(resource) for resource in resources]
    if len(resources) > 1 and hasattr(module, "observe_many"):
        try:
            return list(module.observe_many(fields))
        except Failed:
            pass  # one of them can't be observed: find out which
        except OSError:
            pass
    return [_attempt(module.observe, field) for field in fields]


def _attempt(function, *arguments):
    try:
        return function(*arguments)
    except Failed as error:
        return error
    except OSError as error:
        return Failed(str(error))
    except UnicodeEncodeError as error:
        return unspeakable(error)
    except Exception:
        import traceback

        return Failed("a bug in this resource type", output=traceback.format_exc(limit=-3))


class Convergence(object):
    """One pass over a catalog.

    Args:
        catalog: The compiled document.
        check: True changes nothing on the host, cdconf's own directory included.
        store: The project's `Store`.
        emit: Called with one event (a dict) per resource.
        proceed: Called before each change; raises `Stopped` or `Failed` when the run must end here.
        prune: Remove what was applied once and is no longer in the files.
    """

    def __init__(self, catalog, check, store, emit, proceed, prune=False):
        self.catalog = catalog
        self.check = check
        self.keeps = not check  # remembers what it has applied
        self.tells = check  # what can't be observed yet isn't an error by itself
        self.emit = emit
        self.proceed = proceed
        self.prune = prune
        self.applied = AppliedResources(store, catalog["resources"])
        self.handlers = Handlers(catalog, check, store, self.report)
        self.counts = {}
        self.is_unsettled = False  # something before it would change, or couldn't be looked at

    def run(self):
        """Converges; returns `{"counts": {status: n}, "failed": bool}`.

        Raises:
            Stopped, Failed: From `proceed`; what was done until then is recorded.
        """
        alright = True
        try:
            for step in self._steps():
                # Check mode goes on to the end: one that failed mustn't hide what's the matter with the rest.
                if alright or self.check:
                    alright = step() and alright
        finally:
            if self.keeps:
                self.applied.save()
        return {"counts": self.counts, "failed": not alright}

    def _steps(self):
        left, place = self.handlers.left_behind(), 0
        for module, batch in self._batches():
            first = batch[0]
            if first.get("flush"):
                yield self._due(first["flush"], "here, before {} {}".format(first["type"], first["title"]))
            yield lambda module=module, batch=batch: self._batch(module, batch)
            for one in batch:
                if place in left:
                    yield self._due(left[place], "after {} {}".format(one["type"], one["title"]), True)
                place += 1
        yield self._orphans
        yield self._due(None, "at the end")

    def _due(self, *arguments):
        return lambda: self.handlers.run_due(self.proceed, *arguments)

    def report(self, status, entry, started, diff=None, message=None, why=None, repair=None):
        """Counts and emits what happened to one resource or handler; `why` are the `Causes` of a difference."""
        self.counts[status] = self.counts.get(status, 0) + 1
        event = {
            "type": entry["type"],
            "title": entry["title"],
            "status": status,
            "source": entry.get("source"),
        }
        if diff:
            event["diff"] = printable(diff)
        if message:
            event["message"] = printable(message)
        if why is not None:
            event.update(why.document())
            if why.is_by_hand:
                event["by_hand"] = True
        if repair:
            event["repair"] = printable(repair)
        event["duration_s"] = round(time.monotonic() - started, 4)
        self.emit(event)

    def _failed(self, entry, started, error, why=None):
        """Reports a failure in the error's words, and with its hint."""
        text = error.text(entry.get("sensitive", False))
        self.report("failed", entry, started, message=text, why=why, repair=error.details.get("hint"))

    def _batches(self):
        """Contiguous resources of a type that knows how to do many at once, and all others one by one."""
        batch, module = [], None
        for resource in self.catalog["resources"]:
            ends = resource.get("flush") or resource["type"] != batch[0]["type"] if batch else False
            if resource["id"] in self.applied.several:
                ends = ends or any(one["id"] == resource["id"] for one in batch)
            if ends or (batch and not hasattr(module, "observe_many")):
                yield module, batch
                batch = []
            if not batch:
                module = _attempt(type_agents.agent_of, resource["type"])
            batch.append(resource)
        if batch:
            yield module, batch

    def _batch(self, module, resources):
        """Observes, compares and applies; False when one failed, after which nothing more is applied."""
        started = time.monotonic()
        changes, failed = [], []
        for resource, observed in zip(resources, observe(module, resources)):
            if isinstance(observed, Failed):
                if self._is_told(module, resource, observed, started):
                    continue
                if not self._counts_as_nothing(resource, observed):
                    failed.append((resource, observed))
                    if self.check:
                        continue
                    break  # those before it are applied as if they stood alone
                observed = None
            differing = self._difference(resource, observed)
            if differing:
                changes.append((resource, differing))
            else:
                self.report("ok", resource, started, message=(observed or {}).get("note"))
                self._record(module, resource)
        changes = self._chosen(module, changes, started)
        if self.check:
            for resource, differing in changes:
                self._would_change(module, resource, differing, started)
            self.is_unsettled = self.is_unsettled or bool(failed)
            alright = True
        else:
            alright = self._apply(module, changes)
        for resource, error in failed:
            why = causes.ResourceCauses(unknown=True) if self.check else None
            self._failed(resource, started, error, why)
        return alright and not failed

    def _chosen(self, module, changes, started):
        """Those of the differences that this run is about; it reports the others itself."""
        return changes

    def _is_told(self, module, resource, error, started):
        """True when check mode has said of an error that it's none: what's missing may come with an earlier change."""
        if self.tells and isinstance(error, Obstacle):
            why = causes.of_obstacle(self.applied, resource, self._changed_since(module, resource))
            self.report("would_change", resource, started, None, error.problem, why, error.repair)
            self.is_unsettled = True
        elif self.tells and isinstance(error, Missing) and self.is_unsettled:
            self.report("unknown", resource, started, message=error.message, why=causes.ResourceCauses(unknown=True))
        else:
            return False
        self.handlers.may_be_due(resource)
        return True

    def _counts_as_nothing(self, resource, error):
        """Whether it isn't there for the want of something else: gone as wished, or `apply` says what's missing."""
        if resource["absent"]:
            return isinstance(error, Missing) and not isinstance(error, Down)
        return isinstance(error, Missing) and not self.check

    def _difference(self, resource, observed):
        return compare.difference(resource, observed, self._compared(resource))

    def _compared(self, resource):
        return self.catalog["compare"].get(resource["type"], ())

    def _changed_since(self, module, resource):
        """How the host differs from what was applied, where the files want something else by now; None: not known.

        What's observed can depend on what's wanted: a version that fits a pin, what a directory's purge may leave.
        """
        if resource["id"] not in self.applied.entries or self.applied.is_last_applied(resource):
            return None
        before = self.applied.remembered(resource)
        observed = None if before is None else observe(module, [before])[0]
        if isinstance(observed, (Obstacle, Missing)):
            return {"exists": (False, True)}
        if before is None or isinstance(observed, Failed):
            return None
        return compare.difference(before, observed, before["compare"])

    def _would_change(self, module, resource, differing, started):
        self.is_unsettled = True
        self.handlers.may_be_due(resource)
        why = causes.of_difference(self.applied, resource, differing, self._changed_since(module, resource))
        self.report("would_change", resource, started, compare.text(resource, differing), why=why)

    def _record(self, module, resource):
        """Types say in `NEEDED` which fields observing itself reads, so that a MAC of theirs isn't enough."""
        if self.keeps:
            self.applied.record(resource, self._compared(resource), getattr(module, "NEEDED", ()))

    def _apply(self, module, changes):
        if len(changes) > 1 and hasattr(module, "apply_many"):
            return self._apply_together(module, changes)
        return all(self._apply_one(module, resource, differing) for resource, differing in changes)

    def _apply_one(self, module, resource, differing):
        self.proceed()
        started = time.monotonic()
        self.handlers.due(resource)
        error = _attempt(module.apply, fields_of(resource), differing)
        return self._verify(module, resource, differing, error, started)

    def _apply_together(self, module, changes):
        self.proceed()
        started = time.monotonic()
        for resource, _ in changes:
            self.handlers.due(resource)
        error = _attempt(module.apply_many, [(fields_of(resource), differing) for resource, differing in changes])
        if isinstance(error, Failed):
            # Together it failed: say of each what became of it, and give the reason once.
            verdicts = [self._verify(module, resource, differing, error, started) for resource, differing in changes]
            return all(verdicts)
        observed = observe(module, [resource for resource, _ in changes])
        return all(
            [
                self._settle(module, resource, differing, state, started)
                for (resource, differing), state in zip(changes, observed)
            ]
        )

    def _verify(self, module, resource, differing, error, started):
        if isinstance(error, Rebooting):
            error.details["asked_by"] = resource["id"]
            raise error
        if isinstance(error, Failed):
            self._failed(resource, started, error)
            if error.kind != "failed":
                raise error
            return False
        return self._settle(module, resource, differing, _attempt(module.observe, fields_of(resource)), started)

    def _settle(self, module, resource, differing, observed, started):
        """Reports `changed` when the host really is as wanted now."""
        if isinstance(observed, Failed):
            self._failed(resource, started, observed)
            return False
        left = self._difference(resource, observed)
        if left:
            message = "it was applied, but still differs:\n" + compare.text(resource, left)
            if hasattr(module, "unmet") and not resource["sensitive"]:
                message = module.unmet(fields_of(resource)).text()
            self.report("failed", resource, started, message=message)
            return False
        self.report("changed", resource, started, compare.text(resource, differing))
        self._record(module, resource)
        return True

    def _orphans(self):
        """Shows what has gone from the files, or removes it, what came last first; False when that failed."""
        if not self.catalog["complete"]:
            return True
        if not self.check:
            self.applied.forget_absent(self.catalog)
        present = {resource["type"] for resource in self.catalog["resources"]}
        for identifier, entry in self.applied.orphans(self.catalog):
            started = time.monotonic()
            if entry["type"] in present and getattr(type_agents.agent_of(entry["type"]), "ONE_PER_HOST", False):
                # Its title is its value: the new one has taken its place.
                self.applied.forget(identifier)
                continue
            if not self.prune:
                text, why = "was applied, and is no longer in the files", causes.ResourceCauses(not_applied=["exists"])
                self.report("orphaned", entry, started, message=text, why=why if self.check else None)
            elif self.check:
                self._would_remove(entry, started)
            elif not self._remove(identifier, entry, started):
                return False
        return True

    def _would_remove(self, entry, started):
        try:
            orphans.module_for(entry)
            self.report("would_change", entry, started, "removed\n", why=causes.ResourceCauses(not_applied=["exists"]))
        except orphans.Unremovable as reason:
            self.report("would_change", entry, started, message="{}, only forgotten".format(reason))

    def _remove(self, identifier, entry, started):
        was_there, message = False, None
        try:
            module = orphans.module_for(entry)
            self.proceed()
            was_there = orphans.remove(module, entry)
        except orphans.Unremovable as reason:
            message = "{}; {}".format(reason, orphans.BY_HAND)
        except Failed as error:
            if error.kind != "failed":
                raise
            self._failed(entry, started, error)
            return False
        self.applied.forget(identifier)
        self.report("changed", entry, started, "removed\n" if was_there else None, message)
        return True
