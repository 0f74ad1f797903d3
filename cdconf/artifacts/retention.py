"""Which artifacts may go: the hosts' ledgers know what runs and what could be rolled back to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact
from cdconf.artifacts.holders import archive_of
from cdconf.engine import USUAL, Connecting, open_fleet
from cdconf.environments import provider_for
from cdconf.errors import CdconfError, NotStarted, ProviderError, Unreachable, first_line
from cdconf.events import Emit, Step
from cdconf.inventory import load_environment

if TYPE_CHECKING:
    from cdconf.artifacts.holders import HoldingHosts, Uses
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session
    from cdconf.session.app_answers import AppStatus


@dataclass
class Use:
    """What hosts hold.

    Attributes:
        digests: The archive and tree digests of all releases that are on a host.
        unknown: App -> why it isn't known what its hosts hold.
        unreachable: Whether that's since a host didn't answer.
        failed: Whether that's since a host answered, and couldn't tell.
        elsewhere: Archive -> which hosts that can't be asked from here may hold it, by what the store says.
    """

    digests: set[str] = field(default_factory=set)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    unreachable: bool = False
    failed: bool = False
    elsewhere: dict[str, list[str]] = field(default_factory=dict)

    def add(self, page: Mapping[str, Any]) -> None:
        """Takes in an app's page of a host's ledger."""
        for about in page["releases"].values():
            self.digests |= {about["archive"], about["tree"]}

    def doubt(self, apps: Iterable[str], why: str) -> None:
        """Notes that nothing is known of what a host holds of these apps."""
        for app in apps:
            self.unknown.setdefault(app, []).append(why)

    def note(self, project: Project, said: Uses) -> None:
        """Takes in what the store says: what runs have reserved, and what hosts may hold that weren't asked."""
        for archive in said.reserved:
            self.elsewhere.setdefault(archive, []).append("a run is about to bring it to hosts")
        for name, holder in said.holders.items():
            if holder is None:
                self.elsewhere.setdefault(archive_of(name) or "", []).append(f"{name} can't be read")
            elif not _is_asked(project, holder):
                date = datetime.fromtimestamp(holder.at, UTC).strftime("%Y-%m-%d")
                text = f"{holder.environment}'s hosts of checkout {holder.checkout} may hold it ({holder.by}, {date})"
                self.elsewhere.setdefault(holder.archive, []).append(
                    f"{text}; if they're gone: --forget {holder.where}"
                )


def _is_asked(project: Project, holder: HoldingHosts) -> bool:
    """Whether the holder's hosts are among those that are asked from here."""
    if holder.environment not in project.environments():
        return False
    if holder.checkout == project.checkout:
        return True
    return {holder.provider, load_environment(project, holder.environment).provider} == {"existing"}


def superfluous(artifacts: Sequence[Artifact], use: Use, keep: int) -> list[Artifact]:
    """Those that no host holds and that aren't among the newest of their app, by the store nor by when they were built.

    Where a store was copied, its own times are those of the copy.

    Args:
        artifacts: All artifacts, what the store took in last first.
        use: What hosts hold; artifacts of an app of which that isn't known stay.
        keep: How many of the newest of each app stay.
    """
    new = _newest(artifacts, keep) | _newest(sorted(artifacts, key=lambda artifact: -artifact.built_at), keep)
    result = []
    for artifact in artifacts:
        held = artifact.archive in use.digests or artifact.tree in use.digests or artifact.archive in use.elsewhere
        if artifact not in new and not held and artifact.app not in use.unknown:
            result.append(artifact)
    return result


def _newest(artifacts: Sequence[Artifact], keep: int) -> set[Artifact]:
    seen: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        seen.setdefault(artifact.app, []).append(artifact)
    return {artifact for of_app in seen.values() for artifact in of_app[:keep]}


def in_use(
    project: Project,
    emit: Emit,
    connecting: Connecting = USUAL,
    *,
    without: Collection[str] = (),
) -> Use:
    """Asks every host of every environment; takes no lease and changes nothing.

    Args:
        project: The project.
        emit: The event stream.
        connecting: How the run connects to hosts.
        without: Environments of whose hosts, where other checkouts made them, what the store says is enough.

    Raises:
        InvalidFile: An inventory breaks a rule, so that its hosts can't be asked.
    """
    use = Use()
    for name in project.environments():
        environment = load_environment(project, name)
        apps = {host.name: project.apps_on(host) for host in environment.hosts.values()}
        hosts = _located(project, environment, apps, use, without)
        if not hosts:
            continue
        emit(Step(f"asking {name}: {', '.join(host.name for host in hosts)}"))
        with open_fleet(project, environment, "artifact gc", emit, connecting) as fleet:
            found, errors = fleet.look(hosts, partial(_pages, apps)).split()
            for pages in found.values():
                for page in pages:
                    use.add(page)
            for host, error in errors.items():
                _doubt(use, apps[host], f"{name}: {host}: {first_line(error.message)}", error)
                use.failed = use.failed or not isinstance(error, (Unreachable, NotStarted))
    return use


def _pages(apps: Mapping[str, Sequence[App]], session: Session) -> list[AppStatus]:
    return [session.app_status(app.document()) for app in apps[session.host.name]]


def _located(
    project: Project,
    environment: Environment,
    apps: Mapping[str, Sequence[App]],
    use: Use,
    without: Collection[str],
) -> list[Host]:
    """The hosts that can be asked. Stopped ones might hold something.

    So might those that a provider hasn't made here, if the store is shared: another checkout may have made its own.
    """
    wanted = [host for host in environment.hosts.values() if apps[host.name]]
    try:
        provider = provider_for(project, environment)
        located = provider.locate(wanted)
        is_made = len(located) == len(wanted) or bool(provider.standing().made)
        if not is_made and _may_be_elsewhere(project, environment) and environment.name not in without:
            why = (
                f"{environment.name}: its hosts aren't made in this checkout, and another one's can't be asked; "
                f"--without {environment.name} goes by what deployments to them have noted in the store"
            )
            _doubt(use, [app for host in wanted for app in apps[host.name]], why, Unreachable(why))
        if is_made:
            for host in wanted:
                if host.name not in located:
                    why = f"{environment.name}: {host.name} doesn't run"
                    _doubt(use, apps[host.name], why, Unreachable(why))
    except ProviderError as error:
        for host in wanted:
            _doubt(use, apps[host.name], f"{environment.name}: {error.message}", error)
        return []
    return list(located.values())


def _may_be_elsewhere(project: Project, environment: Environment) -> bool:
    return project.store is not None and environment.provider != "existing" and environment.name in project.filed()


def _doubt(use: Use, apps: Sequence[App], why: str, error: CdconfError) -> None:
    use.doubt(dict.fromkeys(app.name for app in apps), why)
    use.unreachable = use.unreachable or isinstance(error, (Unreachable, NotStarted))
