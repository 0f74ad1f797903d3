"""`cdconf doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import connection_options, limit_option, output_options, project_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.cli.context import Run
    from cdconf.doctor import Check

_MARKS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}


@click.command()
@environment_argument(metavar="[ENV]")
@project_options
@limit_option
@connection_options
@output_options
def command(environment: str | None, **given: Any) -> None:
    """Check this machine, your keys and the project, and with ENV its hosts. Shows each problem and how to solve it.

    Nothing is changed. Exit code 0: no problem; 1: problems; 4: a host was unreachable.

    Example: cdconf doctor staging
    """
    from cdconf.cli.context import run_of
    from cdconf.errors import FAILED, worst_exit

    flags = Flags(**given)
    if environment is None and not _is_in_project(flags.directory):
        from cdconf.doctor import machine_checks

        _finish(list(machine_checks(None, ())), as_json=flags.as_json)
        return
    with run_of("doctor", environment, flags) as run:
        checks = _controller(run)
        if environment is not None:
            checks += _hosts(run)
        run.extra["checks"] = [check.as_data() for check in checks]
        if any(check.state == "problem" for check in checks):
            run.code = worst_exit([run.code, FAILED])
        if not flags.as_json:
            _show(checks, run.mask)


def _controller(run: Run) -> list[Check]:
    from cdconf.doctor import key_checks, machine_checks, project_checks
    from cdconf.doctor.project import readable

    environments, found = readable(run.project)
    return [
        *machine_checks(run.project, environments),
        *found,
        *project_checks(run.project),
        *key_checks(run.project, environments),
    ]


def _hosts(run: Run) -> list[Check]:
    from cdconf.cli.fleets import look_at
    from cdconf.doctor import host_checks
    from cdconf.events import HostDone
    from cdconf.session import Session

    def look(session: Session) -> list[Check]:
        found = list(host_checks(session, run.environment.name))
        run.emit(HostDone(session.host.name, "ok"))
        return found

    found = look_at(run, run.selected(), look)
    return [check for host in run.selected() for check in found.get(host.name, ())]


def _is_in_project(directory: str) -> bool:
    from cdconf.errors import UsageError
    from cdconf.inventory import find_root

    try:
        find_root(Path(directory))
    except UsageError:
        return False
    return True


def _finish(checks: list[Check], *, as_json: bool) -> None:
    """Outside of a project there's this machine alone."""
    import json

    from cdconf.errors import FAILED, OK

    code = FAILED if any(check.state == "problem" for check in checks) else OK
    if as_json:
        data = {"schema_version": 1, "command": "doctor", "environment": None, "ok": code == OK, "exit_code": code}
        checked = [check.as_data() for check in checks]
        click.echo(json.dumps({**data, "error": None, "hosts": {}, "duration_s": 0.0, "checks": checked}, indent=1))
    else:
        _show(checks, str)
        click.echo("there is no project here: no cdconf.yml in this directory or above it")
    if code:
        raise SystemExit(code)


def _show(checks: list[Check], mask: Callable[[str], str]) -> None:
    from cdconf.cli.show.tables import show

    rows = [[_MARKS[check.state], check.what, mask(check.said)] for check in checks]
    red = [number for number, check in enumerate(checks) if check.state == "problem"]
    show(["state", "what", "found"], rows, red)
    for check in checks:
        if check.state != "ok" and check.hint:
            click.echo(f"{check.what}: {mask(check.hint)}")
