"""What a rollout came to, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.deploy.rollout import Failure, Rollout
from cdconf.errors import CdconfError, DeployFailed, HostFailed, Unreachable, first_line
from cdconf.events import Emit, HostDone, HostStatus, Notice

if TYPE_CHECKING:
    from cdconf.deploy.target import Target


def _status(failure: Failure) -> HostStatus:
    return "unreachable" if failure.unreachable else "failed"


def explain_undelivered(rollout: Rollout, target: Target, emit: Emit) -> None:
    """Raises the error of the first host that runs the release and couldn't be told that it's verified."""
    for name, failure in rollout.undelivered.items():
        emit(HostDone(name, _status(failure), f"runs {target.release}, but couldn't be told that it's verified"))
    for name, failure in rollout.undelivered.items():
        kind = Unreachable if failure.unreachable else HostFailed
        message, _, detail = failure.message.partition("\n")
        raise kind(
            f"didn't hear the confirmation: {message}",
            host=name,
            detail=detail or None,
            hint="it goes back by itself; end the deployment with `cdconf deploy --resume` when it answers",
        )


def left_behind(rollout: Rollout) -> str:
    """In which state a rollout that failed or was interrupted has left the hosts."""
    if rollout.stuck:
        known = [name for name in rollout.stuck if name not in rollout.unknown]
        unknown = [name for name in rollout.stuck if name in rollout.unknown]
        parts = [f"NOT rolled back: {', '.join(known)}"] if known else []
        parts += [f"not known whether it's rolled back: {', '.join(unknown)}"] if unknown else []
        others = any(name not in rollout.stuck for name in rollout.touched)
        return "; ".join([*parts, *(["all others were"] if others else [])])
    return "every touched host was rolled back" if rollout.touched else "no host was touched"


def explained(rollout: Rollout, target: Target, emit: Emit) -> CdconfError:
    """Says in which state the hosts are; the error says what failed."""
    name, failure = max(rollout.failures.items(), key=lambda one: one[1].verdict)  # the first verdict, if any
    for host in target.hosts:
        if host.name in rollout.failures and host.name not in rollout.touched:
            why = rollout.failures[host.name]
            emit(HostDone(host.name, _status(why), first_line(why.message)))
        elif host.name not in rollout.touched:
            emit(HostDone(host.name, "not_attempted"))
        elif host.name in rollout.failures and host.name != name:  # the first one's reason is the error's
            emit(Notice(f"{host.name}: {rollout.failures[host.name].message}", warning=True))
    targets = {host.name for host in target.hosts}
    for other, why in rollout.failures.items():
        if other and other not in targets:  # it has the release already
            emit(HostDone(other, _status(why), first_line(why.message)))
    alone = target.app.confirm_within and all(why.unreachable for why in rollout.stuck.values())
    name_stuck(rollout, emit)
    message, _, detail = failure.message.partition("\n")
    what = left_behind(rollout)
    if rollout.stuck:
        what += f"; it goes back by itself within {2 * target.app.confirm_within:g} s" if alone else ""
    if rollout.left_drained:
        still = "not known whether still drained" if rollout.unasked else "STILL DRAINED"
        what += f"; {still}: {', '.join(rollout.left_drained)}"
        what += "; whoever drained them tries again by itself" if target.app.confirm_within else ""
    hint = _next(rollout, target)
    about: dict[str, Any] = {"host": name or None, "detail": detail or None, "hint": hint}
    if rollout.is_unreachable:
        return Unreachable(f"{message} ({what})", **about)
    return DeployFailed(f"{message} ({what})", verdict=rollout.is_verdict, **about)


def _next(rollout: Rollout, target: Target) -> str:
    """What somebody does after a deployment that failed."""
    if rollout.stuck or rollout.left_drained:
        return "see what runs with `cdconf status`"
    if rollout.is_verdict:
        return f"`cdconf logs ENV --app {target.app.name}` may say why; mend it, commit, and build a new version"
    return "once the cause is gone, deploy it again"


def name_drained(rollout: Rollout, emit: Emit) -> None:
    """Names the hosts that a rollout leaves drained, however it ended."""
    for name in rollout.drained:
        why = rollout.left_drained.get(name)
        is_so = "may still be drained" if rollout.unasked or not why else "is still drained"
        said = f"{is_so}: {why.message if why else 'the run ended before'}"
        emit(Notice(f"{name} {said}", warning=True))


def name_stuck(rollout: Rollout, emit: Emit) -> None:
    """Names the hosts that an interrupted rollout couldn't roll back."""
    for name, why in rollout.stuck.items():
        emit(HostDone(name, _status(why), f"could not be rolled back: {why.message}"))


def put_back_error(failures: Mapping[str, Failure], stuck: Mapping[str, Failure]) -> CdconfError:
    """The error of a change that was put back.

    Args:
        failures: Why it wasn't kept, by host.
        stuck: The hosts that couldn't be put back.
    """
    name, failure = max(failures.items(), key=lambda one: one[1].verdict)
    message, _, detail = failure.message.partition("\n")
    what = "what was there before is back on every touched host"
    if stuck:
        what = f"NOT put back: {', '.join(stuck)}; all other touched hosts were"
    kind = Unreachable if any(one.unreachable for one in failures.values()) and not failure.verdict else HostFailed
    hint = "the next `cdconf toggle` or `cdconf provision` puts it right" if stuck else None
    return kind(f"{message} ({what})", host=name or None, detail=detail or None, hint=hint)
