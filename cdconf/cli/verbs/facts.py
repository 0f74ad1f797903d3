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
    from cdconf.facts import RememberedHost


@click.command()
@environment_argument
@click.argument("host", required=False)
@project_options
@limit_option
@click.option(
    "--also",
    multiple=True,
    metavar="WHAT",
    help="Also show the facts that are shown by name only: users, packages, or a pattern such as '/etc/cron.d/*'.",
)
@click.option("--offline", is_flag=True, help="Contact no host: show the last-seen facts and their age.")
@connection_options
@output_options
def command(environment: str, host: str | None, also: tuple[str, ...], offline: bool, **given: Any) -> None:
    """Show the facts of HOST, or of all of ENV's hosts: the data that templates read as `facts`.

    docs/reference/facts.md explains each fact. Exit code 4: a host was unreachable, or was never seen.

    Example: cdconf facts production web1 --json
    """
    from cdconf.cli.show.tables import show
    from cdconf.facts import age_text

    flags = Flags(**given)
    if host:
        flags.limit = host
    groups = _groups(also)
    with run_of("facts", environment, flags) as run:
        seen = _last_seen(run, groups) if offline else _gathered(run, groups)
        run.extra["facts"] = {name: one.facts for name, one in seen.items()}
        run.extra["facts_age_s"] = {name: one.ages for name, one in seen.items()}
        if flags.as_json:
            return
        for name, remembered_host in seen.items():
            age = f" (last seen {age_text(remembered_host.age or 0)} ago)" if offline else ""
            click.echo(f"{name}{age}:")
            show(["fact", "value"], _rows("", remembered_host.facts))


def _groups(also: tuple[str, ...]) -> list[str]:
    """The groups to show: all but those that are read by name, and what's asked for besides."""
    from cdconf.errors import CdconfError
    from cdconf.facts import GROUPS, PATHS, group_for

    named = [group.name for group in GROUPS if group.by_name and group.name != PATHS]
    for one in also:
        if one not in named and not one.startswith("/"):
            raise CdconfError(
                f"--also: there is nothing called '{one}'", hint=f"{', '.join(named)}, or a pattern of paths"
            )
    try:
        more = [one if one in named else group_for(one) for one in also]
    except ValueError as error:
        raise CdconfError(f"--also: {error}") from None
    return [*(group.name for group in GROUPS if not group.by_name), *dict.fromkeys(more)]


def _gathered(run: Run, groups: list[str]) -> dict[str, RememberedHost]:
    """Asks the hosts for these groups, and remembers them."""
    from cdconf.cli.fleets import look_at
    from cdconf.engine import remember_facts
    from cdconf.events import HostDone
    from cdconf.facts import RememberedHost, pattern_of
    from cdconf.session import Session

    def gather(session: Session) -> dict[str, Any]:
        facts = session.facts.get(groups)
        session.facts.read.update(group for group in groups if pattern_of(group) is not None)
        remember_facts(session, run.project, run.environment, run.emit, keep=True)
        run.emit(HostDone(session.host.name, "ok"))
        return facts

    found = look_at(run, run.selected(), gather)
    ages = dict.fromkeys(groups, 0.0)
    return {host.name: RememberedHost(found[host.name], ages) for host in run.selected() if host.name in found}


def _last_seen(run: Run, groups: list[str]) -> dict[str, RememberedHost]:
    from cdconf.errors import UNREACHABLE
    from cdconf.events import HostDone
    from cdconf.facts import FactCache, only

    cache = FactCache(run.project.data, run.environment.name)
    seen = {host.name: only(cache.load(host.name), groups) for host in run.selected()}
    for name, remembered_host in seen.items():
        if remembered_host.facts:
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
