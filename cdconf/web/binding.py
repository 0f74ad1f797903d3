"""Where the dashboard may listen: on loopback for whoever has the link, elsewhere only behind TLS or a proxy; pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cdconf.errors import UsageError

PORT = 8790
DEFAULT = f"127.0.0.1:{PORT}"
UNIX = "unix:"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class BindRequest:
    """What the command line asks for.

    Attributes:
        bind: `ADDR:PORT`, `[ADDR]:PORT` or `unix:/PATH`.
        certificate: The certificate's file, PEM.
        key: Its private key's file.
        proxies: Addresses and networks of proxies that say who somebody is.
        user_header: The header in which they say it.
        names: Names under which browsers reach it.
    """

    bind: str = DEFAULT
    certificate: str | None = None
    key: str | None = None
    proxies: tuple[str, ...] = ()
    user_header: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Binding:
    """Where it listens, and whom it believes.

    Attributes:
        address: None for a unix socket.
        socket: The unix socket's path.
        names: What a request's `Host` may be, without a port.
        proxies: Peers that are believed; a unix socket's peers are, too, where `user_header` is given.
        user_header: In lower case; None: nobody says who somebody is, so that only the link opens it.
    """

    address: str | None
    port: int
    socket: str | None
    is_tls: bool
    names: frozenset[str]
    proxies: tuple[Network, ...] = ()
    user_header: str | None = None

    @property
    def url(self) -> str:
        """How a browser on this machine reaches it."""
        address = self.address or "localhost"
        name = "localhost" if is_loopback(address) else f"[{address}]" if ":" in address else address
        if not is_loopback(address) and (named := sorted(one for one in self.names if not _is_address(one))):
            name = named[0]
        return f"http{'s' if self.is_tls else ''}://{name}:{self.port}"

    def believes(self, peer: str | None) -> bool:
        """Whether a peer may say who somebody is; None: it came through the unix socket."""
        if self.user_header is None:
            return False
        if peer is None:
            return self.socket is not None
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def binding_of(wish: BindRequest) -> Binding:
    """Judges where it may listen.

    Raises:
        UsageError: It would be open to whoever reaches the address; or an option can't be read.
    """
    if bool(wish.certificate) != bool(wish.key):
        raise UsageError("--tls-cert and --tls-key belong together", hint="name both files")
    proxies = tuple(_network(proxy) for proxy in wish.proxies)
    _check_proxies(wish)
    for name in wish.names:
        if not _NAME.match(name):
            raise UsageError(f"--host '{name}' isn't a name or an address", hint="such as --host dashboard.example.org")
    names = {one.lower() for one in wish.names}
    header = wish.user_header.lower() if wish.user_header else None
    if wish.bind.startswith(UNIX):
        path = wish.bind.removeprefix(UNIX)
        if not path.startswith("/"):
            raise UsageError(f"--bind '{wish.bind}' needs an absolute path", hint="such as unix:/run/cdconf/web.sock")
        if header is None:
            raise UsageError(
                "a unix socket is for a proxy that says who somebody is", hint="add --user-header X-Forwarded-User"
            )
        return Binding(None, 0, path, False, frozenset(names | {"localhost"}), proxies, header)
    address, port = _address(wish.bind)
    if not is_loopback(address) and not wish.certificate and not proxies:
        raise UsageError(
            f"--bind {wish.bind} would show everything to whoever reaches that address",
            hint="use 127.0.0.1; or --tls-cert and --tls-key; or --behind PROXY --user-header NAME",
        )
    own = {"localhost", "127.0.0.1", "::1"} if is_loopback(address) else set()
    own |= set() if address in ("0.0.0.0", "::") else {address}  # noqa: S104  these are no names
    if not names and not own:
        raise UsageError(f"nobody can say by which name {wish.bind} is reached", hint="add --host NAME")
    return Binding(address, port, None, bool(wish.certificate), frozenset(names | own), proxies, header)


def _check_proxies(wish: BindRequest) -> None:
    if wish.proxies and not wish.user_header:
        hint = "such as --user-header X-Forwarded-User; the proxy must take it away from what browsers send"
        raise UsageError("--behind needs the header in which the proxy says who somebody is", hint=hint)
    if wish.user_header and not (wish.proxies or wish.bind.startswith(UNIX)):
        raise UsageError("--user-header is believed from listed proxies only", hint="add --behind ADDRESS")
    if wish.user_header and not _HEADER.match(wish.user_header):
        raise UsageError(f"--user-header '{wish.user_header}' isn't a header's name")


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if address == "localhost":
        address = "127.0.0.1"
    if not _is_address(address) or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise UsageError(f"--bind '{text}' isn't ADDR:PORT", hint=f"such as {DEFAULT} or [::1]:{PORT}")
    return address, int(port)


def _network(text: str) -> Network:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise UsageError(f"--behind '{text}' isn't an address or a network", hint="such as 10.0.0.7") from None
    if found.prefixlen == 0:
        raise UsageError(f"--behind {text} would believe everybody", hint="name the proxy's address")
    return found


def host_of(header: str) -> str:
    """The name in a `Host` header, in lower case and without its port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def allowed(header: str, names: Sequence[str] | frozenset[str]) -> bool:
    """Whether a request's `Host` names this server: another site's name may lead here, too (DNS rebinding)."""
    return host_of(header) in names
