"""The program with which a person reaches a host: ssh with all that cdconf itself would use, or docker, or a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.inventory import Host


PATIENCE = 20  # seconds until the server's greeting has come


def login(host: Host, line: str | None, *, terminal: bool, accept_new_host_keys: bool = False) -> list[str]:
    """The argument list.

    Args:
        host: Located: with everything that's needed to reach it.
        line: A shell's command line; None for a login.
        terminal: Whether the command gets a terminal; a login over ssh has one anyway.
        accept_new_host_keys: Learn an unknown host key instead of asking.
    """
    if host.transport == "local":
        return ["/bin/sh", "-c", line] if line is not None else ["/bin/sh", "-l"]
    if host.transport == "docker":
        flags = ["-i", "-t"] if terminal else ["-i"]
        shell = ["-c", line] if line is not None else ["-l"]
        return ["docker", "exec", *flags, host.container or host.name, "/bin/sh", *shell]
    command = [] if line is None else [line]
    return ["ssh", *_options(host, terminal and line is not None, accept_new_host_keys), "--", _target(host), *command]


def _options(host: Host, terminal: bool, accept_new_host_keys: bool) -> list[str]:
    """Options of OpenSSH's client; what isn't set is left to ~/.ssh/config."""
    ssh = host.ssh
    options = ["-tt"] if terminal else []  # once is only a wish
    options += ["-o", f"ConnectTimeout={PATIENCE}"]  # else a host that hangs is waited for without end
    options += ["-p", str(ssh.port)] if ssh.port else []
    options += ["-J", ssh.jump] if ssh.jump else []
    options += ["-i", ssh.identity_file, "-o", "IdentitiesOnly=yes"] if ssh.identity_file else []
    if ssh.known_hosts:
        # A pinned host: only this file counts, and nobody is asked.
        options += ["-o", f'UserKnownHostsFile="{ssh.known_hosts}"', "-o", "GlobalKnownHostsFile=/dev/null"]
        options += ["-o", "StrictHostKeyChecking=yes"]
    elif accept_new_host_keys:
        options += ["-o", "StrictHostKeyChecking=accept-new"]
    return options


def _target(host: Host) -> str:
    address = host.ssh.address or host.address or host.name
    return f"{host.ssh.user}@{address}" if host.ssh.user else address
