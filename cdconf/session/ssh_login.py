"""One SSH connection as ~/.ssh/config and the inventory want it, and what its failures mean."""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, InvalidFile, Unreachable, UsageError
from cdconf.session.ssh_connection import Connection, paramiko

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_TIMEOUT = 10.0
LOGIN_TIMEOUT = 15.0
_SILENT = "No existing session"  # Paramiko's words for a greeting that hasn't come in time
KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "~/.ssh/known_hosts")


class Retriable(Exception):
    """The connection failed in a way that often passes.

    Args:
        message: What happened.
        dropped: The server took the connection and closed it before the login, as a busy one does.
        silent: Nothing came for as long as was waited: more patience would hold up everybody else.
    """

    def __init__(self, message: str, *, dropped: bool = False, silent: bool = False) -> None:
        super().__init__(message)
        self.dropped = dropped
        self.silent = silent


class UnknownKey(Exception):
    """A host key that no known_hosts file has."""


@dataclass(frozen=True)
class Login:
    """Where to log in and how; what's None is ssh's own configuration's to say.

    `address` may be `user@host:port`. `known_hosts`: the only files to look into; empty for the usual ones.
    """

    address: str
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    known_hosts: tuple[str, ...] = ()


def parts_of(address: str) -> tuple[str, str | None, int | None]:
    """Name, user and port in `user@name:port`; an IPv6 address has no port after it.

    Raises:
        UsageError: The port isn't one.
    """
    user, _, place = address.rpartition("@")
    name, _, port = place.partition(":") if place.count(":") == 1 else (place, "", "")
    if port and not port.isdecimal():
        raise UsageError(f"the port in the ssh address '{address}' isn't a number")
    return name, user or None, int(port) if port else None


def prepare(login: Login, *, direct: bool, learn: bool = False) -> Connection:
    """A connection, not yet open.

    Args:
        login: Where and how.
        direct: No jump host is on the way, so that ~/.ssh/config's ProxyCommand counts.
        learn: Write unknown host keys down instead of refusing them.

    Raises:
        UsageError: ssh's configuration can't be read.
        InvalidFile: A known_hosts file has a line that's no host key.
    """
    options: dict[str, Any] = {"banner_timeout": LOGIN_TIMEOUT, "auth_timeout": LOGIN_TIMEOUT}
    if login.identity_file:
        # A key with a passphrase may be in the agent, which is asked for nothing else's sake.
        agent = _has_passphrase(login.identity_file)
        options |= {"key_filename": [login.identity_file], "look_for_keys": False, "allow_agent": agent}
    name, user, port = parts_of(login.address)
    connection = Connection(name, login.user or user, login.port or port, CONNECT_TIMEOUT, options)
    command = connection.config.get("proxycommand", "none")
    if direct and command != "none":
        connection.sock = paramiko().ProxyCommand(command)
    configured = shlex.split(connection.config.get("userknownhostsfile", ""))
    files = login.known_hosts or (*configured, *KNOWN_HOSTS)
    for path in (Path(name).expanduser() for name in files):
        if path.is_file():
            _load_known(connection, path)
    learn = learn and files[-1] == KNOWN_HOSTS[-1]  # an inventory's own file is only read: it pins
    connection.client.set_missing_host_key_policy(_Policy(Path(KNOWN_HOSTS[-1]).expanduser() if learn else None))
    return connection


def _load_known(connection: Connection, path: Path) -> None:
    from paramiko.hostkeys import InvalidHostKey

    try:
        connection.client.load_system_host_keys(str(path))
    except InvalidHostKey as error:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        number = next((place for place, line in enumerate(lines, 1) if line.strip() == error.line.strip()), None)
        hint = "a line is names, type and key, as `ssh-keyscan` prints it; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT"
        raise InvalidFile("this line is no host key", file=str(path), line=number, hint=hint) from error


class _Policy:
    """Refuses unknown host keys, or writes them down: Paramiko's MissingHostKeyPolicy."""

    def __init__(self, learn: Path | None) -> None:
        self._learn = learn

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        if self._learn is None:
            raise UnknownKey(f"{key.get_name()} {key.fingerprint}")
        self._learn.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._learn.open("a", encoding="utf-8") as stream:
            stream.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")


def _has_passphrase(path: str) -> bool:
    """Whether a private key file can't be read without one."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    try:
        data = Path(path).expanduser().read_bytes()
        (load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key)(data, None)
    except (TypeError, ValueError) as error:
        return "password" in str(error).lower() or "encrypted" in str(error).lower()
    except Exception:  # noqa: BLE001  whatever is wrong with it, the login will say
        return False
    return False


def meaning(error: BaseException, connection: Any, subject: str) -> CdconfError | Retriable:
    """What a failed connection means, with a hint; `Retriable` when it's worth another try.

    Args:
        error: Paramiko's, or the system's.
        connection: The one that failed.
        subject: Begins the message: "" for a host, "the jump host bastion: " for another.
    """
    ssh = paramiko()
    where = f"{connection.host} port {connection.port}"
    if isinstance(error, ssh.BadHostKeyException):
        return Unreachable(
            f"{subject}its ssh host key is not the one that is known",
            hint="someone may be in between; if the host was reinstalled, remove its old line from known_hosts: "
            f"ssh-keygen -R {_known_name(connection)}",
        )
    if isinstance(error, UnknownKey):
        return Unreachable(
            f"{subject}its ssh host key is unknown ({error})",
            hint="compare the fingerprint and add the key to known_hosts; --accept-new-host-keys does so unseen, "
            "unless hosts.yml names a known_hosts file",
        )
    if isinstance(error, ssh.ssh_exception.IncompatiblePeer):
        return Unreachable(f"{subject}{where} speaks no algorithm that is still thought safe: {error}")
    refused = isinstance(error, ssh.AuthenticationException) or "authentication" in str(error).lower()
    if refused or "private key" in str(error):
        return _no_login(error, connection, subject)
    if _SILENT in str(error):
        message = f"{subject}{where} took the connection and then said nothing for {CONNECT_TIMEOUT:g} s: it hangs"
        return Retriable(message, silent=True)
    dropped = isinstance(error, (ConnectionResetError, BrokenPipeError, EOFError)) or (
        isinstance(error, ssh.SSHException) and not isinstance(error, ssh.ChannelException)
    )
    silent = isinstance(error, TimeoutError)
    return Retriable(subject + _network(error, connection, where), dropped=dropped, silent=silent)


def _known_name(connection: Any) -> str:
    return connection.host if connection.port == 22 else shlex.quote(f"[{connection.host}]:{connection.port}")


def _no_login(error: BaseException, connection: Any, subject: str) -> Unreachable:
    who = f"{connection.user}@{connection.host}"
    files = connection.options.get("key_filename") or ()
    names: Sequence[str] = [files] if isinstance(files, str) else files
    locked = [name for name in names if _has_passphrase(name)]
    if locked:
        return Unreachable(
            f"{subject}ssh login as {who} needs the key {locked[0]}, which has a passphrase",
            hint=f"unlock it in the ssh agent: ssh-add {shlex.quote(locked[0])}",
        )
    if "no authentication methods" in str(error).lower():
        why = "there is no key to try: none in the ssh agent, no ~/.ssh/id_*, no `identity_file`"
    else:
        why = str(error).rstrip(".")
    hint = f"try `ssh -p {connection.port} {who}`; a key with a passphrase must be in the ssh agent"
    detail = None
    if "EOF" in why:  # it hung up, where a wrong key gets an answer
        detail = _last_words(connection)
        hint = (
            f"the account may have expired (`chage -l {connection.user}` on the host), or the server was offered too "
            "many keys of the ssh agent: name the right one with `identity_file`"
        )
    return Unreachable(f"{subject}ssh login as {who} was refused: {why}", hint=hint, detail=detail)


def _last_words(connection: Any) -> str | None:
    """What the server had to say during the login: its banner, or PAM's reason."""
    login = getattr(connection.transport, "auth_handler", None)
    banner = getattr(login, "banner", None) or b""
    return banner.decode("utf-8", "replace").strip() or None


def _network(error: BaseException, connection: Any, where: str) -> str:
    if isinstance(error, TimeoutError):
        return f"{where} didn't answer within {CONNECT_TIMEOUT:g} s"
    tried = list(getattr(error, "errors", {}).values())  # paramiko's, one for each address of a name
    if isinstance(error, ConnectionRefusedError) or any(isinstance(one, ConnectionRefusedError) for one in tried):
        return f"{where} refused the connection"
    if isinstance(error, socket.gaierror):
        return f"the address '{connection.host}' can't be resolved"
    if isinstance(error, (ConnectionResetError, EOFError)) or "banner" in str(error):
        return f"{where} closed the connection before the login; the server may be overloaded (see MaxStartups)"
    cause = tried[0] if tried else error  # paramiko's own says "[Errno None]" and not why
    return f"{where}: {getattr(cause, 'strerror', None) or str(cause) or type(cause).__name__}"
