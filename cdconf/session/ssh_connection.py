"""One SSH connection, as ~/.ssh/config, the inventory and Paramiko make it.

What Fabric did here, less what it imports: see docs/adr/0007-paramiko-without-fabric.md.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import socket
import sys
import threading
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError
from cdconf.session import ssh_include
from cdconf.user import user_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cdconf.session.ssh_keys import PrivateKeys

CONFIG_FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")  # the first value found wins: ssh_config(5)
# Seconds after which Paramiko's thread of a quiet connection looks around. Its own 0.1 s cost more than all else when
# hundreds of connections stay open; nothing waits for it, since closing a connection wakes it up.
IDLE = 1.0


_importing = threading.RLock()


class _Later(ModuleType):
    """Stands for a module that's imported when something is looked up in it."""

    def __getattr__(self, name: str) -> Any:
        with _importing:
            return getattr(importlib.import_module(self.__name__), name)


@cache
def paramiko() -> Any:
    """Paramiko, without what it imports for `Match exec` alone until a configuration has one."""
    with _importing:  # hosts' threads come here together
        stand_in = sys.modules.setdefault("invoke", _Later("invoke"))
        import paramiko

        if isinstance(stand_in, _Later):
            del sys.modules["invoke"]
    # Its threads log their tracebacks; what matters of them reaches the user as an error.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    return paramiko


def config_lines(name: str) -> Iterator[str]:
    """The lines of one of `CONFIG_FILES`, with what it includes; see `ssh_include.lines`."""
    return ssh_include.lines(Path(name).expanduser(), is_users=name.startswith("~"))


@cache
def ssh_config() -> Any:
    """The configuration of ssh itself, read once for all connections.

    Raises:
        UsageError: It can't be read.
    """
    ssh = paramiko()
    config = ssh.SSHConfig()
    try:
        for name in CONFIG_FILES:
            config.parse(config_lines(name))
    except (ssh.ssh_exception.ConfigParseError, ssh_include.IncludeRefused, ValueError, OSError) as error:
        raise _unreadable(error) from error
    return config


def configured(name: str) -> dict[str, Any]:
    """What ssh's configuration says of a host: option in lower case -> value, a list for `identityfile`.

    Raises:
        UsageError: It can't be read.
    """
    ssh = paramiko()
    try:
        return dict(ssh_config().lookup(name))
    except (ssh.ssh_exception.ConfigParseError, ssh.ssh_exception.CouldNotCanonicalize, OSError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> UsageError:
    return UsageError(f"ssh's configuration (~/.ssh/config, /etc/ssh/ssh_config) can't be read: {error}")


def _client(keys: PrivateKeys) -> Any:
    paramiko()  # first, since it imports it should be
    from cdconf.session.ssh_client import Client

    return Client(keys)


class SshConnection:
    """A connection, not yet open.

    Args:
        name: The host's name as ssh's configuration may know it.
        user: Who logs in; by default what ssh's configuration says, else who runs this.
        port: Where sshd listens; by default what ssh's configuration says, else 22.
        known: The run's private keys.
        options: For Paramiko's `SSHClient.connect`.

    Attributes:
        config: See `configured`.
        client: Paramiko's, for its host keys.
        sock: What to connect through, when it isn't the network.
        kind: The class of Paramiko's transport, its own by default.
        is_old: Signatures of SHA-1 count.
        prefer: Sorts the names of host key algorithms: those that the server should show come first.
        through: The jump host's connection that `sock` is a channel of, and what people call that host.
    """

    def __init__(
        self, name: str, user: str | None, port: int | None, known: PrivateKeys, options: dict[str, Any]
    ) -> None:
        self.config = configured(name)
        self.host: str = self.config.get("hostname", name)
        self.user: str = user or self.config.get("user") or user_name()
        self.port: int = port or int(self.config.get("port", 22))
        keys = [*options.get("key_filename", []), *self.config.get("identityfile", [])]
        self.options = {**options, "key_filename": keys} if keys else options
        self.client = _client(known)
        self.sock: Any = None
        self._refusal: Exception | None = None
        self._socket: Any = None
        self.kind: Any = paramiko().Transport
        self.is_old = False
        self.prefer: Callable[[Iterable[str]], list[str]] = list
        self.through: tuple[SshConnection, str] | None = None

    @property
    def transport(self) -> Any:
        """Paramiko's, once it's open."""
        return self.client.get_transport()

    @property
    def is_connected(self) -> bool:
        """Whether it's open, as far as this end knows."""
        return bool(self.transport and self.transport.active)

    def way(self) -> list[tuple[SshConnection, str]]:
        """The jump hosts on the way, each as in `through`, the first one first."""
        return [] if self.through is None else [*self.through[0].way(), self.through]

    def severed(self) -> str | None:
        """Which jump host on the way has taken this connection with it; None when none has."""
        for jump, name in self.way():
            transport = jump.transport
            # Paramiko ends a connection's channels first: for a moment it's still active, with its exception known.
            why = transport and transport.saved_exception
            ending = why is not None and not isinstance(why, paramiko().ChannelException)
            if transport is None or not transport.active or ending:
                return f"the jump host {name} closed its connection, or was cut off"
        return None

    def open(self) -> None:
        """Connects and logs in; raises what Paramiko and the system raise."""
        options = {"sock": self.sock, "transport_factory": self._transport_of, **self.options}
        try:
            self.client.connect(self.host, self.port, self.user, **options)
        except paramiko().SSHException as error:
            # It tries a refused file as a key of each other kind, and raises what's wrong with it as the last of these.
            if self._refusal is None or isinstance(error, paramiko().AuthenticationException):
                raise
            raise self._refusal from error

    def _offer(self, offer: Callable[..., Any], *arguments: Any) -> Any:
        """Offers a key; what came of it is kept while there was somebody to offer it to."""
        was_connected = self.is_connected
        try:
            return offer(*arguments)
        except paramiko().SSHException as error:
            if was_connected:
                self._refusal = error
            raise

    def _transport_of(self, sock: Any, **options: Any) -> Any:
        kind = self.kind
        if self.is_old:
            from cdconf.session.old_servers import old

            kind = old(kind)
        from cdconf.session.ssh_bounds import bounded

        transport: Any = bounded(kind, sock, **options)
        transport.auth_publickey = partial(self._offer, transport.auth_publickey)
        sock.settimeout(IDLE)
        self._socket = sock
        algorithms = transport.get_security_options()
        algorithms.key_types = self.prefer(algorithms.key_types)
        return transport

    def sever(self) -> None:
        """Ends it without a word, unless it has ended; a thread that waits for the other end goes on."""
        if isinstance(self._socket, socket.socket):
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes it, open or not."""
        self.sever()
        self.client.close()
