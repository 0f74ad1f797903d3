"""Connects to a host and boots the agent there, whatever the transport."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cdconf.facts import pattern_of
from cdconf.session.active_runs import told
from cdconf.session.bundle import bundle, start_command, start_line
from cdconf.session.docker_exec import DockerTransport
from cdconf.session.session import Session
from cdconf.session.ssh import SshChannels
from cdconf.session.ssh_connection import paramiko
from cdconf.session.start import Start, TerminalNeeded
from cdconf.session.sudo import SudoPasswords
from cdconf.session.transport import PipeTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cdconf.events import Emit
    from cdconf.inventory import Environment, Host, Project
    from cdconf.secrets import Secret
    from cdconf.session.ssh_connection import SshConnection
    from cdconf.session.transport import Transport


class Connector:
    """Opens sessions for one run.

    Args:
        project: Whose hosts these are; its own types and those of its packages come along.
        environment: The hosts' environment.
        emit: The run's events.
        accept_new_host_keys: Learn unknown ssh host keys instead of refusing them.
        facts: From a host's name to the groups of facts that the run will read; by default it reads none.
        install_python: Install Python on hosts without one, where their inventory says `bootstrap: true`.
        ends_leases: The run ends leases, and isn't kept from it by one that's damaged.
        look_key: The private key that can only look; the hosts' own look-only agents answer it.
    """

    def __init__(
        self,
        project: Project,
        environment: Environment,
        emit: Emit,
        *,
        accept_new_host_keys: bool = False,
        install_python: bool = False,
        facts: Callable[[str], Sequence[str]] = lambda host: (),
        ends_leases: bool = False,
        look_key: Path | None = None,
    ) -> None:
        self._project_name = project.name
        self._look_key = look_key
        self._environment = environment.name
        self._warned = False
        self._data = project.data
        self._install_python = install_python
        self._passwords = SudoPasswords(project, environment, emit)
        self._bundle = bundle(project.root, project.type_packages, project.data / "agent")
        self._ssh = SshChannels(accept_new=accept_new_host_keys)
        self._facts = facts
        self._ends_leases = ends_leases

    def get_ready(self, hosts: Sequence[Host]) -> None:
        """Imports what connections to these hosts need, while they're called: before anything that can wait."""
        if any(host.transport == "ssh" for host in hosts):
            paramiko()

    def connect(self, host: Host, announce: Callable[[str], None]) -> Session:
        """Connects, boots the agent and opens the session; changes nothing but the agent's cache.

        Args:
            host: The host.
            announce: Hears what takes long, in words for people.

        Raises:
            Unreachable: The host doesn't answer or refuses the login.
            NoPython: There's no whole Python 3; see `installs`.
            HostFailed: The agent can't run there.
            SecretError: sudo's password can't be read.
        """
        return self._with_terminal_if_needed(host, announce, install=False)

    def installs(self, host: Host) -> bool:
        """Whether `install` may be called for a host on which `connect` has raised `NoPython`."""
        return self._install_python and host.bootstrap

    def install(self, host: Host, announce: Callable[[str], None]) -> Session:
        """The same as `connect`, after installing Python where there is none."""
        return self._with_terminal_if_needed(host, announce, install=True)

    def log_in(self, host: Host) -> SshConnection:
        """A connection to a host, without an agent: for people's own scripts. Whoever asks for it closes it.

        Raises:
            Unreachable: The host doesn't answer, refuses the login, or isn't who it was.
            InvalidFile: hosts.yml names a file that isn't there.
        """
        return self._ssh.log_in(host)

    def sudo_password(self, host: Host, user: str) -> Secret:
        """What sudo on a host asks a user for; see `SudoPasswords.password`."""
        return self._passwords.password(host, user)

    def _with_terminal_if_needed(self, host: Host, announce: Callable[[str], None], *, install: bool) -> Session:
        if self._look_key is not None:
            return self._look(host, self._look_key, announce)
        try:
            return self._connect(host, announce, install=install, terminal=False)
        except TerminalNeeded:
            return self._connect(host, announce, install=install, terminal=True)

    def _connect(self, host: Host, announce: Callable[[str], None], *, install: bool, terminal: bool) -> Session:
        nonce = secrets.token_hex(12)
        transport = self._transport(host, nonce, terminal=terminal)
        try:
            start = Start(
                transport, host, nonce, self._bundle, self._passwords, announce, install=install, terminal=terminal
            )
            start.run()
            name, facts = self._project_name, self._facts(host.name)
            session = Session(host, transport, start.rest, name, facts, ends_leases=self._ends_leases)
            session.lease = told(session.lease, self._data)
            return session
        except BaseException:
            transport.close()
            raise

    def _look(self, host: Host, key: Path, announce: Callable[[str], None]) -> Session:
        """A session with the host's look-only agent."""
        from cdconf.session import look_only

        host = look_only.keyed(host, key)
        transport = self._ssh.open(host, look_only.COMMAND)
        try:
            start = Start(transport, host, look_only.NONCE, self._bundle, self._passwords, announce)
            start.run()
            warning = look_only.check_ready(start.ready, self._bundle, host.name, self._environment)
            if warning and not self._warned:
                self._warned = True
                announce(warning)
            facts = [group for group in self._facts(host.name) if pattern_of(group) is None]  # it shows no paths
            return Session(host, transport, start.rest, self._project_name, facts)
        except BaseException:
            transport.close()
            raise

    def _transport(self, host: Host, nonce: str, *, terminal: bool) -> Transport:
        digest, become = self._bundle.digest, host.ssh.become
        if host.transport == "local":
            return PipeTransport(start_command(digest, nonce, become))
        if host.transport == "docker":
            container = host.container or host.name
            return DockerTransport(container, start_command(digest, nonce, become))
        return self._ssh.open(host, start_line(digest, nonce, become, terminal=terminal), terminal=terminal)

    def close(self) -> None:
        """Closes what sessions share."""
        self._ssh.close()
