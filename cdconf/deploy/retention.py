"""Which artifacts may go: the hosts' ledgers know what runs and what could be rolled back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact
from cdconf.deploy.runner import app_document
from cdconf.engine import Fleet, RunIdentity
from cdconf.environments import provider_for
from cdconf.errors import CdconfError, ProviderError, Unreachable
from cdconf.events import Emit, Step
from cdconf.inventory import load_environment
from cdconf.session import Connector

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session


@dataclass
class Use:
    """What hosts hold.

    Attributes:
        digests: The archive and tree digests of all releases that are on a host.
        unknown: App -> why it isn't known what its hosts hold.
        unreachable: Whether that's since a host didn't answer.
    """

    digests: set[str] = field(default_factory=set)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    unreachable: bool = False

    def add(self, page: Mapping[str, Any]) -> None:
        """Takes in an app's page of a host's ledger."""
        for about in page["releases"].values():
            self.digests |= {about["archive"], about["tree"]}

    def doubt(self, apps: Iterable[str], why: str) -> None:
        """Notes that nothing is known of what a host holds of these apps."""
        for app in apps:
            self.unknown.setdefault(app, []).append(why)


def superfluous(artifacts: Sequence[Artifact], use: Use, keep: int) -> list[Artifact]:
    """Those that no host holds and that aren't among the newest of their app.

    Args:
        artifacts: All artifacts, the newest first.
        use: What hosts hold; artifacts of an app of which that isn't known stay.
        keep: How many of the newest of each app stay.
    """
    seen: dict[str, int] = {}
    result = []
    for one in artifacts:
        seen[one.app] = seen.get(one.app, 0) + 1
        held = one.archive in use.digests or one.tree in use.digests
        if seen[one.app] > keep and not held and one.app not in use.unknown:
            result.append(one)
    return result


def in_use(project: Project, emit: Emit, *, forks: int = 32, accept_new_host_keys: bool = False) -> Use:
    """Asks every host of every environment; takes no lease and changes nothing.

    Raises:
        InvalidFile: An inventory breaks a rule, so that its hosts can't be asked.
    """
    use = Use()
    for name in project.environments():
        environment = load_environment(project, name)
        apps = {host.name: project.apps_on(host) for host in environment.hosts.values()}
        hosts = _located(project, environment, apps, use)
        if not hosts:
            continue
        emit(Step(f"asking {name}: {', '.join(host.name for host in hosts)}"))
        connector = Connector(project, environment, emit, accept_new_host_keys=accept_new_host_keys)
        with Fleet(connector, environment, RunIdentity("artifact gc"), emit, forks=forks) as fleet:
            errors = fleet.connect(hosts, lease=False)
            outcome = fleet.each(hosts, partial(_pages, apps))
            for pages in outcome.results.values():
                for page in pages:
                    use.add(page)
            for host, error in (errors | outcome.errors).items():
                _doubt(use, apps[host], f"{name}: {host}: {error.message}", error)
    return use


def _pages(apps: Mapping[str, Sequence[App]], session: Session) -> list[dict[str, Any]]:
    return [session.call("app.status", app=app_document(app)) for app in apps[session.host.name]]


def _located(project: Project, environment: Environment, apps: Mapping[str, Sequence[App]], use: Use) -> list[Host]:
    """The hosts that can be asked. Those that a provider hasn't made here hold nothing; stopped ones might."""
    wanted = [host for host in environment.hosts.values() if apps[host.name]]
    try:
        provider = provider_for(project, environment)
        located = provider.locate(wanted)
        if len(located) < len(wanted) and provider.standing().made:
            for host in wanted:
                if host.name not in located:
                    why = f"{environment.name}: {host.name} doesn't run"
                    _doubt(use, apps[host.name], why, Unreachable(why))
    except ProviderError as error:
        for host in wanted:
            _doubt(use, apps[host.name], f"{environment.name}: {error.message}", error)
        return []
    return list(located.values())


def _doubt(use: Use, apps: Sequence[App], why: str, error: CdconfError) -> None:
    use.doubt((app.name for app in apps), why)
    use.unreachable = use.unreachable or isinstance(error, Unreachable)
