"""The commands that a script runs on hosts, and how Ctrl-C ends them.

Python gives a KeyboardInterrupt to the main thread alone. Fabric's threads know nothing of it: one may be about to
begin its command at that moment, or open its connection again. So nothing may begin from then on, and a host is looked
at until nothing runs there.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from paramiko import SSHException

from cdconf.errors import HostFailed
from cdconf.fabric.remote_end import WITHIN, end_commands, login_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdconf.session import Session
    from cdconf.session.ssh_connection import SshConnection

PAUSE = 0.1  # seconds between two looks at a host


class ScriptLogin(NamedTuple):
    """A script's connection to a host.

    Attributes:
        link: The connection.
        processes: See `login_of`.
    """

    link: SshConnection
    processes: tuple[int, ...]


class ScriptCommands:
    """See the module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logins: dict[str, ScriptLogin] = {}
        self._busy: Counter[str] = Counter()  # host -> commands that run there
        self._is_stopped = False

    def log_in(self, host: str, connect: Callable[[], SshConnection]) -> SshConnection:
        """Opens a connection.

        Raises:
            KeyboardInterrupt: Ctrl-C came in the meantime.
        """
        link = connect()
        login = ScriptLogin(link, login_of(link))
        with self._lock:
            if not self._is_stopped:
                self._logins[host] = login
                return link
        link.close()
        raise KeyboardInterrupt

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Around a command on a host.

        Raises:
            KeyboardInterrupt: Ctrl-C came, and nothing may begin.
        """
        with self._lock:
            self.check()
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[host] -= 1

    def check(self) -> None:
        """Raises KeyboardInterrupt while nothing may begin."""
        if self._is_stopped:
            raise KeyboardInterrupt

    def stop(self) -> list[str]:
        """Lets nothing begin from now on; returns the hosts on which something runs."""
        with self._lock:
            self._is_stopped = True
            return [host for host, commands in self._busy.items() if commands]

    def resume(self) -> None:
        """A script may catch the KeyboardInterrupt, and go on."""
        self._is_stopped = False

    def end(self, session: Session, own: str | None) -> None:
        """Ends what runs on a host, and what begins there during that.

        Args:
            session: cdconf's own session to the host.
            own: The host on which the thread that got the KeyboardInterrupt was busy itself.

        Raises:
            HostFailed: Something may still go on.
        """
        name, ends = session.host.name, time.monotonic() + WITHIN
        signalled: set[int] = set()
        if name == own:
            self._settle(name)
        try:
            while self._busy[name]:
                if login := self._logins.get(name):
                    signalled |= end_commands(session, login.link, login.processes, signalled)
                if name == own:
                    return
                if time.monotonic() > ends:
                    raise HostFailed(f"it didn't end within {WITHIN:.0f} s", host=name)
                time.sleep(PAUSE)
        finally:
            if name != own and self._busy[name] and (login := self._logins.get(name)):
                login.link.close()

    def _settle(self, host: str) -> None:
        """Waits until the host has begun what it was last asked for: sshd answers in the order in which it's asked."""
        if login := self._logins.get(host):
            with suppress(OSError, EOFError, SSHException):  # refused is an answer, too
                login.link.transport.open_session(timeout=WITHIN).close()
