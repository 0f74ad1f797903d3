"""`cdconf run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
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
@click.option("--user", metavar="USER", help="Who runs it (default: root).")
@click.option("--timeout", type=click.IntRange(1), default=600, metavar="S", help="Seconds (default 600).")
@click.option("--stdin", "has_input", is_flag=True, help="Give every host what this command gets on stdin.")
@output_options
def command(
    environment: str, words: tuple[str, ...], user: str | None, timeout: int, has_input: bool, **flags: Any
) -> None:
    """Run a command on ENV's hosts at once, under a lease, recorded in the history. One word is a shell's command line.

    Lines come as they're printed, each with its host's name; stdout and stderr stay apart. On a terminal and above
    20 hosts, equal output is shown once with its hosts, at the end; -v shows lines as they come. Ctrl-C ends the
    command on the hosts too. Exit code 1: it failed on a host; 4: a host was unreachable.

    Example: cdconf run staging --limit web -- systemctl status shop
    """
    import shlex

    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.output import Kept, Splitter
    from cdconf.cli.output_alike import showing
    from cdconf.errors import Interrupted

    line = words[0] if len(words) == 1 else shlex.join(words)
    data = _input() if has_input else None
    with run_of("run", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        run.extra["command_line"] = line
        kept: dict[str, Kept] = {host.name: Kept() for host in hosts}

        def job(session: Session) -> int:
            name = session.host.name
            if flags["as_json"]:
                return session.stream(line, kept[name], user=user, timeout=timeout, data=data)
            splitter = Splitter(lambda text, error: show(name, text, error=error))
            try:
                return session.stream(line, splitter, user=user, timeout=timeout, data=data)
            finally:
                splitter.close()

        names = [host.name for host in hosts]
        with showing(names, run.mask, every=flags["verbose"]) as show, fleet_of(run, hosts, lease=True) as fleet:
            try:
                statuses, errors = fleet.each([session.host for session in fleet.sessions.values()], job).split()
            except Interrupted as error:
                raise type(error)("interrupted: every host was told to end the command") from None
        if flags["as_json"]:
            run.extra["output"] = {
                name: {"status": status, "stdout": kept[name].text("out"), "stderr": kept[name].text("err")}
                for name, status in statuses.items()
            }
        _report(run, statuses, errors)


def _report(run: Run, statuses: dict[str, int], errors: dict[str, CdconfError]) -> None:
    from cdconf.deploy.provision import report
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
        raise UsageError("stdin is over 16 MiB, which is too much to give to hosts", hint="deploy an artifact")
    return data
