"""Whether those environments are alike that must be, before anything is deployed to one: `parity` in `require`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.engine import USUAL, Connecting
from cdconf.errors import UNREACHABLE, GateClosed, HostFailed, InvalidFile, Unreachable, worst_exit
from cdconf.events import HostDone, Notice, Step
from cdconf.inventory import load_environment
from cdconf.parity.environments import ParityOptions, compare_environments
from cdconf.parity.report import briefly
from cdconf.promotion.requirements import requirements_of

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.events import Emit, Event
    from cdconf.inventory import Environment, Project


def check_required(
    project: Project, environment: Environment, artifact: Artifact, emit: Emit, connecting: Connecting = USUAL
) -> None:
    """Compares the environment with those that must be like it, which must run the artifact already.

    Args:
        project: The project.
        environment: Where the artifact is about to be deployed.
        artifact: The artifact.
        emit: The event stream.
        connecting: How the run connects to hosts.

    Raises:
        GateClosed: They aren't alike.
        HostFailed: A host couldn't be looked at.
        InvalidFile: No environment is a copy of this one, so that the requirement can't be met.
        Unreachable: A host doesn't answer, so that nobody can say.
    """
    options = ParityOptions(connecting)

    def tell(event: Event) -> None:
        """The other environment's hosts, and how these stood before, are no part of the deployment's result."""
        if not isinstance(event, HostDone):
            emit(event)
        elif event.error:
            emit(Notice(f"{event.host}: {event.error}", warning=True))

    for name in required(project, environment):
        emit(Step(f"parity: is {name} like {environment.name}?"))
        copy = load_environment(project, name)
        found = compare_environments(
            project, copy, environment, tell, options, running={artifact.app: artifact.release}
        )
        command = f"`cdconf parity {name} {environment.name}`"
        failed = worst_exit(found.codes)
        if failed == UNREACHABLE:
            raise Unreachable(
                f"{environment.name} requires parity with {name}, and not all of their hosts answer",
                hint=f"{command} shows which",
            )
        if failed:
            raise HostFailed(
                f"{environment.name} requires parity with {name}, and not all of their hosts could be looked at",
                hint=f"{command} shows why",
            )
        if not found.comparison.alike:
            raise GateClosed(
                f"{environment.name} requires parity with {name}, and they differ: {briefly(found.comparison)}",
                hint=f"{command} shows where; what's meant to differ is declared in {copy.file}",
            )
        for unreleased in found.comparison.unreleased:
            emit(Notice(str(unreleased)))
        if found.others:
            listed = ", ".join(found.others)
            text = f"{name} and {environment.name} run different releases of {listed}"
            emit(Notice(f"{text}, which isn't compared: that's asked when these are deployed"))
        emit(Notice(f"{name} is like {environment.name}"))


def required(project: Project, environment: Environment) -> list[str]:
    """The environments that must be like this one.

    Raises:
        InvalidFile: `parity` is required, and no environment is a copy of this one.
    """
    names: dict[str, None] = {}
    for one in requirements_of(project, environment).parity:
        found = [one] if one != "*" else _copies(project, environment)
        if not found:
            raise InvalidFile(
                f"{environment.name} requires parity, and no environment is a copy of it",
                file=environment.file,
                hint="name one: `require: [{parity: staging}]`",
            )
        names |= dict.fromkeys(found)
    return list(names)


def _copies(project: Project, environment: Environment) -> list[str]:
    others = [name for name in project.filed() if name != environment.name]
    return [name for name in others if load_environment(project, name).copy_of == environment.name]
