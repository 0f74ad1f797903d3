"""`cdconf run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names
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
    from cdconf.inventory import Host
    from cdconf.session import Session

STDIN_LIMIT = 16 * 1024 * 1024


@click.command()
@environment_argument
@click.argument("words", nargs=-1, required=True, metavar="-- CMD...")
@project_options
@limit_option
@connection_options
@click.option(
    "--app",
    metavar="APP",
    shell_complete=app_names,
    help="Run it in the release of APP that runs on its hosts, with its environment file, as its user.",
)
@click.option("-t", "--tty", "terminal", is_flag=True, help="With --app: give it a terminal, on one host.")
@click.option("--user", metavar="USER", help="The user who runs CMD (default: root; with --app: the app's user).")
@click.option(
    "--timeout", type=click.IntRange(1), default=600, metavar="S", help="Time limit in seconds (default 600)."
)
@click.option("--stdin", "has_input", is_flag=True, help="Send this command's stdin to CMD on every host.")
@output_options
def command(
    environment: str,
    words: tuple[str, ...],
    app: str | None,
    terminal: bool,
    user: str | None,
    timeout: int,
    has_input: bool,
    **flags: Any,
) -> None:
    """Run a command on all of ENV's hosts at the same time, under their leases. The history records it.

    If CMD is a single word, a shell runs it as a command line. Each line of output appears at once, after its host's
    name; stdout and stderr stay separate. Ctrl-C also ends the command on the hosts. Exit code 1: it failed on a host.
    4: a host was unreachable.

    On a terminal and above 20 hosts, equal output is shown once with its hosts, at the end. -v shows each line at once.

    With --app, the command runs where the app does: in the directory of its current release. With -t, it gets your
    terminal, for as long as you like and so without a lease, and the exit code is its own.

    Example: cdconf run staging --limit web -- systemctl status shop
    """
    import shlex

    from cdconf.cli.run_app import chosen_hosts, document_of, run_in_terminal

    line = words[0] if len(words) == 1 else shlex.join(words)
    data = _input() if has_input else None
    with run_of("run", environment, flags) as run:
        hosts = chosen_hosts(run, app, terminal=terminal, has_input=has_input)
        run.start(hosts)
        run.extra |= {"command_line": line} | ({"app": app} if app is not None else {})
        about = document_of(run, app)
        user = user or (run.project.apps[app].user if app is not None else None)
        if terminal and app is not None:
            run_in_terminal(run, hosts[0], line, run.project.apps[app], user)
            return
        keywords: dict[str, Any] = {"user": user, "timeout": timeout, "data": data, **about}
        _run_on(run, hosts, line, keywords)


def _run_on(run: Run, hosts: list[Host], line: str, keywords: dict[str, Any]) -> None:
    """Runs it on all hosts at once; what it prints is shown as it comes, or kept for the JSON document."""
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.output_alike import showing
    from cdconf.cli.show.host_output import KeptOutput, Splitter
    from cdconf.errors import Interrupted

    kept: dict[str, KeptOutput] = {host.name: KeptOutput() for host in hosts}

    def job(session: Session) -> int:
        name = session.host.name
        if run.flags.as_json:
            return session.stream(line, kept[name], **keywords)
        splitter = Splitter(lambda text, error: show(name, text, error=error))
        try:
            return session.stream(line, splitter, **keywords)
        finally:
            splitter.close()

    names = [host.name for host in hosts]
    with showing(names, run.mask, every=run.flags.verbose) as show, fleet_of(run, hosts, lease=True) as fleet:
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
