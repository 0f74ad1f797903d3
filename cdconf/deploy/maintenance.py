"""An app's maintenance page: shown and taken away on the hosts that balance its load."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.waiting import count_down
from cdconf.errors import CdconfError, HostFailed, InvalidFile, UsageError
from cdconf.events import Emit, HostDone, HostStep, Notice

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session
    from cdconf.session.app_answers import PageShown


def page_hosts(environment: Environment, app: App) -> list[Host]:
    """The hosts that show the app's page.

    Raises:
        InvalidFile: The app has none.
        UsageError: The environment has no host for it.
    """
    if app.maintenance is None:
        text = f"app '{app.name}' has no maintenance page"
        hint = "say in cdconf.yml which group shows it, and how: `maintenance: {group: lb, on: …, off: …}`"
        raise InvalidFile(text, file=app.file, line=app.line, hint=hint)
    hosts = environment.in_group(app.maintenance.group)
    if not hosts:
        raise UsageError(f"{environment.name} has no host in {app.maintenance.group}, which shows {app.name}'s page")
    return hosts


def show_page(fleet: Fleet, app: App, hosts: Sequence[Host], lasts: float, reason: str | None, emit: Emit) -> float:
    """Shows the page on all hosts, and waits for requests in flight; where one fails, all take it away again.

    Args:
        fleet: Connected to the hosts, and holding their leases.
        app: The app; it has a page.
        hosts: Those that show it.
        lasts: Seconds after which the hosts take it away by themselves.
        reason: For people.
        emit: The event stream.

    Returns:
        Until when it's shown, in seconds since 1970.

    Raises:
        CdconfError: The first host's error.
    """
    about = app.maintenance
    if about is None:
        raise UsageError(f"app '{app.name}' has no maintenance page")
    page = {"app": app.name, "on": about.on, "off": about.off, "timeout": about.within}
    until = time.time() + lasts

    def job(session: Session) -> None:
        emit(HostStep(session.host.name, "showing the maintenance page"))
        session.maintenance_on(page, until=round(until), reason=reason)

    _, errors = fleet.each(hosts, job).split()
    if errors:
        emit(Notice("the page is taken away again, since not every host shows it", warning=True))
        for name, left in _off(fleet, app, [host for host in hosts if host.name in fleet.sessions])[1].items():
            emit(Notice(f"{name} may still show it, until its time is over: {left.message}", warning=True))
        raise next(iter(errors.values()))
    try:
        count_down([host.name for host in hosts], "waiting for requests in flight", about.wait, emit)
    except KeyboardInterrupt:
        clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(until))
        off = f"`cdconf maintenance off {app.name} --env {fleet.environment.name}` ends it now"
        emit(Notice(f"the page is shown already, and ends by itself at {clock}: {off}", warning=True))
        raise
    for host in hosts:
        emit(HostDone(host.name, "changed"))
    return until


def take_page_away(fleet: Fleet, app: App, hosts: Sequence[Host], emit: Emit) -> list[str]:
    """Takes the page away wherever it's shown; returns where it was.

    Raises:
        CdconfError: The first host's error; it's tried on all.
    """
    shown, errors = _off(fleet, app, hosts)
    for host in hosts:
        if host.name not in errors:
            emit(HostDone(host.name, "changed" if shown[host.name] else "ok"))
    for name, error in errors.items():
        raise (
            error
            if not isinstance(error, HostFailed)
            else HostFailed(f"still shows the maintenance page: {error.message}", host=name, detail=error.detail)
        )
    return [name for name, was_on in shown.items() if was_on]


def _off(fleet: Fleet, app: App, hosts: Sequence[Host]) -> tuple[dict[str, bool], dict[str, CdconfError]]:
    return fleet.each(hosts, lambda session: session.maintenance_off(app.name)["was_on"]).split()


def pages_on(session: Session, project: Project) -> dict[str, PageShown]:
    """The pages that a host shows: by app, see the agent's `maintenance.status`."""
    groups = session.host.groups
    apps = [one for one in project.apps.values() if one.maintenance is not None and one.maintenance.group in groups]
    found = {app.name: session.maintenance_status(app.name)["on"] for app in apps}
    return {name: page for name, page in found.items() if page is not None}


def say_pages(pages: Mapping[str, Mapping[str, Any]], environment: str, emit: Emit) -> dict[str, Any]:
    """Names each page that's shown, where, by whom and until when; the same as data: app -> host -> page."""
    result: dict[str, Any] = {}
    for where, shown in pages.items():
        for app, page in shown.items():
            result.setdefault(app, {})[where] = dict(page)
            clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(page["until"]))
            who = f" by {page['owner']}" if page["owner"] else ""
            why = f" ({page['reason']})" if page["reason"] else ""
            end = f"it can't be taken away: {page['problem']}" if page["problem"] else f"it ends by itself at {clock}"
            off = f"`cdconf maintenance off {app} --env {environment}` ends it now"
            emit(Notice(f"{where} shows the maintenance page of {app}{who}{why}: {end}, {off}", warning=True))
    return result
