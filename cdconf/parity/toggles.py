"""Compares apps' feature toggles: what each environment's toggles.yml says, and what the hosts have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.inventory.toggles import word
from cdconf.parity.causes import InputDifferences
from cdconf.parity.model import ABSENT, ParityFinding, SeenToggles, Status
from cdconf.parity.unreleased import toggles_wait

if TYPE_CHECKING:
    from cdconf.inventory import App, ToggleValue
    from cdconf.session import Session

Pair = tuple[Any, Any]


def look_at_toggles(session: Session, app: App) -> SeenToggles:
    """What a host has of an app's toggles; changes nothing there.

    Raises:
        CdconfError: The host doesn't answer, or the agent fails.
    """
    file = {"path": app.toggles_file, "values": {}, "reload": app.toggles_reload}
    document = {**app.known, "user": app.user, "toggles": file}
    found = session.toggles_look(document)
    return SeenToggles(found["values"], found["problem"])


def compare_toggles(causes: InputDifferences, apps: frozenset[str]) -> Iterator[ParityFinding]:
    """The differences of two hosts' toggles, in the files and on the hosts.

    Args:
        causes: What the hosts are.
        apps: The apps of the group in which they're compared.
    """
    ours, theirs = causes.ours, causes.theirs
    for app in sorted(apps & {*ours.toggles} & {*theirs.toggles}):
        wanted = (ours.toggles[app], theirs.toggles[app])
        for name in sorted({*wanted[0], *wanted[1]}):
            values = _words(name, *({key: value.on for key, value in side.items()} for side in wanted))
            if values[0] != values[1]:
                yield _finding(causes, app, name, values, _sources(name, wanted))
        if ours.sight is not None and theirs.sight is not None:
            yield from _seen(causes, app, wanted, ours.sight.toggles.get(app), theirs.sight.toggles.get(app))


def _seen(
    causes: InputDifferences, app: str, wanted: Pair, here: SeenToggles | None, there: SeenToggles | None
) -> Iterator[ParityFinding]:
    if here is None or there is None:
        return
    if here.problem != there.problem:
        problems = (here.problem or ABSENT, there.problem or ABSENT)
        sides = zip((causes.ours, causes.theirs), (here, there), strict=True)
        waits = toggles_wait(app, [side.environment for side, one in sides if one.problem], causes)
        status: Status = "inherent" if waits else "unexplained"
        yield causes.finding("toggle", app, problems, status, field="problem", why=waits, seen=True)
    if any(one.values is None and one.problem is not None for one in (here, there)):
        return  # a file that can't be read says nothing about one toggle
    seen = (here.values or {}, there.values or {})
    for name in sorted({*seen[0], *seen[1], *wanted[0], *wanted[1]}):
        values = _words(name, *seen)
        asked = _words(name, *({key: one.on for key, one in side.items()} for side in wanted))
        if values[0] == values[1] or (asked[0] != asked[1] and values == asked):
            continue  # alike, or each as its files have it, which is told of the files
        waits = toggles_wait(app, _off(causes, values, asked), causes)
        judged: tuple[Status, str | None] = (
            ("inherent", waits) if waits else ("unexplained", _why(causes, values, asked))
        )
        yield _finding(causes, app, name, values, _sources(name, wanted), judged, seen=True)


def _finding(
    causes: InputDifferences,
    app: str,
    name: str,
    values: Pair,
    sources: Pair,
    judged: tuple[Status, str | None] = ("unexplained", None),
    *,
    seen: bool = False,
) -> ParityFinding:
    entry = causes.entries.one("toggle", [name, f"{app} {name}"], **causes.place)
    status, why = ("declared", entry.why) if entry else judged
    return causes.finding("toggle", f"{app} {name}", values, status, why=why, entry=entry, sources=sources, seen=seen)


def _why(causes: InputDifferences, values: Pair, asked: Pair) -> str | None:
    if asked == (ABSENT, ABSENT):
        return "cdconf.yml declares no such toggle"
    off = _off(causes, values, asked)
    return f"not as the files have it in {' and '.join(off)}" if off else None


def _off(causes: InputDifferences, values: Pair, asked: Pair) -> list[str]:
    """The environments whose host hasn't what the files say."""
    sides = zip((causes.ours, causes.theirs), values, asked, strict=True)
    return [side.environment for side, value, wish in sides if value != wish]


def _words(name: str, ours: Mapping[str, bool], theirs: Mapping[str, bool]) -> Pair:
    here, there = (word(side[name]) if name in side else ABSENT for side in (ours, theirs))
    return here, there


def _sources(name: str, wanted: tuple[Mapping[str, ToggleValue], Mapping[str, ToggleValue]]) -> Pair:
    here, there = (side[name].source if name in side else None for side in wanted)
    return here, there
