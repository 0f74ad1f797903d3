"""What became of hosts that a rollout couldn't take back: they're asked once more, over connections of their own.

A session breaks when a host was cut off or paused, and also when this controller slept: its leases have run out then,
and the hosts have gone back by themselves, or are about to. What's said at the end is what they say.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.deploy.drains import drained_on
from cdconf.deploy.rollout import OUT_OF_USE
from cdconf.errors import first_line
from cdconf.events import Emit, HostDone, HostStep, Notice
from cdconf.session.agent_errors import BY_HOST

if TYPE_CHECKING:
    from cdconf.deploy.drains import Drains
    from cdconf.deploy.rollout import Rollout
    from cdconf.deploy.target import Target
    from cdconf.engine import Fleet
    from cdconf.inventory import App
    from cdconf.session import Session

SOON = 20.0  # seconds for which a host that is about to put itself right is waited for
LOOK = 1.0


def look_again(rollout: Rollout, target: Target, document: Mapping[str, Any], fleet: Fleet, emit: Emit) -> None:
    """Asks the hosts that are stuck, and those that drain; a rollout learns what they say.

    Args:
        rollout: At its end.
        target: What went where.
        document: What agents need to know of the app.
        fleet: Its hosts' addresses are known.
        emit: Gets what hosts say.
    """
    stuck = [host for host in target.hosts if host.name in rollout.stuck]

    def ask(session: Session) -> tuple[Mapping[str, Any], bool, bool]:
        """What it knows of the app, whether it's at work on itself, and whether this run has activated a release."""
        emit(HostStep(session.host.name, "asking what became of it"))
        busy = session.lease is not None and session.lease["owner"] == BY_HOST
        page = session.app_status(document)
        pages = session.history()["apps"]
        past = pages[target.app.name]["events"] if target.app.name in pages else ()
        ours = [event for event in past if event.get("run") == fleet.identity.run and event["event"] == "activated"]
        return page, busy, bool(ours)

    deadline = time.monotonic() + SOON
    while stuck:
        answers, errors = fleet.afresh(stuck, ask).split()
        for name, error in errors.items():
            rollout.unknown.add(name)
            emit(Notice(f"{name} doesn't answer, so its state isn't known: {first_line(error.message)}", warning=True))
        soon = {name for name, (page, busy, _) in answers.items() if _is_soon(page, busy, deadline - time.monotonic())}
        for name in answers.keys() - soon:
            page, _, activated = answers[name]
            _settle(rollout, name, page, activated, emit)
        stuck = [host for host in stuck if host.name in soon]
        if stuck:
            time.sleep(LOOK)
    if rollout.left_drained and target.drains is not None:
        _put_back(rollout, target.drains)
        _look_at_drains(rollout, target.app, target.drains, fleet, emit)


def _is_soon(page: Mapping[str, Any], busy: bool, left: float) -> bool:
    """Whether it's worth waiting for a host to go back by itself."""
    if page["activating"] is None:
        return False
    reverts = page["reverts_in_s"]
    return left > 0 and (busy or (reverts is not None and reverts < left))


def _settle(rollout: Rollout, name: str, page: Mapping[str, Any], activated: bool, emit: Emit) -> None:
    """Takes a host that's where it was out of those that are stuck; one that wasn't activated wasn't touched either."""
    verified = page["verified"][-1] if page["verified"] else None
    if page["activating"] is not None or page["linked"] != verified:
        return
    rollout.is_back(name, touched=activated)
    if activated:
        emit(HostDone(name, "rolled_back", f"back at {verified}" if verified else "no release"))


def _put_back(rollout: Rollout, drains: Drains) -> None:
    """Hosts that stayed out of use since they couldn't be taken back, and that say now that they are."""
    left = [name for name, why in rollout.left_drained.items() if why.message == OUT_OF_USE]
    back = [name for name in left if name not in rollout.stuck]
    if back:
        failures = drains.end(back, proven=False)
        rollout.is_in_use([name for name in back if name not in failures])


def _look_at_drains(rollout: Rollout, app: App, drains: Drains, fleet: Fleet, emit: Emit) -> None:
    """Asks those that drain until nothing is drained but what they can't put back, or what it takes longer for."""
    deadline = time.monotonic() + SOON
    while rollout.left_drained:
        pages, errors = drained_on(fleet, app, drains.hosts, afresh=True).split()
        rollout.unasked = bool(errors)
        for where, error in errors.items():
            emit(
                Notice(
                    f"{where} doesn't answer, so it isn't known which hosts it drains: {first_line(error.message)}",
                    warning=True,
                )
            )
        drained = {name for page in pages.values() for name in page["hosts"]}
        if not errors:
            rollout.is_in_use([name for name in rollout.left_drained if name not in drained])
            drains.told(pages)
        waits = [page["expires_in_s"] for page in pages.values() if page["hosts"] and not page["problem"]]
        left = deadline - time.monotonic()
        if not rollout.left_drained or not any(wait is not None and wait < left for wait in waits):
            return
        time.sleep(LOOK)
