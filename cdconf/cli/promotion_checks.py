"""What verbs that change environments ask of the pipeline, before any host is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.cli.vagrantfile import tell_of_vagrantfile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.clocks import Clock
    from cdconf.inventory import Host
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.changing import Changing
    from cdconf.promotion.passing import Passing
    from cdconf.promotion.procedures import AppProcedures
    from cdconf.promotion.provision_run import ProvisionRun
    from cdconf.promotion.smoke_run import SmokeRun
    from cdconf.promotion.stage_run import StageRun


T = TypeVar("T")


def pass_gate(run: Run, artifact: Artifact, reason: str | None, read: AppProcedures | None = None) -> Passing:
    """Judges the environment's gate for an artifact; for arguments and errors see `Passing`."""
    from cdconf.promotion.passing import Passing

    masked = run.mask(reason) if reason else None
    passing = Passing(run.project, run.environment, artifact, run.emit, masked, run.extra, read, clock_of(run))
    passing.first()
    return passing


def clock_of(run: Run) -> Clock:
    """What time it is, by the clocks that the run has seen."""
    from cdconf import clocks

    return clocks.Clock(ahead=lambda: clocks.difference(run.collector.clocks))


def stage_run(
    run: Run,
    app: str | None,
    name: str | None = None,
    read: AppProcedures | None = None,
    others: str | None = None,
    *,
    is_last: bool = True,
) -> StageRun:
    """The stage that a run is, ready to say how it ended.

    Args:
        run: The run.
        app: Whose procedure it is.
        name: The stage that's demanded.
        read: Reads the procedure of an app.
        others: See `StageRun`.
        is_last: See `StageRun`.

    Raises:
        CdconfError: See `stage_for`, `StageRun.begin` and `acceptance`.
    """
    from pathlib import Path

    from cdconf.plans.revision import commit_of
    from cdconf.promotion.stage_run import StageRun

    left = Path(others) if others is not None else None
    made = _speaker(StageRun, run, name, others=left, is_last=is_last, read=read)
    stage = made.stage
    run.noted |= about_of(run, stage)
    made.begin(app)
    if name is not None and stage is not None and stage.run is not None and is_last:
        from cdconf.pipeline.acceptance import acceptance

        commit = commit_of(run.project.root, "HEAD")
        made.accept = acceptance(run.project, run.environment, stage, commit, run.emit)
    return made


def about_of(run: Run, stage: Stage | None) -> dict[str, Any]:
    """What the history remembers of the way: the stage, and whether it went to a throw-away copy."""
    throwaway = {"throwaway": True} if run.environment.throwaway is not None else {}
    return throwaway | ({"stage": stage.name} if stage is not None else {})


def smoke_run(run: Run, name: str | None) -> SmokeRun:
    """The stage whose environment is tested, ready to say what was found; for errors see `stage_for`, `SmokeRun`."""
    from cdconf.promotion.smoke_run import SmokeRun

    made = _speaker(SmokeRun, run, name)
    made.begin()
    return made


def _speaker(kind: Callable[..., T], run: Run, name: str | None, **more: Any) -> T:
    """Who says of a run what its stage has found out.

    Args:
        kind: `StageRun` or `SmokeRun`.
        run: The run.
        name: The stage that's demanded.
        more: What that kind alone gets.
    """
    from cdconf.promotion.stage_run import stage_for

    stage = stage_for(run.project, run.environment, name)
    about: dict[str, Any] = {"demanded": name is not None, "extra": run.extra, **more}
    made = kind(run.project, run.environment, stage, run.collector, run.emit, lambda: _is_isolated(run), **about)
    tell_of_vagrantfile(run)
    return made


def provision_run(run: Run, hosts: Sequence[Host], reason: str | None) -> ProvisionRun:
    """A provision whose roles may be applied to an environment; for errors see `ProvisionRun.pass_gate`."""
    made = _provision_of(run, hosts)
    run.noted |= about_of(run, None)
    tell_of_vagrantfile(run)
    made.begin()
    made.pass_gate(run.mask(reason) if reason else None)
    return made


def mending_run(run: Run, hosts: Sequence[Host], reason: str | None) -> ProvisionRun:
    """The same, of a run that only puts back what was applied: it passes no stage."""
    made = _provision_of(run, hosts)
    made.pass_gate(run.mask(reason) if reason else None)
    return made


def _provision_of(run: Run, hosts: Sequence[Host]) -> ProvisionRun:
    from cdconf.cli.options import parse_extra
    from cdconf.promotion.provision_run import ProvisionRun

    flags = run.flags
    narrowed = {"limit": "--limit", "roles": "--role", "extra": "-e"}
    return ProvisionRun(
        run.project,
        run.environment,
        hosts,
        run.collector,
        run.emit,
        lambda: _is_isolated(run),
        roles=list(flags.roles or ()),
        narrowed=next((option for name, option in narrowed.items() if getattr(flags, name)), ""),
        variables=list(parse_extra(flags.extra or ())),
        stage=flags.stage,
        extra=run.extra,
        clock=clock_of(run),
    )


def changing(
    run: Run, command: str, app: str | None, reason: str | None, *, check: bool = False, removes: bool = False
) -> Changing:
    """What a verb heeds that changes an environment and brings nothing to it; for errors see `Changing.first`.

    Args:
        run: The run.
        command: The verb.
        app: The app that it's about, if it's about one.
        reason: Why it's done although something speaks against it.
        check: Nothing is changed: what would be refused is only said.
        removes: See `Changing`.
    """
    from cdconf.promotion.changing import Changing

    masked = run.mask(reason) if reason else None
    made = Changing(
        run.project, run.environment, command, app, run.emit, masked, run.extra, clock_of(run), removes=removes
    )
    if check:
        made.tell()
    else:
        made.first()
    return made


def _is_isolated(run: Run) -> bool:
    """Whether all of the commit's own code that has run here couldn't reach any key; none ran: none could."""
    return run.collector.isolated is not False
