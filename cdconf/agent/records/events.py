"""What a host remembers of its past: the last events of each app, and of its provisioning; whose, when and why.

The history of a project can be rebuilt from it (`cdconf.history.rebuild`). Events of an app lie in its page of the
ledger, so that they're written together with what they tell of: `{"at", "event", "run", "owner", "reason"}`, with
`release`, `version`, `archive`, `to`, `why`, `procedure` and `back` (by a rollback) where there's something to say.
`at` is the host's own clock, in seconds since 1970. `provisions.json` holds `{"at", "run", "owner", "reason",
"catalog", "counts", "failed"}`, with `commit` and `dirty` of the files that were applied last, see `applied_from`.
"""

import time

from cdconf.agent.errors import Failed

FILE = "provisions.json"
KEPT = 100  # events of an app
KEPT_PROVISIONS = 30
RECENT = 5  # runs that `app.status` tells of


def note(page, by, event, release=None, **about):
    """Adds an event to an app's page; the oldest one goes.

    Args:
        page: The page of the ledger.
        by: Whose doing it is, see `Lease.by`.
        event: `staged`, `activated`, `verified`, `rolled_back`, `reverted`, `pinned`, `unpinned`.
        release: The name of the release that it's about.
        about: `to`, the release that the host went back to; `why`; `back`; `version` and `archive` when they aren't
            the release's.
    """
    known = page["releases"].get(release) or {}
    entry = {"at": round(time.time(), 3), "event": event, "release": release}
    entry.update(version=known.get("version"), archive=known.get("archive"))
    entry.update(by or {})
    entry.update(about)
    told = {name: value for name, value in entry.items() if value is not None}
    page["events"] = (page.get("events") or [])[1 - KEPT :] + [told]


def begun(events):
    """`{"release", "run"}` of what was staged last, if that's the last thing that happened; else None."""
    last = events[-1] if events else None
    if last is None or last["event"] != "staged" or "run" not in last or "release" not in last:
        return None
    return {"release": last["release"], "run": last["run"]}


def recent(events):
    """The last `RECENT` runs that the events tell of: run -> `{"owner", "reason", "events"}`, its events by name."""
    found = {}
    for event in reversed(events):
        run = event.get("run")
        if run is None or (run not in found and len(found) == RECENT):
            continue
        about = {"owner": event.get("owner"), "reason": event.get("reason"), "events": []}
        found.setdefault(run, about)["events"].insert(0, event["event"])
    return found


def deployed(events, release):
    """`{"at", "owner", "run", "procedure"}` of the deployment that brought a release into use last, or None."""
    for event in reversed(events or ()):
        if event["event"] in ("activated", "verified") and event.get("release") == release and "owner" in event:
            return {name: event[name] for name in ("at", "owner", "run", "procedure") if name in event}
    return None


def failed_last(store):
    """`{"at", "owner", "run"}` of the host's last provision when that failed; None when it went well."""
    entries = provisions(store)
    if not entries or not entries[-1]["failed"]:
        return None
    return {name: entries[-1].get(name) for name in ("at", "owner", "run")}


def provisions(store):
    """What's remembered of provisioning; raises `Damaged`, which is better told before a run than at its end."""
    return store.read(FILE, [])


def applied_from(store):
    """`{"commit", "dirty", "owner"}` of the files that were applied last; None where no provision has told.

    `commit` is None for files outside of git. A damaged memory is for `provisions` to tell.
    """
    try:
        entries = provisions(store)
    except Failed:
        return None
    if not entries or "commit" not in entries[-1]:
        return None
    return {name: entries[-1].get(name) for name in ("commit", "dirty", "owner")}


def provisioned(store, by, catalog, counts, failed, files=None):
    """Notes that a catalog was applied; what can't be noted isn't.

    Where nothing changed and it's the last one's catalog, only where its files come from is noted, at the last entry.

    Args:
        store: The project's `Store`.
        by: Whose doing it is.
        catalog: The catalog's digest.
        counts: Resources by what became of them.
        failed: Whether it ended early.
        files: `{"commit", "dirty"}` of the files; None leaves what was noted before.
    """
    entries = provisions(store)
    last = entries[-1] if entries else {}
    source = files or {name: last[name] for name in ("commit", "dirty") if name in last}
    if entries and not failed and not counts.get("changed") and last["catalog"] == catalog:
        moved = dict(last, **source)
        if moved == last:
            return
        entries = entries[:-1] + [moved]
    else:
        entry = dict(by, at=round(time.time(), 3), catalog=catalog, counts=counts, failed=failed, **source)
        entries = entries[1 - KEPT_PROVISIONS :] + [entry]
    try:
        store.write(FILE, entries)
    except (OSError, Failed):
        pass  # a full disk is the run's error already


def mended(store, by, counts, failed):
    """Notes that a host was put back to what was applied; what was applied from which files stays as it is.

    `failed` also when the provision before had failed: this doesn't mend that.
    """
    entries = provisions(store)
    if failed or counts.get("changed"):
        provisioned(store, by, entries[-1]["catalog"] if entries else None, counts, failed)
