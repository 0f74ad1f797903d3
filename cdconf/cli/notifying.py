"""Tells the operator's receivers of a run that has ended: the one place where runs become notifications."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

from cdconf.notify.drifted import EnvironmentLook
from cdconf.notify.post import post
from cdconf.notify.run_ended import EndedRun
from cdconf.user import user_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.cli.context import Run
    from cdconf.events import RunResult
    from cdconf.notify.kinds import Notification
    from cdconf.notify.outbox import Outbox

_LOOKED_AT = ("ok", "changed")  # statuses of hosts that were looked at to the end
_RIGHT = ("ok", "changed", "skipped")  # statuses of resources that haven't drifted
_NARROWED = ("limit", "roles", "extra")  # flags with which a look doesn't show that all of an environment is watched


def tell(run: Run, result: RunResult, entry: dict[str, Any]) -> None:
    """Puts what a run has to tell into the outbox, before the history knows of it; never fails a run.

    Args:
        run: The run.
        result: How it ended.
        entry: Its line of the history, masked.
    """
    try:
        _tell(run, result, entry)
    except Exception as error:  # noqa: BLE001  the history matters more than what's told of it
        print(f"warning: nobody was notified: an error of cdconf's own: {type(error).__name__}", file=sys.stderr)


def _tell(run: Run, result: RunResult, entry: dict[str, Any]) -> None:
    """A throw-away copy's drift and releases are nobody's news; the stage that made it tells what came of it."""
    from cdconf.notify import drifted, run_ended

    is_throwaway = run.environment_name is not None and run.environment.throwaway is not None
    ended = EndedRun(
        project=run.project.name,
        id=entry["id"],
        command=entry["command"],
        environment=None if is_throwaway else run.environment_name,
        exit_code=result.exit_code,
        by=f"{entry['user']} on {entry['controller']}",
        extra=run.extra | {name: entry[name] for name in ("app", "version", "artifact") if entry.get(name)},
        hosts=result.hosts,
        error=entry["error"],
        error_kind=str(result.error["kind"]) if result.error else None,
        committed_at=run.collector.committed_at,
    )
    look = _look(run, result, entry) if run.command == "drift" and not is_throwaway else None

    def told(outbox: Outbox) -> Iterable[Notification]:
        found = drifted.told_of(outbox, look) if look is not None else []
        return [_masked(run, notification) for notification in (*found, *run_ended.told_of(outbox, ended))]

    is_whole = not any(getattr(run.flags, name) for name in _NARROWED)
    has_looked = look is not None and is_whole and result.exit_code in (0, 2)
    post(run.project, told, ping=run.environment_name if has_looked else None)


def tell_red(run: Run, pipeline_run: str, stage: str, about: dict[str, Any]) -> None:
    """Tells of a stage before its record says that it's red: nobody would, if this process died in between.

    Args:
        run: The run.
        pipeline_run: The pipeline's run.
        stage: The stage's name.
        about: What came of it, as in the JSON document.
    """
    from cdconf.notify.run_ended import Red, red_stage

    try:
        by = f"{user_name()} on {socket.gethostname()}"
        red = Red(run.project.name, by, pipeline_run, str(run.extra.get("commit") or "")[:10], stage)
        post(run.project, lambda outbox: [_masked(run, red_stage(red, about))])
    except Exception as error:  # noqa: BLE001  a stage's record matters more than what's told of it
        print(f"warning: nobody was notified: an error of cdconf's own: {type(error).__name__}", file=sys.stderr)


def _look(run: Run, result: RunResult, entry: dict[str, Any]) -> EnvironmentLook:
    """What a look for drift has found, and which findings of before it would have found again."""
    from dataclasses import replace

    from cdconf.drift.findings import findings_of

    known = {host.name for host in run.environment.hosts.values()}
    resources = [resource for host in result.hosts.values() for resource in host.resources]
    right = {(resource.host, resource.type, resource.title) for resource in resources if resource.status in _RIGHT}
    is_narrow = bool(run.flags.roles or run.flags.extra)

    def has_seen(identity: tuple[str, str, str]) -> bool:
        name = identity[0]
        if name not in known:  # it isn't the environment's any more
            return True
        host = result.hosts.get(name)
        is_whole = host is not None and host.status in _LOOKED_AT and not host.not_attempted
        return identity in right or (is_whole and not is_narrow)

    told = [
        replace(finding, repair=finding.repair.strip("`")) if finding.repair else finding
        for finding in findings_of(resources)
    ]
    with_files = not run.flags.applied
    return EnvironmentLook(run.project.name, run.environment.name, entry["id"], tuple(told), has_seen, with_files)


def _masked(run: Run, notification: Notification) -> Notification:
    from dataclasses import replace

    return replace(notification, title=run.mask(notification.title), body=run.mask(notification.body))
