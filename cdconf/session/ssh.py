"""The SSH transport, through Fabric: ~/.ssh/config, agent keys, jump hosts, strict host keys."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import Unreachable
from cdconf.session.transport import TransportClosed, TransportSilent

if TYPE_CHECKING:
    from cdconf.inventory import Host

CONNECT_TIMEOUT = 10.0
SEND_TIMEOUT = 30.0
ATTEMPTS = 3  # after the first


class _Retriable(Exception):
    """The connection failed in a way that often passes: refused, reset, timed out."""


@cache
def _fabric_config() -> Any:
    """One configuration for all connections: reading ~/.ssh/config once instead of once a host."""
    import fabric

    # Paramiko's threads log their tracebacks; what matters of them reaches the user as an error.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    return fabric.Config(lazy=False)


class Ssh:
    """Opens SSH channels; one shared connection per jump host.

    Args:
        accept_new: Learn unknown host keys instead of refusing them.
    """

    def __init__(self, *, accept_new: bool = False) -> None:
        self.accept_new = accept_new
        self._jumps: dict[str, Any] = {}
        self._jump_lock = threading.Lock()

    def open(self, host: Host, command: str, *, patient: bool = True) -> SshTransport:
        """Connects and starts the command; a refused or reset connection is tried again when `patient`.

        Raises:
            Unreachable: The host doesn't answer, refuses the login, or isn't who it was.
        """
        try:
            return self._open_once(host, command)
        except _Retriable as error:
            if not patient:
                raise Unreachable(f"can't be reached over ssh: {error}", host=host.name) from error
            return self._retry(host, command, error)

    def _retry(self, host: Host, command: str, error: _Retriable) -> SshTransport:
        """Tries again, a little later each time: busy servers reset connections, booting ones refuse them."""
        import stamina
        from stamina.instrumentation import set_on_retry_hooks

        set_on_retry_hooks([])  # by default every retry is a line of log on stderr
        time.sleep(random.uniform(0.2, 0.6))  # noqa: S311  spread, so that many hosts don't come back together
        try:
            for attempt in stamina.retry_context(
                on=_Retriable, attempts=ATTEMPTS, timeout=45, wait_initial=0.6, wait_max=5, wait_jitter=0.5
            ):
                with attempt:
                    return self._open_once(host, command)
        except _Retriable as last:
            error = last
        raise Unreachable(f"can't be reached over ssh: {error}", host=host.name) from error

    def _open_once(self, host: Host, command: str) -> SshTransport:
        import paramiko

        connection = self._connection(host)
        try:
            connection.open()
            channel = connection.transport.open_session(timeout=CONNECT_TIMEOUT)
            channel.settimeout(SEND_TIMEOUT)
            channel.exec_command(command)
        except paramiko.BadHostKeyException as error:
            connection.close()
            raise Unreachable(
                "its ssh host key is not the one that is known",
                host=host.name,
                hint="someone may be in between; if the host was reinstalled, remove its old line from known_hosts",
            ) from error
        except _UnknownKey as error:
            connection.close()
            raise Unreachable(
                f"its ssh host key is unknown ({error})",
                host=host.name,
                hint="compare the fingerprint and add it to known_hosts, or use --accept-new-host-keys",
            ) from error
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException) as error:
            connection.close()
            who = f"{connection.user}@{connection.host}"
            raise Unreachable(
                f"ssh login as {who} was refused: {error}",
                host=host.name,
                hint=f"try `ssh -p {connection.port} {who}`; a key with a passphrase must be in the ssh agent",
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            connection.close()
            raise _Retriable(_reason(error, connection)) from error
        return SshTransport(connection, channel)

    def _connection(self, host: Host) -> Any:
        import fabric

        ssh = host.ssh
        keywords: dict[str, Any] = {}
        if ssh.identity_file:
            keywords = {
                "key_filename": str(Path(ssh.identity_file).expanduser()),
                "look_for_keys": False,
                "allow_agent": False,
            }
        connection = fabric.Connection(
            ssh.address or host.address or host.name,
            user=ssh.user,
            port=ssh.port,
            config=_fabric_config(),
            gateway=self._jump(ssh.jump) if ssh.jump else None,
            connect_timeout=int(CONNECT_TIMEOUT),
            connect_kwargs={"banner_timeout": 15, "auth_timeout": 15, **keywords},
        )
        self._know_hosts(connection, ssh.known_hosts)
        return connection

    def _jump(self, address: str) -> Any:
        import fabric

        with self._jump_lock:
            if address not in self._jumps:
                connection = fabric.Connection(address, config=_fabric_config(), connect_timeout=int(CONNECT_TIMEOUT))
                self._know_hosts(connection, None)
                connection.open()
                self._jumps[address] = connection
            return self._jumps[address]

    def _know_hosts(self, connection: Any, known_hosts: str | None) -> None:
        files = [known_hosts] if known_hosts else ["/etc/ssh/ssh_known_hosts", "~/.ssh/known_hosts"]
        for name in files:
            path = Path(name).expanduser()
            if path.is_file():
                connection.client.load_system_host_keys(str(path))
        learn = Path("~/.ssh/known_hosts").expanduser() if self.accept_new and not known_hosts else None
        connection.client.set_missing_host_key_policy(_policy(learn))

    def close(self) -> None:
        """Closes the shared connections."""
        for connection in self._jumps.values():
            with contextlib.suppress(Exception):
                connection.close()


class _UnknownKey(Exception):
    """A host key that no known_hosts file has."""


def _policy(learn: Path | None) -> Any:
    import paramiko

    class Policy(paramiko.MissingHostKeyPolicy):
        """Refuses unknown keys, or writes them down."""

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            if learn is None:
                raise _UnknownKey(f"{key.get_name()} {key.fingerprint}")
            learn.parent.mkdir(mode=0o700, exist_ok=True)
            with learn.open("a", encoding="utf-8") as stream:
                stream.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")

    return Policy()


def _reason(error: BaseException, connection: Any) -> str:
    where = f"{connection.host} port {connection.port}"
    if isinstance(error, TimeoutError):
        return f"{where} didn't answer within {CONNECT_TIMEOUT:g} s"
    tried = getattr(error, "errors", {}).values()  # paramiko's, one for each address of a name
    if isinstance(error, ConnectionRefusedError) or any(isinstance(one, ConnectionRefusedError) for one in tried):
        return f"{where} refused the connection"
    if isinstance(error, socket.gaierror):
        return f"the address '{connection.host}' can't be resolved"
    return f"{where}: {error or type(error).__name__}"


class SshTransport:
    """The agent's channel over SSH."""

    def __init__(self, connection: Any, channel: Any) -> None:
        self._connection = connection
        self._channel = channel

    def write(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except (OSError, EOFError) as error:
            raise TransportClosed(self.last_words() or str(error)) from error

    def read(self, limit: int, timeout: float) -> bytes:
        self._channel.settimeout(timeout)
        try:
            data: bytes = self._channel.recv(limit)
        except TimeoutError as error:
            raise TransportSilent from error
        except (OSError, EOFError) as error:
            raise TransportClosed(str(error)) from error
        return data

    def last_words(self) -> str:
        try:
            self._channel.settimeout(0.2)
            return bytes(self._channel.recv_stderr(4000)).decode("utf-8", "replace").strip()
        except (OSError, EOFError):
            return ""

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._channel.close()
        with contextlib.suppress(Exception):
            self._connection.close()
