"""The SSH connection that this agent is reached by."""

import ipaddress
import os
import socket
import struct

from cdconf.agent import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

SIOCGIFADDR = 0x8915  # netdevice(7)


class ControllerConnection(object):
    """Both ends: `client` (an address), `port` (the host's own) and `interface` (a name, or None)."""

    def __init__(self, client: "IPv4Address | IPv6Address", port: "int", interface: "str | None") -> "None":
        self.client = client
        self.port = port
        self.interface = interface


def current() -> "ControllerConnection | None":
    """The connection of the sshd that this process descends from; None for local and other transports.

    sshd gives the session SSH_CONNECTION (ssh(1)); sudo may have dropped it on the way here, so the environments
    of all ancestors are asked.
    """
    pid = os.getpid()
    while pid > 1:
        text = texts.words(_environment(pid).get(b"SSH_CONNECTION", b"").decode("ascii", "replace"))
        if len(text) == 4:
            return _connection(text)
        pid = _parent(pid)
    return None


def _connection(text: "list[str]") -> "ControllerConnection | None":
    try:
        client, host = (ipaddress.ip_address(one.partition("%")[0]) for one in (text[0], text[2]))
        return ControllerConnection(_plain(client), int(text[3]), interface_of(_plain(host)))
    except ValueError:
        return None


def _plain(address: "IPv4Address | IPv6Address") -> "IPv4Address | IPv6Address":
    """IPv4 addresses in IPv6 clothes (::ffff:192.0.2.1) are IPv4 for the packet filter."""
    return getattr(address, "ipv4_mapped", None) or address


def _environment(pid: "int") -> "dict[bytes, bytes]":
    try:
        with open("/proc/{}/environ".format(pid), "rb") as stream:
            return dict(one.partition(b"=")[::2] for one in stream.read().split(b"\0"))
    except OSError:
        return {}


def _parent(pid: "int") -> "int":
    """proc(5): the fourth field of /proc/PID/stat; the second may hold blanks and parentheses."""
    try:
        with open("/proc/{}/stat".format(pid), "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[1])  # texts: bytes
    except (OSError, ValueError, IndexError):
        return 0


def interface_of(address: "IPv4Address | IPv6Address") -> "str | None":
    """The interface that has an address, or None."""
    if address.version == 6:
        return _interface6(address)
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(channel.fileno(), SIOCGIFADDR, struct.pack("256s", name[:15].encode("utf-8")))
            except OSError:
                continue  # it has no IPv4 address
            if answer[20:24] == address.packed:
                return name
    return None


def _interface6(address: "IPv6Address") -> "str | None":
    try:
        with open("/proc/net/if_inet6", newline="\n") as stream:
            rows = [texts.words(line) for line in stream]
    except OSError:
        return None
    for row in rows:
        if row[0] == address.packed.hex():
            return row[-1]
    return None
