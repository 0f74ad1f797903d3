"""`cdconf ssh`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cdconf.cli.options import environment_argument, project_options


@click.command()
@environment_argument
@click.argument("host")
@click.argument("words", nargs=-1, metavar="[-- CMD...]")
@project_options
def command(environment: str, host: str, words: tuple[str, ...], **flags: Any) -> None:
    """Log in to HOST of ENV with the ssh client, with the keys that cdconf uses.

    Example: cdconf ssh staging web1
    """
    from cdconf.environments import provider_for
    from cdconf.errors import Unreachable
    from cdconf.inventory import load_environment, load_project, select

    project = load_project(Path(flags["directory"]))
    loaded = load_environment(project, environment)
    chosen = select(project, loaded, host)[0]
    located = provider_for(project, loaded).locate([chosen])
    if chosen.name not in located:
        raise Unreachable("the host doesn't exist, or doesn't run", host=host)
    ssh = located[chosen.name].ssh
    arguments = ["ssh"]
    arguments += ["-p", str(ssh.port)] if ssh.port else []
    arguments += ["-i", ssh.identity_file, "-o", "IdentitiesOnly=yes"] if ssh.identity_file else []
    arguments += ["-o", f"UserKnownHostsFile={ssh.known_hosts}"] if ssh.known_hosts else []
    arguments += ["-J", ssh.jump] if ssh.jump else []
    address = ssh.address or located[chosen.name].address or host
    arguments.append(f"{ssh.user}@{address}" if ssh.user else address)
    try:
        os.execvp("ssh", [*arguments, *words])  # noqa: S606
    except FileNotFoundError as error:
        raise Unreachable("there is no ssh client here", hint="apt-get install openssh-client") from error
