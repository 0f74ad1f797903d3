"""What a host turns out to be once it's connected to: whose it is, and which system it runs.

All of it comes with what the session opens with anyway, and is looked at before the first lease is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import GateClosed, HostFailed, NotStarted, Unreachable
from cdconf.facts import is_system, system_name

if TYPE_CHECKING:
    from cdconf.errors import CdconfError
    from cdconf.inventory import Environment, Host
    from cdconf.session import Session
    from cdconf.session.answers import Identity

Groups = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Guarded:
    """Environments that operators' policies on this machine guard.

    Attributes:
        project: The name of the run's project.
        environments: Project's name -> its guarded environments -> the file of the policy.
    """

    project: str = ""
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def check(self, session: Session, environment: str, *, shared: bool = False) -> None:
        """Raises `GateClosed` for a host of a guarded environment, unless the run's own is guarded as well.

        What a policy asks for could be left behind otherwise: by an environment, or a project, of another name. That
        name may well be one for which there's a policy, too: so a host that another project guards, and that doesn't
        know the run's own project yet, must be shared by somebody's word.

        Args:
            session: The host.
            environment: The run's.
            shared: Whether the operator has named the host.
        """
        is_guarded = environment in self.environments.get(self.project, {})
        if is_guarded and (shared or session.identity is not None):
            return
        for project, known in session.projects().items():
            guarded = self.environments.get(project, {})
            if known is None and guarded:
                text = f"which environment of project '{project}' this host belongs to can't be read"
                raise GateClosed(text, host=session.host.name, hint="see `cdconf status` of that project")
            if known is not None and known["environment"] in guarded:
                was = known["environment"] if project == self.project else f"{project}/{known['environment']}"
                now = environment if project == self.project else f"{self.project}/{environment}"
                text = f"this host is {was}'s '{known['host']}', which {guarded[known['environment']]} guards"
                if is_guarded:
                    hint = f"if both are to share it, say so: `cdconf provision {environment} --take-over"
                    raise GateClosed(
                        f"{text}; it doesn't know project '{self.project}' yet",
                        host=session.host.name,
                        hint=f"{hint} {session.host.name}`",
                    )
                hint = f"if it's meant to become {now}'s, let a policy name that environment first"
                raise GateClosed(f"{text}; no policy names {now}", host=session.host.name, hint=hint)


@dataclass(frozen=True)
class Checks:
    """What a run wants of the hosts that it meets.

    Attributes:
        environment: Whose hosts they should be.
        systems: Whether hosts that nobody made of their `os` must run it.
        take_over: The names of those that may have been another environment's.
        guarded: What operators' policies guard.
    """

    environment: Environment
    systems: bool = False
    take_over: frozenset[str] = frozenset()
    guarded: Guarded = field(default_factory=Guarded)

    def facts(self, wanted: Groups = lambda host: ()) -> Groups:
        """The groups of facts that sessions should open with: what the run reads, and what's checked here."""

        def groups(name: str) -> Sequence[str]:
            host = self.environment.hosts.get(name)
            checked = ("os",) if host is not None and self._checks_system(host) else ()
            return tuple(dict.fromkeys((*wanted(name), *checked)))

        return groups

    def _checks_system(self, host: Host) -> bool:
        return self.systems and self.environment.provider == "existing" and host.os is not None

    def check(self, session: Session) -> None:
        """Looks at a host that has just been connected to; changes nothing.

        Raises:
            HostFailed: It belongs to another environment, or runs another system.
        """
        host = session.host
        if self.guarded.environments:
            self.guarded.check(session, self.environment.name, shared=host.name in self.take_over)
        before = self.was_of(session)
        if before is not None and host.name not in self.take_over:
            raise _wrong_environment(host, before, self.environment.name)
        if self._checks_system(host):
            self.check_system(host, session.facts.get(["os"])["os"])

    def check_system(self, host: Host, about: Mapping[str, Any]) -> None:
        """Raises `HostFailed` unless the host's system, the fact `os`, is what the inventory says."""
        if host.os is not None and self._checks_system(host) and not is_system(host.os, about):
            raise HostFailed(
                f"it runs {system_name(about)}, not {host.os}",
                host=host.name,
                file=host.file or None,
                line=host.line,
                hint="correct its `os`, or its address: it may be another machine than you think",
            )

    def was_of(self, session: Session) -> Identity | None:
        """`{"environment", "host"}` of a host that belongs to another environment of the project; None otherwise."""
        known = session.identity
        return known if known is not None and known["environment"] != self.environment.name else None


def _wrong_environment(host: Host, known: Identity, environment: str) -> HostFailed:
    return HostFailed(
        f"this host is {known['environment']}'s '{known['host']}', not {environment}'s",
        host=host.name,
        file=host.file or None,
        line=host.line,
        hint="look at its address: two environments never share a machine. If it's meant to move here, take it out of "
        f"{known['environment']}'s hosts.yml and run `cdconf provision {environment} --take-over {host.name}`",
    )


def refused(errors: Mapping[str, CdconfError]) -> bool:
    """Whether a host is wrong, rather than unreachable or unable: then nothing is changed on any."""
    return bool(refusals(errors))


def refusals(errors: Mapping[str, CdconfError]) -> list[CdconfError]:
    """Those of the errors of hosts that were connected to that stop a run on all of them.

    A held lease or another environment's host says that the run itself isn't right. What a host says in place of its
    agent counts for that host alone: else any host could keep the others from being put right.
    """
    return [error for error in errors.values() if not isinstance(error, (Unreachable, NotStarted))]
