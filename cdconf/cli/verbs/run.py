"""`cdconf run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    limit_option,
    output_options,
    project_options,
)

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.errors import CdconfError
    from cdconf.session import Session

STDIN_LIMIT = 16 * 1024 * 1024


@click.command()
@environment_argument
@click.argument("words", nargs=-1, required=True, metavar="-- CMD...")
@project_options
@limit_option
@connection_options
@click.option("--user", metavar="USER", help="The user who runs CMD (default: root).")
@click.option(
    "--timeout", type=click.IntRange(1), default=600, metavar="S", help="Time limit in seconds (default 600)."
)
@click.option("--stdin", "has_input", is_flag=True, help="Send this command's stdin to CMD on every host.")
@output_options
def command(
    environment: str, words: tuple[str, ...], user: str | None, timeout: int, has_input: bool, **flags: Any
) -> None:
    """Run a command on all of ENV's hosts at the same time, under their leases. The history records it.

    If CMD is a single word, a shell runs it as a command line. Each line of output appears at once, after its host's
    name; stdout and stderr stay separate. Ctrl-C also ends the command on the hosts. Exit code 1: it failed on a host.
    4: a host was unreachable.

    Example: cdconf run staging --limit web -- systemctl status shop
    """
    import shlex

    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.show.host_output import Kept, Lines, Splitter
    from cdconf.errors import Interrupted

    line = words[0] if len(words) == 1 else shlex.join(words)
    data = _input() if has_input else None
    with run_of("run", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        run.extra["command_line"] = line
        lines = Lines([host.name for host in hosts], run.mask)
        kept: dict[str, Kept] = {host.name: Kept() for host in hosts}

        def job(session: Session) -> int:
            name = session.host.name
            if run.flags.as_json:
                return session.stream(line, kept[name], user=user, timeout=timeout, data=data)
            splitter = Splitter(lambda text, error: lines.show(name, text, error=error))
            try:
                return session.stream(line, splitter, user=user, timeout=timeout, data=data)
            finally:
                splitter.close()

        with fleet_of(run, hosts, lease=True) as fleet:
            try:
                statuses, errors = fleet.each([session.host for session in fleet.sessions.values()], job).split()
            except Interrupted as error:
                raise type(error)("interrupted: every host was told to end the command") from None
        if run.flags.as_json:
            run.extra["output"] = {
                name: {"status": status, "stdout": kept[name].text("out"), "stderr": kept[name].text("err")}
                for name, status in statuses.items()
            }
        _report(run, statuses, errors)


def _report(run: Run, statuses: dict[str, int], errors: dict[str, CdconfError]) -> None:
    from cdconf.engine.reports import report
    from cdconf.errors import FAILED, worst_exit
    from cdconf.events import HostDone

    codes = [run.code]
    for name, status in statuses.items():
        failed = f"exit status {status}" if status > 0 else f"killed by signal {-status}" if status else None
        run.emit(HostDone(name, "failed" if failed else "ok", failed))
        codes.append(FAILED if failed else 0)
    codes += [report(run.emit, name, error) for name, error in errors.items()]
    run.code = worst_exit(codes)


def _input() -> bytes:
    from cdconf.errors import UsageError

    data = sys.stdin.buffer.read(STDIN_LIMIT + 1)
    if len(data) > STDIN_LIMIT:
        raise UsageError("stdin is larger than 16 MiB, the limit for hosts", hint="deploy an artifact")
    return data
