"""The program with which a person reaches a host: ssh with all that cdconf itself would use, or docker, or a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cdconf.session.ssh_login import KNOWN_HOSTS, parts_of

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
    options += _way(host, accept_new_host_keys)
    options += ["-i", ssh.identity_file, "-o", "IdentitiesOnly=yes"] if ssh.identity_file else []
    if ssh.ssh_rsa:  # the second one's older name, which every version knows
        options += ["-o", "HostKeyAlgorithms=+ssh-rsa", "-o", "PubkeyAcceptedKeyTypes=+ssh-rsa"]
    if ssh.known_hosts:
        # A pinned host: only this file counts, and nobody is asked.
        options += ["-o", f'UserKnownHostsFile="{ssh.known_hosts}"', "-o", "GlobalKnownHostsFile=/dev/null"]
        options += ["-o", "StrictHostKeyChecking=yes"]
    elif accept_new_host_keys:
        options += ["-o", "StrictHostKeyChecking=accept-new"]
    return options


def _way(host: Host, accept_new_host_keys: bool) -> list[str]:
    """The jump hosts. -J would give them none of the options, so that a key in git or a pinned one didn't count."""
    ssh = host.ssh
    if not ssh.jump or ssh.jump == "none" or not (ssh.identity_file or ssh.known_hosts):
        return ["-J", ssh.jump] if ssh.jump else []
    options = ["-i", ssh.identity_file, "-o", "IdentitiesOnly=yes"] if ssh.identity_file else []
    if ssh.known_hosts:  # behind the person's own, since the first is the one that new keys are written to
        options += ["-o", f'UserKnownHostsFile={KNOWN_HOSTS[-1]} "{ssh.known_hosts}"']
    if accept_new_host_keys:
        options += ["-o", "StrictHostKeyChecking=accept-new"]
    command = ""
    for hop in ssh.jump.split(","):
        name, user, port = parts_of(hop.strip())
        words = [*options, "-p", str(port)] if port else [*options]
        words += ["-l", user] if user else []
        words += ["-o", f"ProxyCommand={command}"] if command else []
        command = shlex.join(["ssh", *words]).replace("%", "%%") + f" -W '[%h]:%p' -- {shlex.quote(name)}"
    return ["-o", f"ProxyCommand={command}"]


def _target(host: Host) -> str:
    address = host.ssh.address or host.address or host.name
    return f"{host.ssh.user}@{address}" if host.ssh.user else address
