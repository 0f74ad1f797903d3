"""Opens SSH channels: jump hosts are shared, starts are throttled, what often passes is tried again."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.errors import CdconfError, InvalidFile, Unreachable
from cdconf.session.early_ssh import Call, leads_elsewhere
from cdconf.session.host_keys import KeyRefused
from cdconf.session.known_hosts import KnownHosts
from cdconf.session.ssh_connection import SshConnection, configured, paramiko
from cdconf.session.ssh_keys import PrivateKeys
from cdconf.session.ssh_login import (
    CONNECT_TIMEOUT,
    KNOWN_HOSTS,
    Login,
    Retriable,
    meaning,
    parts_of,
    prepare,
)
from cdconf.session.ssh_transport import SshTransport
from cdconf.session.throttle import Starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.inventory import Host

T = TypeVar("T")
SEND_TIMEOUT = 30.0
ATTEMPTS = 3  # after the first; one where nothing was heard at all
DROPPED_ATTEMPTS = 12  # a busy server drops starts at random: patience helps
RETRY_FOR = 60.0
LONGEST_PAUSE = 5.0


class SshChannels:
    """Opens SSH channels for one run.

    Args:
        accept_new: Learn unknown host keys instead of refusing them.
    """

    def __init__(self, *, accept_new: bool = False) -> None:
        self._accept_new = accept_new
        self._known = KnownHosts()
        self._keys = PrivateKeys()
        self._starts = Starts()
        self._jumps: dict[tuple[Login, ...], _Jump] = {}  # by the whole way there, the jump host last
        self._lock = threading.Lock()

    def open(self, host: Host, command: str, *, terminal: bool = False) -> SshTransport:
        """Connects, with retries, and starts the command, on a terminal when asked to.

        Raises:
            Unreachable: The host doesn't answer, refuses the login, or isn't who it was.
            InvalidFile: hosts.yml names a file that isn't there.
        """
        login = _login_of(host)

        def once() -> SshTransport:
            connection = self._log_in(login, host.ssh.jump)
            return SshTransport(connection, _channel(connection, command, terminal=terminal))

        return self._try(host, once)

    def log_in(self, host: Host) -> SshConnection:
        """Connects, with retries, and starts nothing: the connection is the caller's, who closes it.

        Raises:
            Unreachable: See `open`.
            InvalidFile: See `open`.
        """
        login = _login_of(host)
        return self._try(host, lambda: self._log_in(login, host.ssh.jump))

    @staticmethod
    def _try(host: Host, once: Callable[[], T]) -> T:
        try:
            return _again(once)
        except CdconfError as error:
            error.host = host.name
            raise

    @cached_property
    def _leads_elsewhere(self) -> bool:
        return leads_elsewhere()

    def _log_in(self, login: Login, jump: str | None) -> SshConnection:
        if jump or self._leads_elsewhere:
            return self._connect(login, self._path(login, jump), "")
        call = Call(login)
        with self._starts.one(_place(call.host, call.port, [])), call:
            return self._connect(login, [], "", call)

    def _path(self, login: Login, jump: str | None) -> list[Login]:
        """The jump hosts on the way, the first one first: the inventory's, else ~/.ssh/config's ProxyJump."""
        name = parts_of(login.address)[0]
        spec = jump or configured(name).get("proxyjump", "none")
        hops = [] if spec.strip().lower() == "none" else [hop.strip() for hop in spec.split(",") if hop.strip()]
        if not jump:  # `Host *` with a ProxyJump covers the jump host itself
            hops = [hop for hop in hops if parts_of(hop)[0] != name]
        known = (*login.known_hosts, *KNOWN_HOSTS) if login.known_hosts else ()
        return [Login(hop, identity_file=login.identity_file, known_hosts=known) for hop in hops]

    def _connect(self, login: Login, path: list[Login], subject: str, call: Call | None = None) -> SshConnection:
        """One attempt; raises what `meaning` says. Whoever has called already holds a place among the starts."""
        connection = prepare(login, self._known, self._keys, direct=not path, learn=self._accept_new)
        if subject:  # a jump host: others go through it
            from cdconf.session.ssh_tunnels import Tunnels

            connection.kind = Tunnels
        place = _place(connection.host, connection.port, path)
        try:
            with contextlib.nullcontext() if call else self._starts.one(place):
                if call:
                    connection.sock = call.take()
                elif path:
                    jump = self._jump(path)
                    connection.through = (jump, path[-1].address)
                    connection.sock = self._channel_to(connection, jump, path[-1].address)
                connection.open()
            return connection
        except (CdconfError, Retriable):
            connection.close()
            raise
        except (paramiko().SSHException, KeyRefused, OSError, EOFError, UnicodeError) as error:
            lost = connection.severed()
            failure = meaning(error, connection, subject) if lost is None else Retriable(lost)
            connection.close()
            if isinstance(failure, Retriable) and failure.dropped:
                self._starts.dropped(place)
            raise failure from error

    def _channel_to(self, connection: SshConnection, jump: SshConnection, address: str) -> Any:
        """A tunnel from the last jump host on the way to the connection's address."""
        name = f"the jump host {address}"
        where = f"{connection.host} port {connection.port}"
        from cdconf.session.ssh_tunnels import Tunnel

        try:
            channel = jump.transport.open_channel(
                "direct-tcpip", (connection.host, int(connection.port)), ("127.0.0.1", 0), timeout=CONNECT_TIMEOUT
            )
            return Tunnel(channel)
        except paramiko().ChannelException as error:
            if error.code == 1:  # RFC 4254, 5.1: administratively prohibited
                raise Unreachable(
                    f"{name} refuses to forward to {where}",
                    hint="its sshd_config must allow it for this user: AllowTcpForwarding, PermitOpen",
                ) from error
            raise Retriable(f"{name} can't reach {where}: {error.text}") from error
        except (paramiko().SSHException, OSError, EOFError) as error:
            lost = connection.severed()
            if lost is not None:
                raise Retriable(lost) from error
            why = str(error) or "it closed the connection"
            message = f"{name} didn't reach {where} within {CONNECT_TIMEOUT:g} s: {why}"
            raise Retriable(message, silent="Timeout" in str(error)) from error

    def _jump(self, path: list[Login]) -> SshConnection:
        with self._lock:
            jump = self._jumps.setdefault(tuple(path), _Jump())
        subject = f"the jump host {path[-1].address}: "
        return jump.connection(lambda: _again(lambda: self._connect(path[-1], path[:-1], subject)))

    def close(self) -> None:
        """Closes the shared connections."""
        for jump in self._jumps.values():
            jump.close()


class _Jump:
    """The one connection to a jump host; one that can't be reached isn't tried again for each host behind it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: SshConnection | None = None
        self._failure: CdconfError | None = None

    def connection(self, connect: Callable[[], SshConnection]) -> SshConnection:
        with self._lock:
            if self._failure is not None:
                raise Unreachable(self._failure.message, hint=self._failure.hint)
            if self._connection is None or not self._connection.is_connected:
                try:
                    self._connection = connect()
                except CdconfError as error:
                    self._failure = error
                    raise
            return self._connection

    def close(self) -> None:
        with contextlib.suppress(Exception):
            if self._connection is not None:
                self._connection.close()


def _place(host: str, port: int, path: list[Login]) -> str:
    """What throttles connections together: the same server, by the same way."""
    return f"{host}:{port} {path}"


def _login_of(host: Host) -> Login:
    """Where a host's login goes, as the inventory says; raises `InvalidFile` when a file that it names isn't there."""
    check_files(host)
    ssh = host.ssh
    known = (ssh.known_hosts,) if ssh.known_hosts else ()
    address = ssh.address or host.address or host.name
    return Login(address, ssh.user, ssh.port, ssh.identity_file, known, ssh.ssh_rsa)


def _again(once: Callable[[], T]) -> T:
    """Repeats an attempt while it fails in a way that often passes, with a growing pause.

    Raises:
        Unreachable: It never worked.
    """
    try:
        return once()
    except Retriable as error:
        dropped = error.dropped
    time.sleep(random.uniform(0.2, 0.6))  # noqa: S311  spread, so that many hosts don't come back together
    began = time.monotonic()
    for number in itertools.count(1):
        try:
            return once()
        except Retriable as error:
            dropped = dropped or error.dropped
            is_last = number == (DROPPED_ATTEMPTS if dropped else ATTEMPTS) or time.monotonic() - began >= RETRY_FOR
            if error.silent or is_last:
                raise Unreachable(f"can't be reached over ssh: {error}") from error
        time.sleep(min(0.3 * 2**number + random.uniform(0, 0.5), LONGEST_PAUSE))  # noqa: S311
    raise AssertionError


def _channel(connection: SshConnection, command: str, *, terminal: bool) -> Any:
    """The connection's only session channel: sshd may allow just one (`MaxSessions 1`)."""
    from cdconf.session.ssh_bounds import UNANSWERED, RequestAnswer

    try:
        channel = connection.transport.open_session(timeout=CONNECT_TIMEOUT)
        channel.event = RequestAnswer(CONNECT_TIMEOUT)
        channel.settimeout(SEND_TIMEOUT)
        if terminal:
            channel.get_pty(term="dumb", width=500)
        channel.exec_command(command)
        return channel
    except paramiko().ChannelException as error:
        connection.close()
        raise Unreachable(
            f"the server lets nobody open a session: {error.text}", hint="look at MaxSessions in its sshd_config"
        ) from error
    except (paramiko().SSHException, OSError, EOFError) as error:
        connection.close()
        message = f"logged in, but no command could be started: {str(error) or 'the server closed the connection'}"
        raise Retriable(message, silent=UNANSWERED in message) from error


def check_files(host: Host) -> None:
    """Raises `InvalidFile` when a file that hosts.yml names for ssh isn't there."""
    for key in ("identity_file", "known_hosts"):
        value = getattr(host.ssh, key)
        if value and not Path(value).expanduser().is_file():
            raise InvalidFile(
                f"the ssh {key} of '{host.name}' isn't there: {value}", file=host.file or None, line=host.line or None
            )
