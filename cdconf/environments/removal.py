"""Removes environments: one by its name, or all throw-away ones whose time is over.

What goes last is a throw-away environment's definition, so that a removal that was killed is ended by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cdconf.engine import open_fleet
from cdconf.environments.choice import provider_for
from cdconf.environments.hold import Occupied, hold
from cdconf.environments.throwaway import DEFAULT_PROVIDER, forget
from cdconf.environments.vagrant.state import made as vagrant_made
from cdconf.errors import CdconfError, LeaseHeld, UsageError
from cdconf.events import HostLeased, Leased
from cdconf.facts import FactCache
from cdconf.inventory import Environment, load_environment
from cdconf.inventory.folders import HOSTS_FILE, THROWN_AWAY
from cdconf.inventory.keys import PROVIDERS
from cdconf.inventory.model import Throwaway
from cdconf.inventory.throwaway import read_lifetime
from cdconf.yamlfile import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.events import Emit, Event
    from cdconf.inventory import Project

REASON = "destroy"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Removal:
    """What became of the throw-away environments whose time is over, by name.

    Attributes:
        removed: What was removed with each.
        left: Those that are in use, and by whom: the next one removes them.
        failed: Those that couldn't be removed, or of which nobody can say whether their time is over.
    """

    removed: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, LeaseHeld] = field(default_factory=dict)
    failed: dict[str, CdconfError] = field(default_factory=dict)


def to_remove(project: Project, name: str) -> Environment:
    """An environment that's to be removed: a throw-away one is known by its definition, whatever became of the rest.

    Raises:
        UsageError: There's no such environment.
        InvalidFile: Its files break a rule.
    """
    try:
        return load_environment(project, name)
    except CdconfError:
        if name not in project.throwaways():
            raise
    file = f"{THROWN_AWAY}/{name}/{HOSTS_FILE}"
    lifetime = Throwaway(_NEVER, _NEVER)
    return Environment(name, _provider_of(project, name, file), None, {}, [], file, throwaway=lifetime)


def _provider_of(project: Project, name: str, file: str) -> str:
    if not (project.root / file).is_file():  # it has gone, and its hosts may still be there
        return "vagrant" if vagrant_made(project.root, name) else DEFAULT_PROVIDER
    top = load(project.root / file, project.root)
    provider = top.get("provider")
    if provider not in PROVIDERS:
        raise top.error(f"'{provider}' is no provider, so its hosts can't be found", "provider")
    return str(provider)


def remove(project: Project, environment: Environment, emit: Emit) -> list[str]:
    """Removes an environment's hosts and all that belongs to them, whoever is at work on them.

    Returns:
        What was removed, for people.

    Raises:
        ProviderError: Its hosts weren't made by a provider, or can't be removed.
    """
    if environment.provider == "existing":
        return provider_for(project, environment).destroy(emit)  # refuses
    with hold(project, environment.name, REASON, emit):
        return _remove(project, environment, emit)


def _remove(project: Project, environment: Environment, emit: Emit) -> list[str]:
    removed = provider_for(project, environment).destroy(emit)
    FactCache(project.data, environment.name).forget()
    (project.data / "plans" / f"{environment.name}.json").unlink(missing_ok=True)
    if environment.name in project.throwaways():
        forget(project, environment.name)
    return removed


def remove_expired(project: Project, emit: Emit) -> Removal:
    """Removes the throw-away environments whose time is over; never one that has a file, or is in use.

    Each is taken like any run takes an environment, so that no deployment loses its hosts; one that fails keeps none of
    the others.
    """
    done = Removal()
    for name in project.throwaways():
        try:
            if not _is_over(project, name):
                continue
            with hold(project, name, REASON):
                if _is_over(project, name):  # still: someone may have prolonged it, or removed it
                    done.removed[name] = _remove_unused(project, load_environment(project, name), emit)
        except LeaseHeld as error:
            if not (isinstance(error, Occupied) and error.reason == REASON):  # else it's being removed right now
                done.left[name] = error
        except CdconfError as error:
            done.failed[name] = error
        except OSError as error:
            done.failed[name] = CdconfError(f"{name} can't be removed: {error}")
    return done


def _is_over(project: Project, name: str) -> bool:
    lifetime = read_lifetime(project, name)
    return lifetime is not None and lifetime.is_over(datetime.now(UTC))


def _remove_unused(project: Project, environment: Environment, emit: Emit) -> list[str]:
    """Takes the leases on all hosts, and removes them all within these.

    Raises:
        LeaseHeld: Another run has one; nothing was removed.
        CdconfError: A host that runs, or is paused, can't be asked whether it's in use; nothing was removed.
    """

    def tell(event: Event) -> None:
        if not isinstance(event, (Leased, HostLeased)):  # the result is about environments, not about one run's hosts
            emit(event)

    if environment.provider == "existing":
        raise UsageError(f"{environment.file} says that its hosts exist on their own", hint="`provider: docker`")
    provider = provider_for(project, environment)
    unused = provider.unused(list(environment.hosts.values()))
    asked = [host for host in environment.hosts.values() if host.name not in unused]
    located = provider.locate(asked)
    with open_fleet(project, environment, REASON, tell) as fleet:
        errors: dict[str, CdconfError] = fleet.connect(list(located.values()), lease=True)
        errors |= {host.name: provider.absence(host) for host in asked if host.name not in located}
        if errors:  # what a removal that was killed has asked of the engine may have ended them meanwhile
            ended = provider.unused(asked)
            errors = {name: one for name, one in errors.items() if name not in ended or isinstance(one, LeaseHeld)}
        _refuse(environment, errors, {name: session.lease for name, session in fleet.sessions.items()})
        return _remove(project, environment, tell)


def _refuse(
    environment: Environment, errors: Mapping[str, CdconfError], leases: Mapping[str, Mapping[str, Any] | None]
) -> None:
    """Raises why an environment may be in use: silence is no sign that it isn't.

    Args:
        environment: Which one.
        errors: Of the hosts on which no lease could be taken.
        leases: Host -> who had it when it was connected to; where one host is refused, no lease is asked for.
    """
    if not errors:
        return
    holders = [error for error in errors.values() if isinstance(error, LeaseHeld)]
    holders += [
        LeaseHeld(f"held by {lease['owner']} ({lease['reason']}, {lease['age_s']:.0f} s ago)", host=name)
        for name, lease in leases.items()
        if lease is not None
    ]
    if holders:
        raise holders[0]
    name, error = next(iter(errors.items()))
    error.host = error.host or name
    error.message = f"can't be asked whether a run is at work there: {error.message}"
    error.hint = f"`cdconf destroy {environment.name} --yes` removes it all the same"
    raise error
