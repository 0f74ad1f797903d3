"""Which stops stand: those that somebody who may do so has said, and nobody who may has lifted."""

from __future__ import annotations

from collections.abc import Iterable

from cdconf.artifacts.attestations import content_of
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.checked import CheckedObject, may_lift
from cdconf.promotion.said import Lift, Stop


def standing(checked: Iterable[CheckedObject]) -> list[tuple[str, Stop]]:
    """The stops that stand, with their objects' names, the oldest first.

    A stop by a key whose time is over still stands: what was stopped for a reason isn't let go by the calendar. A
    lift by such a key is worth nothing, as any other proof. Stops by revoked or unknown keys don't count, since
    whoever can write to the store could stop everything.
    """
    every = list(checked)
    lifts: dict[str, list[CheckedObject]] = {}
    for checked_object in every:
        if isinstance(checked_object.said, Lift) and checked_object.refusal is None:
            lifts.setdefault(checked_object.said.stop, []).append(checked_object)
    found = []
    for checked_object in every:
        if not isinstance(checked_object.said, Stop) or (
            checked_object.refusal is not None and not checked_object.is_expired
        ):
            continue
        if not any(_lifts(lift, checked_object.said) for lift in lifts.get(content_of(checked_object.name), ())):
            found.append((checked_object.name, checked_object.said))
    return sorted(found, key=lambda pair: pair[1].at)


def _lifts(lift: CheckedObject, stop: Stop) -> bool:
    said = lift.said
    same = isinstance(said, Lift) and (said.project, said.app) == (stop.project, stop.app)
    return same and may_lift(lift.signer, stop)


def stop_links(checked: Iterable[CheckedObject], project: str, app: str, archive: str | None) -> list[CandidateLink]:
    """A missing link for each stop that stands in an artifact's way; none when nothing does.

    Args:
        checked: What was stopped and lifted: objects may lie under any name.
        project: The project's name.
        app: The app's.
        archive: The artifact's digest; None: only what stops all of the app counts.
    """
    found = []
    for name, stop in standing(checked):
        if (stop.project, stop.app) != (project, app) or not (stop.subject is None or stop.subject.archive == archive):
            continue
        what = stop.app if stop.scope == "app" else f"{stop.app}@{stop.version}"
        where = f" in {stop.environment}" if stop.environment else ""
        target = "" if stop.scope == "app" else f" {what}"
        why = f"{what} is stopped{where} by {stop.by}: {stop.why}"
        found.append(CandidateLink("no stop", "missing", why, f"cdconf pipeline resume{target} --note WHY", name))
    return found


def refused(checked: Iterable[CheckedObject]) -> list[CheckedObject]:
    """Stops and lifts that don't count, for a warning: somebody meant something by them."""
    return [
        checked_object
        for checked_object in checked
        if checked_object.refusal is not None and not checked_object.is_expired
    ]
