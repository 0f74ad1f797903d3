"""Facts about the network: interfaces, their addresses, and the way to the world."""

import os
import re
import socket
import struct

from cdconf.agent import texts
from cdconf.agent.errors import Failed
from cdconf.agent.facts.read import names, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:  # novm
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    from cdconf.agent.data.host import Address, Interface, WayOut

_UP = 0x1  # IFF_UP, netdevice(7)
# Interfaces of containers and virtual machines come and go.
_PASSING = re.compile(r"(veth|vnet|cali).*|lxc[0-9a-f]{8,}|br-[0-9a-f]{12}$")
# netlink(7), rtnetlink(7)
_HEADER = struct.Struct("=LHHLL")
_ADDRESS = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_GET_ADDRESSES, _NEW_ADDRESS, _DONE, _ERROR = 22, 20, 3, 2
_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_TEMPORARY = 0x01  # a privacy address, RFC 8981; for IPv4 the same bit means "secondary"
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
_ROUTE_UP, _ROUTE_REJECT = 0x1, 0x200


def network(
    root: "str", dump: "Callable[[], bytes] | None" = None, source: "Callable[[], str | None] | None" = None
) -> "dict[str, Any]":
    """`network`.

    Args:
        root: Where /proc and /sys are.
        dump: Gives the kernel's answer about addresses, see `dump_addresses`.
        source: Gives the address from which a default route is used, see `source_address`.

    Raises:
        Failed: The kernel doesn't tell.
    """
    addresses = parse_addresses((dump or dump_addresses)())
    interfaces: "dict[str, Interface]" = {}
    for name in names(root, "sys/class/net"):
        folder = "sys/class/net/" + name
        index = None if _PASSING.match(name) else number(root, folder + "/ifindex")
        if index is None:
            continue
        mac = text(root, folder + "/address", 64)
        own = addresses.get(index, [])
        interfaces[name] = {
            "name": name,
            "mac": mac if mac.strip("0:") else None,
            "mtu": number(root, folder + "/mtu"),
            "up": bool(int(text(root, folder + "/flags", 64) or "0", 16) & _UP),
            "ipv4": [address for version, address in own if version == 4],
            "ipv6": [address for version, address in own if version == 6],
        }
    return {
        "network": {
            "ipv4": _way_out(interfaces, "ipv4", default_ipv4(root), (source or source_address)()),
            "ipv6": _way_out(interfaces, "ipv6", default_ipv6(root), None),
            "interfaces": interfaces,
        }
    }


def dump_addresses() -> "bytes":
    """All addresses as the kernel tells them: the messages of one RTM_GETADDR dump, one after another."""
    message = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    asked = _HEADER.pack(_HEADER.size + len(message), _GET_ADDRESSES, _REQUEST_DUMP, 1, 0) + message
    answer = b""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.settimeout(5)
            kernel.bind((0, 0))
            kernel.send(asked)
            while True:
                part = kernel.recv(1024 * 1024)
                answer += part
                kinds = [kind for kind, _ in _messages(part)]
                if not kinds or _DONE in kinds or _ERROR in kinds:
                    return answer
    except OSError as error:
        raise Failed("the kernel doesn't tell this host's addresses: {}".format(error))


def _messages(data: "bytes") -> "Iterator[tuple[int, bytes]]":
    """Type and payload of each netlink message; each begins at a multiple of 4 bytes."""
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, start)[:2]
        if length < _HEADER.size:
            return
        yield kind, data[start + _HEADER.size : start + length]
        start += (length + 3) & ~3


def parse_addresses(data: "bytes") -> "dict[int, list[tuple[int, Address]]]":
    """Interface index -> `(4 or 6, {"address", "prefix", "scope"})`s, in the kernel's order.

    Temporary IPv6 addresses (RFC 8981) are left out: they change by the day.

    Raises:
        Failed: The kernel refused the question.
    """
    found: "dict[int, list[tuple[int, Address]]]" = {}
    for kind, payload in _messages(data):
        if kind == _ERROR:
            number = -struct.unpack_from("=i", payload)[0]
            raise Failed("the kernel doesn't tell this host's addresses: {}".format(os.strerror(number)))
        if kind != _NEW_ADDRESS:
            continue
        family, prefix, flags, scope, index = _ADDRESS.unpack_from(payload)
        if family not in (socket.AF_INET, socket.AF_INET6) or (family == socket.AF_INET6 and flags & _TEMPORARY):
            continue
        attributes = _attributes(payload[_ADDRESS.size :])
        raw = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)  # of a tunnel, IFA_ADDRESS is the other end
        if raw:
            address: "Address" = {
                "address": socket.inet_ntop(family, raw),
                "prefix": prefix,
                "scope": _SCOPES.get(scope, str(scope)),
            }
            found.setdefault(index, []).append((4 if family == socket.AF_INET else 6, address))
    return found


def _attributes(data: "bytes") -> "dict[int, bytes]":
    found = {}
    start = 0
    while start + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = data[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3
    return found


def default_ipv4(root: "str") -> "tuple[str, str | None] | None":
    """`(interface, gateway or None)` of the default route with the lowest metric in /proc/net/route, or None."""
    routes = []
    for line in texts.lines(text(root, "proc/net/route"))[1:]:
        words = texts.words(line)
        if len(words) < 8 or words[1] != "00000000" or words[7] != "00000000":
            continue
        if int(words[3], 16) & (_ROUTE_UP | _ROUTE_REJECT) == _ROUTE_UP:
            gateway = socket.inet_ntoa(struct.pack("=L", int(words[2], 16)))
            routes.append((int(words[6]), words[0], None if gateway == "0.0.0.0" else gateway))  # noqa: S104
    return min(routes, key=lambda route: route[0])[1:] if routes else None


def default_ipv6(root: "str") -> "tuple[str, str | None] | None":
    """The same from /proc/net/ipv6_route: destination, its prefix, source, its prefix, next hop, metric and more."""
    routes = []
    for line in texts.lines(text(root, "proc/net/ipv6_route")):
        words = texts.words(line)
        if len(words) < 10 or words[0].strip("0") or words[1] != "00" or words[9] == "lo":
            continue
        if int(words[8], 16) & (_ROUTE_UP | _ROUTE_REJECT) == _ROUTE_UP:
            gateway = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[4])) if words[4].strip("0") else None
            routes.append((int(words[5], 16), words[9], gateway))
    return min(routes, key=lambda route: route[0])[1:] if routes else None


def source_address() -> "str | None":
    """The IPv4 address from which this host reaches the world; connecting a UDP socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody's
            address: "str" = probe.getsockname()[0]
            return address
        except OSError:
            return None


def _way_out(
    interfaces: "dict[str, Interface]",
    version: "Literal['ipv4', 'ipv6']",
    route: "tuple[str, str | None] | None",
    source: "str | None",
) -> "WayOut":
    """The default route's interface, gateway and own address; all None without such a route."""
    interface, gateway = route or (None, None)
    known = interfaces.get(interface) if interface is not None else None
    own: "list[Address]" = known[version] if known is not None else []
    usable: "list[Address | None]" = [address for address in own if address["scope"] == "global"] or [None]
    chosen = next((address for address in own if address["address"] == source), usable[0])
    return {
        "address": chosen and chosen["address"],
        "prefix": chosen and chosen["prefix"],
        "interface": interface,
        "gateway": gateway,
    }
