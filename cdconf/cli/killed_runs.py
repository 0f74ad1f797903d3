"""Runs that were killed: they couldn't write history, and hold their hosts until their leases run out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.cli.context import Run
    from cdconf.history.index import History

Lease = Mapping[str, Any]


def left_behind(lease: Lease | None, left: Lease | None, ttl: float) -> Lease | None:
    """The run that never gave a host back, also when its lease still runs though its process is dead.

    Args:
        lease: Who holds the host; see `at_work.told`.
        left: See `Session.left`.
        ttl: Seconds that a lease holds without a beat.
    """
    if lease is None or not lease.get("dead"):
        return left
    holders = [lease, *lease["inner"]]
    if any(holder["run"] not in lease["dead"] for holder in holders):
        return left  # what's left of it is at work
    last = holders[-1]
    age = round(max(0.0, ttl - lease["expires_in_s"]), 1)
    return {"run": last["run"], "owner": last["owner"], "reason": last["reason"], "age_s": age}


def held_by(lease: Lease | None, left: Lease | None) -> str:
    """Who holds a host, or who never gave it back, as a table's cell."""
    if left:
        since = "before its reboot" if left["age_s"] is None else f"{left['age_s']:.0f} s ago"
        dead = left["run"] in lease.get("dead", ()) if lease else False
        how = "killed" if dead else "killed or cut off"
        for_now = f"; held for {lease['expires_in_s']:.0f} s more" if lease and dead else ""
        return f"left by {left['owner']}, {how} ({left['reason']}, {since}){for_now}"
    if lease:
        return f"held by {lease['owner']} ({lease['reason']}, {lease['age_s']:.0f} s)"
    return ""


def say_unrecorded(run: Run, pages: Iterable[Mapping[str, Any]], runs: Iterable[str]) -> None:
    """Names runs of which hosts remember something and the history here nothing, and what changes that.

    Args:
        run: Says it.
        pages: What the agents' `app.status` said.
        runs: Those that were killed or cut off.
    """
    from cdconf.errors import CdconfError
    from cdconf.events import Notice
    from cdconf.history.team import history_of

    told: dict[str, Any] = {}
    for page in pages:
        recent = page.get("recent") or {}
        told |= {one: recent[one] for one in runs if one in recent}
    if not told:
        return
    try:
        with closing(history_of(run.project)) as history:
            known = history.known(told)
    except CdconfError:  # the team's database is away, and says nothing of these hosts
        return
    lacking = [about for one, about in told.items() if one not in known]
    command = f"`cdconf history rebuild {run.environment.name}` adds it"
    for about in lacking:
        text = f"the history here doesn't know the run of {about['owner']} ({about['reason']}): {command}"
        run.emit(Notice(text, warning=True))


def killed_here(run: Run, history: History, environment: str | None) -> list[dict[str, Any]]:
    """Says which runs of this checkout were killed, so that the history lacks them; the same as data."""
    from cdconf.cli.show.history_rows import when
    from cdconf.events import Notice
    from cdconf.session.active_runs import forget, killed

    found = killed(run.project.data)
    known = history.known(found)
    for one in known:
        forget(run.project.data, one)
    lacking = [
        {"run": one, **about}
        for one, about in found.items()
        if one not in known and environment in (None, about["environment"])
    ]
    for about in lacking:
        what = f"{about['command']} {about['environment'] or ''}".rstrip()
        command = f"`cdconf history rebuild {about['environment'] or ''}".rstrip() + "`"
        text = f"{what} of {when(about['started_at'])} was killed"
        run.emit(Notice(f"{text}: {command} adds what its hosts remember of it", warning=True))
    return lacking
