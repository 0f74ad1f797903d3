"""`cdconf ssh`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import host_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.login import SSH_FAILED, call
from cdconf.cli.options import project_options

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host


@click.command()
@environment_argument
@click.argument("host", shell_complete=host_names)
@click.argument("words", nargs=-1, metavar="[-- CMD...]")
@project_options
@click.option("-t", "--tty", "terminal", is_flag=True, help="Give CMD a terminal, for programs that need one.")
@click.option(
    "--accept-new-host-keys", is_flag=True, help="Accept and remember an unknown SSH host key instead of asking."
)
def command(
    environment: str, host: str, words: tuple[str, ...], terminal: bool, accept_new_host_keys: bool, **flags: Any
) -> None:
    """Log in to HOST of ENV with cdconf's own connection settings, or run one command there. The history records it.

    If CMD is a single word, a shell runs it as a command line. The exit code is CMD's own. 4: the host was unreachable.

    Example: cdconf ssh staging web1
    """
    import shlex

    from cdconf.environments import provider_for
    from cdconf.errors import UNREACHABLE
    from cdconf.events import HostDone
    from cdconf.session.login_program import login

    line = None if not words else words[0] if len(words) == 1 else shlex.join(words)
    with run_of("ssh", environment, flags) as run:
        chosen = _host(run.environment, host)
        run.extra["command_line"] = line
        provider = provider_for(run.project, run.environment)
        located = provider.locate([chosen])
        if host not in located:
            raise provider.absence(chosen)
        run.close()
        arguments = login(located[host], line, terminal=terminal, accept_new_host_keys=accept_new_host_keys)
        status = call(arguments)
        gone = arguments[0] == "ssh" and status == SSH_FAILED
        run.code = UNREACHABLE if gone else status if status >= 0 else 128 - status
        run.emit(HostDone(host, "unreachable", "see what ssh says above") if gone else HostDone(host, "ok"))


def _host(environment: Environment, name: str) -> Host:
    """One host by its name: a pattern could mean another one than people think."""
    from cdconf.errors import UsageError, did_you_mean

    if name not in environment.hosts:
        known = list(environment.hosts)
        members = [host.name for host in environment.in_group(name)]
        hint = f"the group {name} has {', '.join(members)}" if members else did_you_mean(name, known)
        raise UsageError(f"'{name}' is no host of {environment.name}", hint=hint or f"there are: {', '.join(known)}")
    return environment.hosts[name]
