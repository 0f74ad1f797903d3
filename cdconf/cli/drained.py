"""What `status` says of drained hosts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cdconf.drift import runs_of
from cdconf.events import Notice

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import Project
    from cdconf.session import Session


def drains_on(session: Session, project: Project) -> dict[str, Any]:
    """What a host has drained: app -> what its agent's `drain.status` says, without apps for which it drains none."""
    apps = [app for app in project.apps.values() if app.drain is not None and app.drain.group in session.host.groups]
    pages = {app.name: session.call("drain.status", app=app.name) for app in apps}
    return {app: page for app, page in pages.items() if page["hosts"]}


def say_drained(run: Run, found: dict[str, dict[str, Any]], leases: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Names each drained host, where, and until when.

    Args:
        run: The run.
        found: Host -> what it has drained, see `drains_on`.
        leases: Host -> who holds it.

    Returns:
        The same as data: app -> drained host -> host that drained it -> `{"address", "since", "at_work",
        "expires_in_s", "problem", "kept"}`; `kept` is None, or `{"run", "reason", "at"}` of a host that stays drained
        until it's proven.
    """
    result: dict[str, Any] = {}
    for where, pages in found.items():
        for app, page in pages.items():
            lease = leases.get(where)
            at_work = page["run"] in runs_of(lease)
            for name, one in page["hosts"].items():
                about = {"address": one["address"], "since": one["at"], "at_work": at_work}
                about |= {key: page[key] for key in ("expires_in_s", "problem")} | {"kept": one.get("kept")}
                result.setdefault(app, {}).setdefault(name, {})[where] = about
                if about["kept"]:
                    run.emit(Notice(_kept(app, run.environment.name, name, where, about["kept"]), warning=True))
                    continue
                until = _until(app, run.environment.name, about)
                run.emit(Notice(f"{name} is drained on {where} for {app}; {until}", warning=not at_work))
    return result


def _kept(app: str, environment: str, name: str, where: str, kept: dict[str, Any]) -> str:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept["at"]))
    back = "the next provision, deployment or rollback puts it back once it proves well"
    by_hand = f"`cdconf undrain {app} --env {environment} --limit {name}` does so untested"
    return f"{name} is kept out of use on {where} for {app} since {since}: {kept['reason']}; {back}, {by_hand}"


def _until(app: str, environment: str, about: dict[str, Any]) -> str:
    left = about["expires_in_s"]
    if about["problem"]:
        return f"it can't be put back: {about['problem']}; tried again by the host itself"
    if left is None:
        return f"put back by `cdconf deploy {app} --to {environment} --resume`, or the next deployment"
    clock = time.strftime("%H:%M:%S", time.localtime(time.time() + left))
    if about["at_work"]:
        return f"its run is at work; without it, put back at {clock} (in {left} s)"
    return f"its run is dead: put back by the host itself at {clock} (in {left} s)"
