"""One SSH connection as ~/.ssh/config and the inventory want it, and what its failures mean."""

from __future__ import annotations

import base64
import re
import shlex
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, Unreachable, UsageError
from cdconf.own_files import read_bytes, reason
from cdconf.session.host_keys import HostKeyPolicy, KeyRefused, known_keys
from cdconf.session.ssh_connection import SshConnection, paramiko

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.session.known_hosts import KnownHosts
    from cdconf.session.ssh_keys import PrivateKeys

CONNECT_TIMEOUT = 10.0
LOGIN_TIMEOUT = 15.0
_OPENSSH = b"openssh-key-v1\0"
_LARGEST_KEY = 1024 * 1024  # bytes of a private key's file
_SILENT = "No existing session"  # Paramiko's words for a greeting that hasn't come in time
_BRACKETED = re.compile(r"\[([^\[\]]+)\](?:(:)(.*))?")
_ALGORITHMS = ("hostkeyalgorithms", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes")  # ssh_config(5)
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


@dataclass(frozen=True)
class Login:
    """Where to log in and how; what's None is ssh's own configuration's to say.

    `address` may be `user@host:port`. `known_hosts`: the only files to look into; empty for the usual ones. `ssh_rsa`:
    signatures of SHA-1 count.
    """

    address: str
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    known_hosts: tuple[str, ...] = ()
    ssh_rsa: bool = False


def parts_of(address: str) -> tuple[str, str | None, int | None]:
    """Name, user and port in `user@name:port`; an IPv6 address has a port after it when it's in brackets.

    Raises:
        UsageError: The port isn't one.
    """
    user, _, place = address.rpartition("@")
    bracketed = _BRACKETED.fullmatch(place)
    if bracketed:
        name, colon, port = bracketed.groups(default="")
    else:
        name, colon, port = place.partition(":") if place.count(":") == 1 else (place, "", "")
    if colon and not port.isdecimal():
        raise UsageError(f"the port in the ssh address '{address}' isn't a number")
    return name, user or None, int(port) if port else None


def prepare(login: Login, known: KnownHosts, keys: PrivateKeys, *, direct: bool, learn: bool = False) -> SshConnection:
    """A connection, not yet open.

    Args:
        login: Where and how.
        known: The run's known_hosts files.
        keys: The run's private keys.
        direct: No jump host is on the way, so that ~/.ssh/config's ProxyCommand counts.
        learn: Write unknown host keys down instead of refusing them.

    Raises:
        UsageError: ssh's configuration can't be read.
        InvalidFile: A known_hosts file can't be read, or has a line that's no host key.
    """
    options: dict[str, Any] = {"timeout": CONNECT_TIMEOUT}
    options |= {"banner_timeout": LOGIN_TIMEOUT, "auth_timeout": LOGIN_TIMEOUT}
    if login.identity_file:
        _check_identity(Path(login.identity_file).expanduser())
        # A key with a passphrase may be in the agent, which is asked for nothing else's sake.
        file = login.identity_file
        agent = keys.once(file, lambda: _has_passphrase(file))
        options |= {"key_filename": [file], "look_for_keys": False, "allow_agent": agent}
    name, user, port = parts_of(login.address)
    connection = SshConnection(name, login.user or user, login.port or port, keys, options)
    command = connection.config.get("proxycommand", "none")
    if direct and command != "none":
        connection.sock = paramiko().ProxyCommand(command)
    allowed = (connection.config.get(name, "") for name in _ALGORITHMS)
    connection.is_old = login.ssh_rsa or any("ssh-rsa" in re.split(r"[+,^]", words) for words in allowed)
    _know(connection, login, known, learn=learn)
    return connection


def _know(connection: SshConnection, login: Login, known: KnownHosts, *, learn: bool) -> None:
    """Tells a connection which host keys to trust."""
    configured = shlex.split(connection.config.get("userknownhostsfile", ""))
    files = [Path(name).expanduser() for name in login.known_hosts or (*configured, *KNOWN_HOSTS)]
    own = Path(KNOWN_HOSTS[-1]).expanduser()
    pinned = files[-1] != own  # an inventory's own file is only read
    keys = known_keys(known, files, (connection.host, connection.port, connection.config.get("hostkeyalias")))
    keys = replace(keys, pinned=pinned)
    connection.prefer = keys.first
    connection.client.set_missing_host_key_policy(HostKeyPolicy(known, keys, own if learn and not pinned else None))


def _check_identity(path: Path) -> None:
    """Refuses what's no file: Paramiko would wait for a pipe, and read what has no end. One that's missing it names."""
    try:
        read_bytes(path, _LARGEST_KEY)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"the private key {path} can't be read: {reason(error)}") from error


def _has_passphrase(path: str) -> bool:
    """Whether a private key file can't be read without one.

    It's asked for each host, and the login reads the key itself: to prove here as well that an RSA key's numbers are
    primes would take 0.1 s each time.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        data = read_bytes(Path(path).expanduser())
        if b"BEGIN OPENSSH" in data:
            return _cipher(data) not in (b"none", b"")
        load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError) as error:
        return "password" in str(error).lower() or "encrypted" in str(error).lower()
    except Exception:  # noqa: BLE001  whatever is wrong with it, the login will say
        return False
    return False


def _cipher(data: bytes) -> bytes:
    """What a file of OpenSSH's own format (PROTOCOL.key) is encrypted with; nothing where it isn't one."""
    body = base64.b64decode(b"".join(data.split(b"-----")[2].split()))
    begun = len(_OPENSSH) + 4
    length = int.from_bytes(body[len(_OPENSSH) : begun], "big")
    return body[begun : begun + length] if body.startswith(_OPENSSH) and length <= 64 else b""


def meaning(error: BaseException, connection: Any, subject: str) -> CdconfError | Retriable:
    """What a failed connection means, with a hint; `Retriable` when it's worth another try.

    Args:
        error: Paramiko's, or the system's.
        connection: The one that failed.
        subject: Begins the message: "" for a host, "the jump host bastion: " for another.
    """
    ssh = paramiko()
    where = f"{connection.host} port {connection.port}"
    if isinstance(error, KeyRefused):
        return Unreachable(f"{subject}its ssh host key {error}", hint=error.hint)
    if isinstance(error, ssh.ssh_exception.IncompatiblePeer):
        hint = (
            "a server before OpenSSH 7.2 knows only `ssh-rsa`, with SHA-1: update it, or allow that for this one host "
            "with `ssh: {ssh_rsa: true}`; for a jump host, `HostKeyAlgorithms +ssh-rsa` in ~/.ssh/config"
        )
        return Unreachable(f"{subject}{where} speaks no algorithm that is still thought safe: {error}", hint=hint)
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
    if "authentication timeout" in str(error).lower():  # Paramiko's words
        return Unreachable(
            f"{subject}ssh login as {who} got no answer within {LOGIN_TIMEOUT:g} s",
            hint="what the server asks about a login may be slow: PAM, a directory, the names of addresses (UseDNS)",
        )
    if "no authentication methods" in str(error).lower():
        why = "there is no key to try: none in the ssh agent, no ~/.ssh/id_*, no `identity_file`"
    else:
        why = str(error).rstrip(".")
        if "private key" in why and names:
            why = f"{why} ({', '.join(names)})"
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
