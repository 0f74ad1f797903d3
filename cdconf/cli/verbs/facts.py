"""`cdconf facts`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import (
    connection_options,
    limit_option,
    output_options,
    project_options,
)

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.facts import Seen


@click.command()
@environment_argument
@click.argument("host", required=False)
@project_options
@limit_option
@click.option("--offline", is_flag=True, help="Contact no host: show the last-seen facts and their age.")
@connection_options
@output_options
def command(environment: str, host: str | None, offline: bool, **given: Any) -> None:
    """Show the facts of HOST, or of all of ENV's hosts: the data that templates read as `facts`.

    docs/reference/facts.md explains each fact. Exit code 4: a host was unreachable, or was never seen.

    Example: cdconf facts production web1 --json
    """
    from cdconf.cli.show.tables import show
    from cdconf.facts import age_text

    flags = Flags(**given)
    if host:
        flags.limit = host
    with run_of("facts", environment, flags) as run:
        seen = _last_seen(run) if offline else _gathered(run)
        run.extra["facts"] = {name: one.facts for name, one in seen.items()}
        run.extra["facts_age_s"] = {name: one.ages for name, one in seen.items()}
        if flags.as_json:
            return
        for name, one in seen.items():
            age = f" (last seen {age_text(one.age or 0)} ago)" if offline else ""
            click.echo(f"{name}{age}:")
            show(["fact", "value"], _rows("", one.facts))


def _gathered(run: Run) -> dict[str, Seen]:
    """Asks the hosts for everything, and remembers it."""
    from cdconf.cli.fleets import look_at
    from cdconf.engine import remember_facts
    from cdconf.events import HostDone
    from cdconf.facts import GROUPS, Seen
    from cdconf.session import Session

    def gather(session: Session) -> dict[str, Any]:
        facts = session.facts.get([group.name for group in GROUPS])
        remember_facts(session, run.project, run.environment, run.emit, keep=True)
        run.emit(HostDone(session.host.name, "ok"))
        return facts

    found = look_at(run, run.selected(), gather)
    ages = {group.name: 0.0 for group in GROUPS}
    return {host.name: Seen(found[host.name], ages) for host in run.selected() if host.name in found}


def _last_seen(run: Run) -> dict[str, Seen]:
    from cdconf.errors import UNREACHABLE
    from cdconf.events import HostDone
    from cdconf.facts import FactCache

    cache = FactCache(run.project.data, run.environment.name)
    seen = {host.name: cache.load(host.name) for host in run.selected()}
    for name, one in seen.items():
        if one.facts:
            run.emit(HostDone(name, "ok"))
        else:
            run.emit(HostDone(name, "unreachable", "its facts were never seen"))
            run.code = UNREACHABLE
    return {name: one for name, one in seen.items() if one.facts}


def _rows(above: str, value: Any) -> list[list[str]]:
    """Path and value of everything below a fact; a path is written as templates write it."""
    from cdconf.facts import below

    if not isinstance(value, dict) or not value:
        return [[above, value if isinstance(value, str) else json.dumps(value)]]
    rows = []
    for key, member in value.items():
        rows += _rows(below(above, key) if above else key, member)
    return rows
