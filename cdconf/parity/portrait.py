"""What a host should be, from its compiled catalog, without its secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.catalog.copy_isolation import addresses_in, texts_of
from cdconf.catalog.unions import unions
from cdconf.errors import CdconfError
from cdconf.facts import NotedFacts
from cdconf.parity.model import DesiredResource, Portrait, Setting
from cdconf.parity.sealed_values import plain, sealed

if TYPE_CHECKING:
    from cdconf.catalog import Catalog, Compiler
    from cdconf.catalog.model import Resource
    from cdconf.catalog.scope import Scope
    from cdconf.inventory import Environment, Host, ToggleValue


def desired(
    compiler: Compiler,
    host: Host,
    facts: Mapping[str, Any],
    key: str,
    toggles: Mapping[str, Mapping[str, ToggleValue]] | None = None,
) -> tuple[Portrait, Catalog]:
    """A host's portrait as far as the files make it, and its catalog.

    Args:
        compiler: The environment's compiler.
        host: The host.
        facts: Its facts.
        key: The run's key, 64 hex digits.
        toggles: The environment's, see `load_toggles`.

    Raises:
        CdconfError: The catalog can't be compiled.
    """
    portrayed: tuple[Portrait, Catalog] = compiler.rendering(_desired, host, facts, key, toggles)
    return portrayed


def _desired(
    compiler: Compiler,
    facts: Mapping[str, Any],
    host: Host,
    key: str,
    toggles: Mapping[str, Mapping[str, ToggleValue]] | None,
) -> tuple[Portrait, Catalog]:
    noted = NotedFacts(facts)
    catalog = compiler.compile(host, noted.mapping)
    scope = compiler.scope(host, noted.mapping)
    portrait = Portrait(
        environment=compiler.environment.name,
        host=host.name,
        groups=host.groups,
        os=host.os,
        source=f"{host.file}:{host.line}",
        settings=_settings(compiler, host, scope, key),
        wanted={union.id: _wanted(union, compiler, key) for union in unions(catalog.resources)},
        facts_read=frozenset(noted.read),
        addresses=_declared_addresses(compiler, catalog),
        names=names_of(compiler.environment),
        toggles=toggles or {},
        size=host.size,
    )
    return portrait, catalog


def names_of(environment: Environment) -> frozenset[str]:
    """What tells an environment and its hosts from others, and may stand in their files."""
    hosts = environment.hosts.values()
    words = [environment.name, environment.provider, environment.copy_of]
    words += [word for host in hosts for word in (host.name, host.address, host.ssh.address)]
    return frozenset(word for word in words if word)


def _settings(compiler: Compiler, host: Host, scope: Scope, key: str) -> dict[str, Setting]:
    roles: dict[str, set[str]] = {}
    for role in compiler.roles_of(host):
        for name in role.variables:
            roles.setdefault(name, set()).add(role.name)
    names = sorted({*scope.raw, *scope.declared})
    return {
        name: replace(setting, roles=frozenset(roles.get(name, ())))
        for name in names
        for setting in _setting(name, scope, key)
    }


def _setting(name: str, scope: Scope, key: str) -> Iterator[Setting]:
    """The variable; none when nothing reads it and it has no value."""
    raw, declared = scope.raw.get(name), scope.declared.get(name)
    try:
        with scope.reading():
            value = scope.lookup(name, None)
            reads = scope.behind()
    except CdconfError:
        return
    secret = scope.is_secret(name) or (declared is not None and declared.secret)
    place = f"{declared.file}:{declared.line}" if declared is not None else ""
    yield Setting(
        value=sealed(key, value) if secret else plain(value),
        text=None if raw is None else plain(raw.value),
        source=raw.source if raw is not None else place,
        reads=reads - {name},
        secret=secret,
        per_environment=place if declared is not None and declared.per_environment else None,
    )


def _wanted(resource: Resource, compiler: Compiler, key: str) -> DesiredResource:
    kind = compiler.types[resource.type]
    fields = plain(resource.fields)
    if kind.needs_managed is not None:
        fields.pop("managed", None)  # it follows from the other resources, which are compared themselves
    if resource.sensitive:
        shown = resource.identity
        fields = {name: value if name in shown else sealed(key, value) for name, value in fields.items()}
    return DesiredResource(
        type=resource.type,
        title=resource.title,
        fields=fields,
        source=resource.source,
        role=resource.role,
        reads=resource.reads,
        absent=resource.absent,
        compared=kind.compared,
        portrayed=kind.portrayed,
    )


def _declared_addresses(compiler: Compiler, catalog: Catalog) -> frozenset[str]:
    """The values of `address` entries that the catalog does hold."""
    declared = {one.value for one in compiler.environment.differs if one.what == "address"}
    if not declared:
        return frozenset()
    held = {
        address
        for resource in catalog.resources
        for text in texts_of([resource.title, resource.fields])
        for address in addresses_in(text)
    }
    return frozenset(value for value in declared if held & set(addresses_in(value)))
