"""Asks an ssh server for its host key, and tells whether a first answer can be believed."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cdconf.session.ssh_connection import paramiko

_PATIENCE = 5.0  # seconds
_ROUTES = Path("/proc/net/route")  # proc_pid_net(5)


def shown_key(address: str, port: int) -> str | None:
    """The key that a server proves to have, `ssh-ed25519 AAAA…`; None when no ssh server answers there."""
    ssh = paramiko()
    transport = None
    try:
        transport = ssh.Transport(socket.create_connection((address, port), timeout=_PATIENCE))
        transport.banner_timeout = _PATIENCE
        transport.start_client(timeout=_PATIENCE)
        key = transport.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"
    except (ssh.SSHException, OSError, EOFError):
        return None
    finally:
        if transport is not None:
            transport.close()


def shown_keys(places: Iterable[tuple[str, int]]) -> list[str | None]:
    """`shown_key` of several places at once, in their order."""
    wanted = list(places)
    if not wanted:
        return []
    paramiko()
    with ThreadPoolExecutor(max_workers=min(16, len(wanted))) as pool:
        return list(pool.map(lambda place: shown_key(*place), wanted))


def is_within(address: str, routes: str) -> bool:
    """Whether an address never leaves this machine's own networks: loopback, or one that's attached (no gateway).

    Args:
        address: An IP address.
        routes: The kernel's IPv4 routes, as /proc/net/route has them.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    if ip.is_loopback:
        return True
    return ip.version == 4 and ip.is_private and any(ip in network for network in _attached(routes))


def _attached(routes: str) -> Iterable[ipaddress.IPv4Network]:
    for row in routes.splitlines()[1:]:
        fields = row.split()
        if len(fields) > 7 and fields[2] == "00000000" and fields[7] != "00000000":
            base, mask = (struct.pack("<L", int(fields[place], 16)) for place in (1, 7))
            yield ipaddress.IPv4Network((base, str(ipaddress.IPv4Address(mask))))


def first_answer_counts(address: str) -> bool:
    """Whether the key that an unknown machine shows at an address can be believed: nobody else is in between."""
    try:
        routes = _ROUTES.read_text(encoding="ascii")
    except OSError:
        routes = ""
    return is_within(address, routes)
