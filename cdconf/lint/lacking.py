"""What an environment's hosts will lack: secrets that nothing makes, and what apps need and no role brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from cdconf.agent.system.units import SUFFIXES
from cdconf.catalog.findings import LintFinding
from cdconf.errors import CdconfError, did_you_mean
from cdconf.facts import unknown_os
from cdconf.inventory import load_environment
from cdconf.inventory.folders import FILED, misnamed_in
from cdconf.secrets import SecretStore
from cdconf.secrets.operators import unset_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.catalog.model import Catalog, Resource
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.roles import Role

# Users that systems have by themselves, see base-passwd(5) and systemd's sysusers.d.
_SYSTEM_USERS = ("root", "daemon", "bin", "sys", "mail", "proxy", "www-data", "backup", "nobody", "systemd-network")
_UNITS = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/usr/local/lib/systemd/system/")


def findings(project: Project, roles: Mapping[str, Role], catalogs: Iterable[Catalog]) -> Iterator[LintFinding]:
    """All of it.

    Args:
        project: The project.
        roles: Those that can be read, by name.
        catalogs: Of the hosts that can be compiled.
    """
    environments, catalogs = [], list(catalogs)
    for name in project.filed():
        try:
            environments.append(load_environment(project, name))
        except CdconfError:
            continue  # it's among the errors
    if not project.filed():
        yield _no_environment(project)
    for environment in environments:
        yield from _systems(environment)
        yield from _places(environment)
        yield from _secrets(project, environment, roles, catalogs)
        yield from _services(project, environment)
    yield from _unmade(project, {one.name: one for one in environments}, catalogs)


def _systems(environment: Environment) -> Iterator[LintFinding]:
    for host in environment.hosts.values():
        unknown = unknown_os(host.os) if host.os is not None and host.image is None else None
        if unknown is not None:
            yield LintFinding("unknown_os", f"os of host '{host.name}': {unknown[0]}", host.file, host.line, unknown[1])


def _no_environment(project: Project) -> LintFinding:
    for place in ("inventory/*", "environments/*", f"{FILED}/*"):
        for folder in sorted(project.root.glob(place)):
            hint = misnamed_in(project.root, folder.name)
            if hint is not None:
                return LintFinding("no_environment", "the project has no environment", "cdconf.yml", 1, hint)
    return LintFinding(
        "no_environment", "the project has no environment", "cdconf.yml", 1, "make inventories/ENV/hosts.yml"
    )


def _places(environment: Environment) -> Iterator[LintFinding]:
    """Two names of one machine: a run that works on both is refused there."""
    known: dict[tuple[object, ...], str] = {}
    for host in environment.hosts.values():
        address = host.ssh.address or host.address
        if environment.provider != "existing" or host.transport != "ssh" or address is None:
            continue
        place = (address.lower(), host.ssh.port or 22, host.ssh.jump)
        other = known.setdefault(place, host.name)
        if other != host.name:
            message = f"host '{host.name}' is reached at {address} port {place[1]}, and so is host '{other}'"
            hint = "give each host its own address; one host can be in several groups"
            yield LintFinding("shared_address", message, host.file, host.line, hint)


def _secrets(
    project: Project, environment: Environment, roles: Mapping[str, Role], catalogs: Iterable[Catalog]
) -> Iterator[LintFinding]:
    """Secrets that are generated for hosts that a provider makes, and that people must set for their own."""
    if environment.provider != "existing":
        return
    try:
        known = set(SecretStore(project, environment).names())
    except CdconfError:
        return
    mine = [catalog for catalog in catalogs if catalog.environment == environment.name]
    known |= {
        name for catalog in mine for resource in catalog.resources for name in resource.reads
    }  # a source has had them
    used = {role for host in environment.hosts.values() for group in host.groups for role in project.groups[group]}
    for name in sorted(used & roles.keys()):
        for variable in roles[name].variables.values():
            if variable.generate is not None and variable.name not in known:
                known.add(variable.name)
                message = (
                    f"the secret '{variable.name}' has no value in {environment.name}, and nothing generates it there"
                )
                hint = unset_hint(project, environment, variable.name)
                yield LintFinding("missing_secret", message, variable.file, variable.line, hint)


def _services(project: Project, environment: Environment) -> Iterator[LintFinding]:
    """Services that two apps of one host start and stop."""
    for host in environment.hosts.values():
        for app, other in combinations(project.apps_on(host), 2):
            for service in other.services:
                if app.runs(service):
                    message = f"service '{service}' is also app '{app.name}'s, and {host.name} has both"
                    hint = "a deployment of one restarts the other: give each its own"
                    yield LintFinding("shared_service", message, other.file, other.line, hint)


def _unmade(
    project: Project, environments: Mapping[str, Environment], catalogs: Iterable[Catalog]
) -> Iterator[LintFinding]:
    for catalog in catalogs:
        environment = environments.get(catalog.environment)
        host: Host | None = environment.hosts.get(catalog.host) if environment is not None else None
        for app in project.apps_on(host) if host is not None else ():
            yield from _unmade_of(app, catalog)


def _unmade_of(app: App, catalog: Catalog) -> Iterator[LintFinding]:
    there = [resource for resource in catalog.resources if not resource.absent]
    for service in app.services:
        if not any(_brings_service(resource, service.removesuffix(".service")) for resource in there):
            message = f"no role of host '{catalog.host}' makes service '{service}' of app '{app.name}'"
            name = service if service.endswith(SUFFIXES) else f"{service}.service"
            units = [resource.title for resource in there if resource.type == "systemd_unit"]
            units += [unit.removesuffix(".service") for unit in units if "." not in service]
            hint = did_you_mean(service, units) or f"add `systemd_unit: {name}` to a role of its groups"
            yield LintFinding("unmade_service", message, app.file, app.line, hint)
    if (
        app.user is not None
        and app.user not in _SYSTEM_USERS
        and not any(_brings_user(resource, app.user) for resource in there)
    ):
        message = f"no role of host '{catalog.host}' makes user '{app.user}' of app '{app.name}'"
        yield LintFinding("unmade_user", message, app.file, app.line, f"add `user: {app.user}` to a role of its groups")
    if app.env_file is not None and not any(_names(resource, app.env_file) for resource in there):
        message = f"no role of host '{catalog.host}' writes the `env_file` of app '{app.name}': {app.env_file}"
        hint = f"add `file: {app.env_file}` to a role of its groups; without it, migrations and hooks fail"
        yield LintFinding("unmade_env_file", message, app.file, app.line, hint)


def _names(resource: Resource, path: str) -> bool:
    """Whether a resource has something to do with a path: it writes it, or a command that it runs does."""
    texts = [resource.title, *(value for value in resource.fields.values() if isinstance(value, str))]
    return any(path in text for text in texts)


def _brings_service(resource: Resource, service: str) -> bool:
    template = service.partition("@")[0] + "@" if "@" in service else service
    names = {name if name.endswith(SUFFIXES) else f"{name}.service" for name in (service, template)}
    if resource.type == "systemd_unit":
        return resource.title in names
    if resource.type == "service":
        return resource.title.removesuffix(".service") == service
    path = str(resource.fields.get("path", ""))
    return path == f"/etc/init.d/{service}" or any(path == folder + name for folder in _UNITS for name in names)


def _brings_user(resource: Resource, user: str) -> bool:
    """A package mostly has the user of its own name."""
    return (resource.type == "user" and resource.title == user) or (
        resource.type == "package" and resource.title.startswith(user)
    )
