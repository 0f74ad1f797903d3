"""Calls a host's sshd while this end still imports Paramiko: by then it has forked and loaded its keys."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Self

from cdconf.session.ssh_connection import CONFIG_FILES, config_lines
from cdconf.session.ssh_include import IncludeRefused
from cdconf.session.ssh_login import CONNECT_TIMEOUT, parts_of

if TYPE_CHECKING:
    from types import TracebackType

    from cdconf.session.ssh_login import Login

# What may send a connection elsewhere (ssh_config(5)); for which hosts it counts, only Paramiko's parser can tell.
_ELSEWHERE = re.compile(r"\s*(hostname|port|proxycommand|proxyjump|match|canonical\w+)\b", re.IGNORECASE)


def leads_elsewhere() -> bool:
    """Whether ssh's own configuration may send a login elsewhere than to its address, by the direct way."""
    try:
        return any(_ELSEWHERE.match(line) for name in CONFIG_FILES for line in config_lines(name))
    except (IncludeRefused, OSError, ValueError):
        return True  # whoever reads it next says so


class Call:
    """A network connection to where a login goes, made ahead of it; closed at the end unless it was taken.

    Args:
        login: One that nothing sends elsewhere, see `leads_elsewhere`, and that needs no jump host.

    Attributes:
        host: What is called, as in the address.
        port: The login's, or ssh's own.
    """

    def __init__(self, login: Login) -> None:
        self.host, _, port = parts_of(login.address)
        self.port = login.port or port or 22
        self._socket: socket.socket | None = None
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        try:
            self._socket = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT, all_errors=True)
        except ExceptionGroup as group:  # one for each address that a name has
            refused = [error for error in group.exceptions if isinstance(error, ConnectionRefusedError)]
            self._error = (refused or group.exceptions)[-1]
        except (OSError, UnicodeError) as error:
            self._error = error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def take(self) -> socket.socket:
        """The connection, which is the caller's from now on; raises what calling raised."""
        if self._error is not None:
            raise self._error
        taken, self._socket = self._socket, None
        if taken is None:
            raise RuntimeError("this call was taken already")
        return taken
