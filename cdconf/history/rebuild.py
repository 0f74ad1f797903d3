"""History out of what hosts remember: the runs that no journal here has, without I/O.

A host's memory is what `cdconf.agent.records.events` keeps: events with the run that caused them. Ledgers of older
versions hold no events, only how things stand; what they tell of a release or a pin without saying which run it was
becomes a record of its own. The same memories always give the same records, so that rebuilding twice adds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cdconf.history.killed import SOURCE
from cdconf.history.remembered import Event, record_of

Row = dict[str, Any]


def rebuilt(
    project: str,
    environment: str,
    memories: Mapping[str, Mapping[str, Any]],
    known: Sequence[Row],
    built: Mapping[str, str] | None = None,
) -> list[Row]:
    """The records that the history lacks, or that hosts know more of than it does; the oldest first.

    Args:
        project: The project's name.
        environment: Whose hosts these are.
        memories: Host -> what it remembers: `{"apps", "provisions"}`, and `at_work`: runs that haven't ended.
        known: The environment's runs that the history has, see `History.runs`.
        built: Archive's digest -> how its statement says that it came to be.

    Returns:
        Records for the journal, `source` being `hosts`.
    """
    at_work = {run for memory in memories.values() for run in memory.get("at_work", ())}
    groups: dict[str, list[Event]] = {}
    for event in _events(memories):
        if event.get("run") not in at_work:
            groups.setdefault(_id(project, environment, event), []).append(event)
    theirs = {row["run"] or row["id"]: row for row in known if row["source"] == "hosts"}
    killed = {row["run"]: row for row in known if row["source"] == SOURCE and row["run"]}
    known = [row for row in known if row["source"] != SOURCE]
    journal = [row for row in known if row["source"] != "hosts"]
    result: list[Row] = []
    for identifier, events in groups.items():
        before = theirs.get(identifier)
        whole = _united(before["events"] if before else [], events)
        if before is not None and whole == before["events"]:
            continue
        record = record_of(identifier, environment, whole, built or {})
        if before is None and _is_known(record, [*journal, *known, *result]):
            continue
        result.append(_united_with(before or killed.get(record["run"]), record))
    return sorted(result, key=lambda one: float(one["started_at"]))


def _united_with(before: Row | None, record: Row) -> Row:
    """A record in place of the row that the history has of the run: what hosts don't remember stays."""
    if before is None:
        return record
    kept = {name: before[name] for name in ("commit", "user", "controller", "detail") if before.get(name)}
    return record | {name: value for name, value in kept.items() if not record[name]} | {"id": before["id"]}


def _united(before: Iterable[Event], now: Iterable[Event]) -> list[Event]:
    """All events of both, each once: hosts forget the oldest ones, and some may not have answered."""
    found = {(one["host"], one["at"], one["event"]): one for one in (*before, *now)}
    return sorted(found.values(), key=lambda one: float(one["at"]))


def _id(project: str, environment: str, event: Event) -> str:
    """The run's own id; what has none gets one that's always the same."""
    if event.get("run"):
        return str(event["run"])
    what = (project, environment, event["app"], event["event"], event.get("archive") or event.get("release"))
    return "rebuilt-" + hashlib.sha256("\0".join(map(str, what)).encode()).hexdigest()[:16]


def _events(memories: Mapping[str, Mapping[str, Any]]) -> Iterator[Event]:
    for host, memory in memories.items():
        for provision in memory["provisions"]:
            yield {**provision, "event": "provisioned", "host": host, "app": None}
        for app, page in memory["apps"].items():
            told = page.get("events") or []
            for event in (*told, *_untold(page, told)):
                yield {**event, "host": host, "app": app}


def _untold(page: Mapping[str, Any], told: Sequence[Event]) -> Iterator[Event]:
    """What a page says of the past beside its events."""
    seen = {(one["event"], one.get("run")) for one in told}
    states = {"activated": page["activating"], "verified": page.get("confirmed"), "reverted": page.get("reverted")}
    for event, state in states.items():
        if state and (event, state["run"]) not in seen:
            yield _about(page, event, state.get("release") or state["to"], state["at"], run=state["run"])
    proved = {one.get("release") for one in told if one["event"] == "verified"}
    proved.add((page.get("confirmed") or {}).get("release"))
    for release in page["verified"]:
        if release not in proved and release in page["releases"]:
            yield _about(page, "verified", release, page["releases"][release]["staged_at"])
    pinned = {one.get("archive") for one in told if one["event"] == "pinned"}
    for archive, pin in page["pinned"].items():
        if archive not in pinned:
            about = {"archive": archive, "version": pin["version"], "why": pin["reason"]}
            yield {"at": float(pin["at"]), "event": "pinned", **about}


def _about(page: Mapping[str, Any], event: str, release: str, at: float, run: str | None = None) -> Event:
    known = page["releases"].get(release) or {}
    version = known.get("version") or release.rpartition("-")[0]
    entry = {"at": float(at), "event": event, "release": release, "version": version, "archive": known.get("archive")}
    return {name: value for name, value in {**entry, "run": run}.items() if value is not None}


def _is_known(record: Row, rows: Iterable[Row]) -> bool:
    """Whether the history has this run, or, where nobody knows which run it was, what it came to."""
    if record["run"] is None:
        ended_well = record["exit_code"] == 0
        return any(_is_same_release(record, row) and (row["exit_code"] == 0) == ended_well for row in rows)
    return any(row["run"] == record["run"] or _is_same_run(record, row) for row in rows)


def _is_same_release(record: Row, row: Row) -> bool:
    same = row["app"] == record["app"] and record["hosts"].keys() <= row["hosts"].keys()
    by_digest = bool(record["artifact"]) and row["artifact"] == record["artifact"]
    return same and (by_digest or (not row["artifact"] and row["version"] == record["version"]))


def _is_same_run(record: Row, row: Row) -> bool:
    """Of a journal's line that doesn't say its run's id: whether it was this one, by the controller's own clock."""
    if row["run"] is not None or row["source"] == "hosts" or row["command"] != record["command"]:
        return False
    began = float(row["started_at"])
    same = (row["app"], row["controller"]) == (record["app"], record["controller"] or row["controller"])
    return same and began - 1 <= record["started_at"] <= began + float(row["duration_s"] or 0) + 1
