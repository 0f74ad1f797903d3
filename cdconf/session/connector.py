"""Connects to a host and boots the agent there, whatever the transport."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from cdconf.errors import HostFailed, Unreachable
from cdconf.session.bundle import Bundle, bundle, start_command, start_line
from cdconf.session.session import Session
from cdconf.session.ssh import Ssh
from cdconf.session.transport import PipeTransport, TransportClosed, TransportSilent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cdconf.inventory import Host
    from cdconf.session.transport import Transport

BOOT_TIMEOUT = 30.0
_CHATTER = 64 * 1024  # what a login may print before the agent's nonce


class Connector:
    """Opens sessions for one run.

    Args:
        project_name: Names the project's directory on the hosts.
        project_root: Where project types are looked for.
        accept_new_host_keys: Learn unknown ssh host keys instead of refusing them.
        type_packages: See `Project.type_packages`.
        facts: From a host's name to the groups of facts that the run will read; by default it reads none.
    """

    def __init__(
        self,
        project_name: str,
        project_root: Path | None = None,
        *,
        accept_new_host_keys: bool = False,
        type_packages: tuple[str, ...] = (),
        facts: Callable[[str], Sequence[str]] = lambda host: (),
    ) -> None:
        self.project_name = project_name
        self.bundle = bundle(project_root, type_packages)
        self._ssh = Ssh(accept_new=accept_new_host_keys)
        self._facts = facts

    def connect(self, host: Host, *, patient: bool = True) -> Session:
        """Connects, boots the agent and opens the session; changes nothing but the agent's cache.

        Args:
            host: Whom to connect to.
            patient: Try again when the connection is refused or reset.

        Raises:
            Unreachable: The host doesn't answer or refuses the login.
            HostFailed: The agent can't run there.
        """
        nonce = secrets.token_hex(12)
        transport = self._transport(host, nonce, patient=patient)
        try:
            rest = _boot(transport, host, nonce, self.bundle)
            return Session(host, transport, rest, self.project_name, self._facts(host.name))
        except BaseException:
            transport.close()
            raise

    def _transport(self, host: Host, nonce: str, *, patient: bool) -> Transport:
        digest, become = self.bundle.digest, host.ssh.become
        if host.transport == "local":
            return PipeTransport(start_command(digest, nonce, become))
        if host.transport == "docker":
            container = host.container or host.name
            return PipeTransport(["docker", "exec", "-i", container, *start_command(digest, nonce, become)])
        return self._ssh.open(host, start_line(digest, nonce, become), patient=patient)

    def close(self) -> None:
        """Closes what sessions share."""
        self._ssh.close()


def _boot(transport: Transport, host: Host, nonce: str, agent: Bundle) -> bytes:
    """Waits for the nonce, sends the agent if it's needed; returns bytes that came after `ready`."""
    buffer = b""
    deadline = time.monotonic() + BOOT_TIMEOUT
    marker = nonce.encode() + b" "
    while True:
        start = buffer.find(marker)
        end = buffer.find(b"\n", start) if start >= 0 else -1
        if end < 0:
            buffer += _more(transport, host, deadline)
            if len(buffer) > _CHATTER:
                raise HostFailed("the login prints without end; the agent can't start", host=host.name)
            continue
        word = buffer[start + len(marker) : end].decode("ascii", "replace").strip()
        buffer = buffer[end + 1 :]
        if word == "ready":
            return buffer
        if word != "need":
            raise _refusal(word, host)
        transport.write(f"{len(agent.data)}.".encode() + agent.data)


def _more(transport: Transport, host: Host, deadline: float) -> bytes:
    try:
        data = transport.read(65536, max(0.1, deadline - time.monotonic()))
    except TransportSilent:
        raise Unreachable(f"logged in, but the agent didn't start within {BOOT_TIMEOUT:g} s", host=host.name) from None
    except TransportClosed as error:
        raise Unreachable(f"the connection broke: {error}", host=host.name) from error
    if data:
        return data
    words = transport.last_words()
    if "password is required" in words or "a terminal is required" in words:
        raise HostFailed(
            "sudo asks for a password",
            host=host.name,
            hint="give the ssh user NOPASSWD in sudoers, or log in as root",
        )
    last = words.splitlines()[-1] if words else "no message"
    raise HostFailed(f"the agent didn't start: {last}", host=host.name, detail=words or None)


def _refusal(word: str, host: Host) -> HostFailed:
    reasons = {
        "nopython": ("there is no Python 3 on this host", "install it: apt-get install python3-minimal"),
        "corrupt": (
            "the agent arrived damaged",
            "run again; if it happens twice, something alters the connection",
        ),
        "uncacheable": (
            "the agent can't be cached: its directory isn't private",
            "look at the owner and mode of /var/lib/cdconf/.agent",
        ),
    }
    message, hint = reasons.get(word, (f"the agent said '{word}'", None))
    return HostFailed(message, host=host.name, hint=hint)
