"""Keeps copies away from what they copy: a copy's catalog must not hold an address of the original."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment

if TYPE_CHECKING:
    from cdconf.catalog.model import Resource
    from cdconf.catalog.scope import Scope
    from cdconf.inventory import Environment, Host, Project

# A whole word with dots in it: a DNS name (RFC 1123, and `_` as in practice) or an IPv4 address.
_DOTTED = re.compile(r"(?<![\w.-])[\w-]+(?:\.[\w-]+)+", re.ASCII)
# Alone once more, since a range such as 10.0.0.1-10.0.0.9 is one word with dots.
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)
_HOP = re.compile(r"(?:[^@]+@)?(\[[^\]]+\]|[^:]+)(?::[0-9]+)?\Z")


def addresses_in(text: str) -> Iterator[str]:
    """Every whole address and full DNS name in a text, normalised: lower case, IPv6 as RFC 5952 writes it.

    A part of a longer address or name isn't one: `10.0.0.2` isn't in `10.0.0.20`, nor `db.example.com` in
    `old-db.example.com`.
    """
    if "." in text:
        for pattern in (_DOTTED, _IPV4):
            for match in pattern.finditer(text):
                yield match[0].lower()
    if ":" in text:
        for match in _IPV6.finditer(text):
            try:
                yield ipaddress.IPv6Address(match[0]).compressed
            except ValueError:
                continue


def addresses_of(host: Host) -> Iterator[str]:
    """The addresses that tell a host from all others, and its jump hosts': no short names, no loopback."""
    hops = [hop.strip() for hop in (host.ssh.jump or "").split(",")]
    for word in (host.address, host.ssh.address, *(match[1] for hop in hops if (match := _HOP.match(hop)))):
        text = (word or "").strip("[]").rstrip(".").lower()
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            if "." in text and not text.endswith(".localhost"):
                yield text
        else:
            if not address.is_loopback and not address.is_unspecified:
                yield address.compressed


class ForeignAddress(InvalidFile):
    """A copy's catalog holds an address of what it copies."""


@dataclass(frozen=True)
class Originals:
    """The addresses that a copy's catalogs must not hold.

    Args:
        copy: The copy.
        forbidden: Address -> (environment, host) that it belongs to.
    """

    copy: Environment
    forbidden: dict[str, tuple[str, str]]

    def check(self, host: Host, resources: Sequence[Resource], scope: Scope) -> None:
        """Looks at every text of a host's resources.

        Raises:
            ForeignAddress: One holds an address of the original; it names the variable that brings it, if one does.
        """
        for resource in resources:
            for text in texts_of([resource.title, resource.fields]):
                for address in addresses_in(text):
                    if address in self.forbidden:
                        raise self._error(host, resource, address, scope)

    def _error(self, host: Host, resource: Resource, address: str, scope: Scope) -> ForeignAddress:
        environment, original = self.forbidden[address]
        what = f"{resource.type} '{resource.title}' of {host.name}"
        file, _, number = resource.source.rpartition(":")
        line = int(number)
        hint = f"use `hosts`, such as hosts.{next(iter(host.groups), 'all')}[0].address"
        variable = _variable(address, resource, scope)
        if variable is not None:
            raw = scope.raw[variable]
            file, line = raw.file, raw.line
            what = f"the variable '{variable}', read by {what}"
            hint = f"set '{variable}' in {self.copy.variables_file}, make it per_environment"
        if not self.copy.throwaway:
            hint += f", or declare it in {self.copy.file}: differs: [{{address: '{address}', why: …}}]"
        return ForeignAddress(
            f"{self.copy.name} is a copy, and {what}, holds '{address}', which is {environment}'s {original}",
            file=file,
            line=line,
            hint=hint,
        )


def _variable(address: str, resource: Resource, scope: Scope) -> str | None:
    """The variable of those that a resource was made of in whose own text the address stands."""
    for name in sorted(resource.reads):
        raw = scope.raw.get(name)
        if raw is not None and any(address in addresses_in(text) for text in texts_of(raw.value)):
            return name
    return None


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a value, keys of maps too; bytes as UTF-8, as far as they are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from texts_of(key)
            yield from texts_of(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from texts_of(member)


def originals_of(project: Project, environment: Environment) -> Originals | None:
    """What a copy must keep away from: everything that it's a copy of, at however many removes; None for no copy.

    What the copy's own inventory names as well (a bastion for both) or declares (`address` in `differs`) is allowed.
    """
    forbidden: dict[str, tuple[str, str]] = {}
    allowed = {_normal(one.value) for one in environment.differs if one.what == "address"}
    allowed |= {address for host in environment.hosts.values() for address in addresses_of(host)}
    name = environment.copy_of
    while name is not None:
        original = load_environment(project, name)
        allowed |= {_normal(one.value) for one in original.differs if one.what == "address"}
        for host in original.hosts.values():
            for address in addresses_of(host):
                forbidden.setdefault(address, (name, host.name))
        name = original.copy_of
    left = {address: owner for address, owner in forbidden.items() if address not in allowed}
    return Originals(environment, left) if left else None


def _normal(word: str) -> str:
    try:
        return ipaddress.ip_address(word.strip("[]")).compressed
    except ValueError:
        return word.rstrip(".").lower()
