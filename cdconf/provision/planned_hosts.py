"""The hosts of a provision before there's a connection to them: found, made, or only said what they'd become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.agent.converge import compare
from cdconf.catalog.precheck import Beforehand, check_beforehand, raise_all
from cdconf.environments import ensure_hosts
from cdconf.errors import NotMade
from cdconf.events import Emit, HostDone, Notice, ResourceDone

if TYPE_CHECKING:
    from cdconf.catalog import Catalog, Compiler
    from cdconf.environments.provider import Provider
    from cdconf.inventory import Environment, Host, Project


@dataclass(frozen=True)
class HostsToBe:
    """The environment's hosts, as far as they don't run yet.

    Attributes:
        project: The project.
        environment: The environment.
        provider: The environment's.
        make_compiler: Gives the environment's compiler.
        emit: The event stream.
    """

    project: Project
    environment: Environment
    provider: Provider
    make_compiler: Callable[[], Compiler]
    emit: Emit

    def made(self, hosts: Sequence[Host], *, from_snapshot: bool) -> dict[str, Host]:
        """Makes those that aren't there; what's wrong with their files ends the run before that.

        Raises:
            CdconfError: A file breaks a rule, or a host can't be made.
        """
        if self.environment.provider != "existing" and len(self.provider.locate(hosts)) < len(hosts):
            check_beforehand(self.make_compiler(), hosts)
        if from_snapshot:
            from cdconf.environments.docker.snapshots import use_snapshots

            use_snapshots(self.project, self.environment, self.provider, self.make_compiler, hosts, self.emit)
        return ensure_hosts(self.project, self.environment, self.provider, hosts, self.emit)

    def tell(self, hosts: Iterable[Host]) -> None:
        """Says of hosts that don't run what would become of them, and of new ones what they'd get; for a plan.

        Raises:
            CdconfError: A file breaks a rule.
        """
        looking = Beforehand(self.make_compiler())
        for host in hosts:
            absence = self.provider.absence(host)
            self.emit(Notice(f"{absence}; provision would make or start it"))
            catalog = looking.look(host)
            raise_all([*looking.errors.values()])
            is_new = isinstance(absence, NotMade)  # what a host has that was only stopped, it alone can tell
            if catalog is not None and is_new:
                self._tell_resources(catalog, looking)
            for declared in looking.open if is_new else ():
                shown = declared.title if isinstance(declared.title, str) else ", ".join(map(str, declared.title))
                self._tell(
                    host.name, (declared.type, shown, declared.source), "reads facts that only the host can tell"
                )
            self.emit(HostDone(host.name, "not_attempted"))

    def _tell_resources(self, catalog: Catalog, looking: Beforehand) -> None:
        due: dict[str, None] = {}
        for resource in catalog.resources:
            compared = looking.types[resource.type].compared
            name = (resource.type, resource.title, resource.source)
            if not compared:
                self._tell(catalog.host, name, "only the host can tell")
                continue
            entry = resource.document()
            differing = compare.difference(entry, None, compared)
            if differing:
                due.update(dict.fromkeys(resource.notify))
                done = ResourceDone(catalog.host, *name[:2], "would_change", name[2], compare.text(entry, differing))
                self.emit(done)
        for handler in due:
            source = catalog.handlers[handler].resource.source
            text = "notified; runs at the end"
            self.emit(ResourceDone(catalog.host, "handler", handler, "would_change", source, message=text))

    def _tell(self, host: str, name: tuple[str, str, str], why: str) -> None:
        kind, title, source = name
        self.emit(ResourceDone(host, kind, title, "unknown", source, message=why))
