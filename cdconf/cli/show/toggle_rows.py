"""What `cdconf toggle APP` shows: the toggles, their values in each environment and on an environment's hosts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.cli.fleets import look_at
from cdconf.cli.show.tables import show
from cdconf.deploy.toggles import Values, differences, document_of
from cdconf.events import HostDone, Notice
from cdconf.facts import age_text
from cdconf.inventory import load_toggles
from cdconf.inventory.toggles import word

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import App


Looks = dict[str, Mapping[str, Any] | None]


def show_toggles(run: Run, app: App, *, hosts: bool) -> None:
    """Shows the app's toggles; asks the environment's hosts when there's one."""
    named = [run.environment.name] if hosts else run.project.environments()
    values: dict[str, Values] = {name: load_toggles(run.project, name)[app.name] for name in named}
    looks = _looks(run, app, values[run.environment.name]) if hosts else {}
    run.extra |= {"app": app.name, "toggles": [_document(app, name, values, looks) for name in app.toggles]}
    if run.flags.as_json:
        return
    if not app.toggles:
        run.emit(Notice(f"app '{app.name}' has no toggles"))
        return
    heads = ["toggle", *values, *looks, "default", "expires", "owner", "what it switches"]
    rows = []
    for name, toggle in app.toggles.items():
        cells = [word(by_name[name].on) for by_name in values.values()]
        cells += [_cell(look, name) for look in looks.values()]
        rows.append([name, *cells, word(toggle.default), toggle.expires or "", toggle.owner or "", toggle.doc])
    show(heads, rows)


def _looks(run: Run, app: App, values: Values) -> Looks:
    """What each host of the app has; None where nobody could be asked."""
    members = [host for host in run.environment.hosts.values() if app.runs_on(host)]
    document = app.document() | document_of(app, values)
    if not app.toggles:
        return {}
    looks = look_at(run, members, lambda session: session.toggles_look(document))
    for name, look in looks.items():
        run.emit(HostDone(name, "ok"))
        for line in differences(app, values, look).lines:
            run.emit(Notice(f"{name}: {line}", warning=True))
    return {host.name: looks.get(host.name) for host in members}


def _cell(look: Mapping[str, Any] | None, name: str) -> str:
    if look is None:
        return "unreachable"
    since = look["since"].get(name)
    age = f" ({age_text(max(0.0, time.time() - since['at']))})" if since else ""
    unproven = " (unproven)" if name in look["unproven"] else age
    return f"{word((look['values'] or {}).get(name))}{unproven}"


def _document(app: App, name: str, values: dict[str, Values], looks: Looks) -> dict[str, Any]:
    toggle = app.toggles[name]
    on_hosts: Looks = {}
    for host, look in looks.items():
        if look is not None:
            since = look["since"].get(name) or {"at": None, "owner": None}
            here = {"value": (look["values"] or {}).get(name), "since": since["at"], "by": since["owner"]}
            on_hosts[host] = here | {"unproven": name in look["unproven"], "problem": look["problem"]}
        else:
            on_hosts[host] = None
    return {
        "name": name,
        "default": toggle.default,
        "doc": toggle.doc,
        "owner": toggle.owner,
        "expires": toggle.expires,
        "environments": {one: {"value": by[name].on, "source": by[name].source} for one, by in values.items()},
        "hosts": on_hosts,
    }
