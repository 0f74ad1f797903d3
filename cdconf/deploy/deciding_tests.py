"""Whose smoke tests decide over a change of one app, on hosts that serve several.

The tests of all roles on a host run, but those of a role that is another app's don't decide: that app may not be there
yet, or be down for reasons of its own. A role is an app's when it manages a unit of its services, its `env_file`, or
something at its `path`. Every other role's tests decide; what failed before the change already only warns, unless the
role is the app's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.events import Emit, Notice
from cdconf.roles import smoke_files

if TYPE_CHECKING:
    from cdconf.catalog.model import Resource
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.resources.spec import ResourceType

Tests = Mapping[str, Collection[str]]  # host -> "role: test"


@dataclass(frozen=True)
class Deciding:
    """Which failed tests decide.

    Args:
        apps: The names of those that the change is about.
        owners: Role -> the names of the apps whose it is; roles that are no app's may be missing.
        before: The tests that failed before the change.
        here: Host -> the names of the apps that it serves, when that's what decides, host by host.
    """

    apps: frozenset[str] = frozenset()
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    before: Tests = field(default_factory=dict)
    here: Mapping[str, Collection[str]] = field(default_factory=dict)

    def excuse(self, host: str, test: str) -> str | None:
        """Why a failed test, `role: name`, doesn't decide; None when it does."""
        owners = self.owners.get(test.partition(": ")[0], frozenset())
        if owners and not owners.intersection(self.here.get(host, self.apps)):
            return f"its role belongs to {' and '.join(sorted(owners))}"
        if not owners and test in self.before.get(host, ()):
            return "it failed before, too"
        return None

    def shared(self, roles: Collection[str]) -> list[str]:
        """Those of the roles that are no app's; none when nobody knows which are the app's own."""
        known = any(owners & self.apps for owners in self.owners.values())
        return [role for role in roles if not self.owners.get(role)] if known else []

    def after(self, before: Tests) -> Deciding:
        """The same, once it's known what failed before the change."""
        return replace(self, before=before)


def deciding(
    project: Project, environment: Environment, apps: Collection[App], hosts: Sequence[Host], emit: Emit
) -> Deciding:
    """Finds out whose the hosts' roles are, from their catalogs: compiled with the facts that were last seen.

    When one can't be compiled, every role decides, and that's said.
    """
    names = frozenset(app.name for app in apps)
    tested = {role for host in hosts for group in host.groups for role in project.groups[group]}
    if len([role for role in tested if smoke_files(project.root, [role])]) < 2:
        return Deciding(names)  # one role's tests decide in any case
    from cdconf.catalog import Compiler
    from cdconf.facts import FactCache, HostFacts, sample
    from cdconf.secrets.offline import OfflineSecrets

    owners: dict[str, set[str]] = {}
    try:
        compiler = Compiler(project, environment, secrets=OfflineSecrets(project, environment))
        cache = FactCache(project.data, environment.name)
        for host in hosts:
            facts = HostFacts(cache.load(host.name).facts, lambda groups: sample())
            for resource in compiler.compile(host, facts.mapping).resources:
                found = [
                    app.name for app in project.apps.values() if manages(resource, compiler.types[resource.type], app)
                ]
                owners.setdefault(resource.role, set()).update(found)
    except CdconfError as error:
        text = f"all roles' smoke tests decide, since it can't be told whose each role is: {error}"
        emit(Notice(text, warning=True))
        return Deciding(names)
    return Deciding(names, {role: frozenset(found) for role, found in owners.items() if found})


def manages(resource: Resource, kind: ResourceType, app: App) -> bool:
    """Whether a resource is a unit of an app's services, its `env_file`, or at its path."""
    if resource.type in ("systemd_unit", "service") and app.runs(resource.title):
        return True
    paths = kind.managed_paths(resource.fields)
    below = app.path.rstrip("/") + "/"
    return any(path == app.env_file or f"{path}/".startswith(below) for path in paths)
