"""`deploy` and `rollback`: gates, leases and preflight around one rollout."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact, ArtifactStore
from cdconf.artifacts.choose import choose
from cdconf.artifacts.holders import reserved
from cdconf.artifacts.provenance import check_aloud
from cdconf.artifacts.stored import stored
from cdconf.databases.migrate import Migrations
from cdconf.deploy.canaries import check_canary, is_canary, limited, unfinished
from cdconf.deploy.held_hosts import app_hosts, app_members, hold, touched_hosts
from cdconf.deploy.interrupted import standing
from cdconf.deploy.missing_release import lacking_hosts, stand
from cdconf.deploy.outcome import explain_undelivered, explained, name_drained, name_stuck
from cdconf.deploy.pinned import check_pins
from cdconf.deploy.pipeline_link import PipelineLink, held_hosts
from cdconf.deploy.preflight import warn_of_failed
from cdconf.deploy.rollback_target import left_releases, of_version, previous
from cdconf.deploy.rollout import Rollout, split
from cdconf.deploy.runner import RolloutRunner
from cdconf.deploy.shapes import shape_of
from cdconf.deploy.target import Target
from cdconf.deploy.unreported import is_from_before
from cdconf.deploy.verify import check_smoke
from cdconf.engine import USUAL, Checks, Connecting, Fleet, Guarded, open_fleet
from cdconf.environments import provider_for
from cdconf.errors import UsageError, first_line, nearest_or_all
from cdconf.events import Emit, HostDone, Notice, ResourceDone
from cdconf.inventory import load_toggles
from cdconf.promotion.policy import guarded_by

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session.app_answers import AppStatus


@dataclass(frozen=True)
class DeployOptions:
    """How a deployment goes about it; see the command line's help.

    `to` is the version that a rollback goes to. `limit` are the only hosts that are changed; None: all.
    `forget_migrations`: the database isn't the one that was migrated. `line` is the pipeline, which may refuse, and is
    told how it ended. `mask` takes secrets out of what is written down on hosts. `procedure` is the digest that they
    remember. `goes_on`: an earlier run of the pipeline may have done it, and died before it could say so.
    """

    connecting: Connecting = USUAL
    unpin: str | None = None
    to: str | None = None
    limit: frozenset[str] | None = None
    forget_migrations: bool = False
    procedure: str | None = None
    line: PipelineLink | None = None
    goes_on: bool = False
    mask: Callable[[str], str] = field(kw_only=True)


def deploy(
    project: Project, environment: Environment, artifact: Artifact, emit: Emit, options: DeployOptions
) -> dict[str, Any]:
    """Deploys an artifact to the hosts of its app that lack it, or on which its files were changed.

    Returns:
        Facts for the JSON document: `release`, `hosts_touched`.

    Raises:
        ArtifactError: The artifact is damaged, or no trusted key has signed it; nothing was changed.
        DeployFailed: It failed and was rolled back.
        GateClosed: The artifact is pinned, or needs what a contract has removed from the database, or a lease is held;
            nothing was changed.
        Unreachable: A host doesn't answer; nothing was changed, or everything was rolled back.
    """
    store = ArtifactStore(project, emit=emit)
    with reserved(project, store.place, artifact, environment, emit):
        return _deploy(project, environment, artifact, emit, options, store)


def _deploy(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    emit: Emit,
    options: DeployOptions,
    store: ArtifactStore,
) -> dict[str, Any]:
    app = _app(project, artifact.app)
    check_aloud(project, artifact, store.provenance(artifact), emit)
    manifest = store.manifest(artifact)
    check_smoke(project, app_members(environment, app))
    with _fleet(project, environment, app, f"deploy {artifact.label}", emit, options, systems=True) as fleet:
        held = hold(fleet, project, environment, app, emit)
        hosts = held.hosts
        pages = _pages(fleet, app, hosts)
        warn_of_failed(pages, environment, emit)
        if not options.forget_migrations:
            shape_of(app, pages).check_deploy(app, artifact)
        if options.line is not None:
            options.line.check()
        check_pins(fleet, app, artifact, pages, hosts, options)
        check_canary(app, environment.name, pages, artifact.release)
        migrations = Migrations(fleet, app, app.document(), emit)
        if options.forget_migrations:
            migrations.forget()
        lacking = limited(lacking_hosts(project, fleet, app, hosts, pages, artifact.release, emit), options.limit)
        untouched = [host.name for host in hosts if host not in lacking]
        procedure = options.procedure if options.goes_on else None
        if (
            untouched
            and is_from_before(options.line, artifact, pages, untouched, procedure)
            and stand(project, fleet, app, untouched, emit)
        ):
            untouched = []
        elif options.line is not None and options.line.demanded and untouched:
            emit(Notice(f"{', '.join(untouched)}: deployed again, because a stage requires a deployment to all hosts"))
            lacking, untouched = list(hosts), []
        _tell_ok([host for host in limited(hosts, options.limit) if host not in lacking], app, emit)
        if not lacking:
            held.settle_all()
            emit(Notice(f"{artifact.label} runs on every host{' of --limit' if options.limit else ''} already"))
            if options.forget_migrations:
                migrations.expand_again(artifact, hosts)
            _say_passed(artifact, fleet, hosts, untouched, options)
            return {"release": artifact.release, "hosts_touched": []}
        canary = options.limit is not None and is_canary(pages, [host.name for host in lacking], artifact.release)
        target = held.target(artifact.release, artifact, lacking, manifest)
        target = replace(target, procedure=options.procedure, canary=canary)
        rollout = _roll_out(project, environment, fleet, target, emit, options, expand=bool(app.migrate), pin=True)
        if canary:
            return {"release": artifact.release, "hosts_touched": rollout.touched, "canary": True}
        _say_passed(artifact, fleet, hosts, untouched, options)
        return {"release": artifact.release, "hosts_touched": rollout.touched}


def _tell_ok(hosts: Sequence[Host], app: App, emit: Emit) -> None:
    for host in hosts:
        emit(ResourceDone(host.name, "release", app.name, "ok", f"{app.file}:{app.line}"))
        emit(HostDone(host.name, "ok"))


def put_back(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    names: Collection[str],
    emit: Emit,
    options: DeployOptions,
) -> list[str]:
    """Deploys an artifact again to hosts that had it verified, and only to these: it neither migrates, nor pins.

    Returns:
        The names of the hosts that were touched; for errors see `deploy`.
    """
    app, store = _app(project, artifact.app), ArtifactStore(project, emit=emit)
    with reserved(project, store.place, artifact, environment, emit):
        check_aloud(project, artifact, store.provenance(artifact), emit)
        manifest = store.manifest(artifact)
        check_smoke(project, app_members(environment, app))
        with _fleet(project, environment, app, f"deploy {artifact.label} again", emit, options, systems=True) as fleet:
            held = hold(fleet, project, environment, app, emit)
            pages = _pages(fleet, app, held.hosts)
            if options.line is not None:
                options.line.check()
            check_pins(fleet, app, artifact, pages, held.hosts, options)
            lacking = lacking_hosts(project, fleet, app, held.hosts, pages, artifact.release, emit)
            had = {name for name in names if name in pages and pages[name]["verified"][-1:] == [artifact.release]}
            hosts = [host for host in lacking if host.name in had]
            if not hosts:
                return []
            target = held.target(artifact.release, artifact, hosts, manifest)
            target = replace(target, procedure=_procedure_of(pages, [host.name for host in hosts]))
            return _roll_out(project, environment, fleet, target, emit, options, expand=False, pin=False).touched


def _say_passed(
    artifact: Artifact, fleet: Fleet, hosts: Sequence[Host], untouched: Sequence[str], options: DeployOptions
) -> None:
    """Tells the pipeline, unless nothing was tried."""
    if options.line is not None and len(untouched) < len(hosts):
        options.line.passed(artifact, held_hosts(fleet, hosts), untouched, fleet.lend())


def rollback(
    project: Project, environment: Environment, app: App, emit: Emit, options: DeployOptions
) -> dict[str, Any]:
    """Goes back to the last verified release, or a certain one, by the same procedure, without migrating.

    Hosts that never had it, since they're new, get it from the artifact store.

    Returns:
        Facts for the JSON document: `release`, `version`, `artifact` (its archive's digest), `hosts_touched`.

    Raises:
        GateClosed: The hosts don't agree on a release to go back to, or it isn't verified, or is pinned; a host lacks
            it, and so does the store.
        DeployFailed: The old release failed as well; the hosts are back at what they ran.
    """
    check_smoke(project, app_members(environment, app))
    with ExitStack() as kept, _fleet(project, environment, app, f"rollback {app.name}", emit, options) as fleet:
        held = hold(fleet, project, environment, app, emit)
        hosts = limited(held.hosts, options.limit)
        every = _pages(fleet, app, held.hosts)
        pages = {host.name: every[host.name] for host in hosts}
        shape = shape_of(app, pages)
        if options.to:
            shape.check_version(app, options.to)
        release = of_version(pages, app, options.to) if options.to else previous(pages, app, _stopped(app, options))
        shape.check_rollback(app, pages, release)
        version = release.rpartition("-")[0]
        ran = ", ".join(sorted({str(one["version"]) for one in left_releases(pages, release)}))
        emit(Notice(f"going back {f'from {ran} ' if ran else ''}to {version}"))
        artifact, manifest = stored(project, environment, app, release, pages, emit, kept)
        lacking = lacking_hosts(project, fleet, app, hosts, pages, release, emit)
        canary = options.limit is not None and is_canary(every, [host.name for host in hosts], release)
        target = replace(held.target(release, artifact, lacking, manifest), back=True, canary=canary)
        rollout = _roll_out(project, environment, fleet, target, emit, options, expand=False, pin=False)
        if options.line is not None:
            options.line.went_back_from(app.name, left_releases(pages, release))
        known = (page["releases"].get(release) for page in pages.values())
        archives = [one["archive"] for one in known if one and one.get("archive")]
        about = {"version": version, "artifact": next(iter(archives), None)}
        return {"release": release, "hosts_touched": rollout.touched} | about


def resume(project: Project, environment: Environment, app: App, emit: Emit, options: DeployOptions) -> dict[str, Any]:
    """Ends the app's interrupted deployment by what the hosts' ledgers say; see `Standing.ending`.

    Returns:
        Facts for the JSON document: `release` (None when nothing was to be ended), `hosts_touched`.

    Raises:
        DeployFailed: It was rolled back.
        GateClosed: A lease is held; a host lacks the release, and so does the artifact store.
    """
    check_smoke(project, app_members(environment, app))
    with ExitStack() as kept, _fleet(project, environment, app, f"resume {app.name}", emit, options) as fleet:
        held = hold(fleet, project, environment, app, emit)
        hosts = held.hosts
        pages = _pages(fleet, app, hosts)
        left = {name: session.left for name, session in fleet.sessions.items() if session.left}
        found = standing(pages, {}, left)
        if found is None:
            for name, run in left.items():
                text = f"{name}: {run['owner']} was killed or cut off ({run['reason']}), with nothing here to end"
                emit(Notice(text))
            emit(Notice(f"no deployment of {app.name} was interrupted"))
            held.settle_all()
            for host in hosts:
                emit(HostDone(host.name, "ok"))
            return {"release": None, "hosts_touched": []}
        emit(Notice(str(found)))
        if found.ending == "again":
            emit(Notice("it changed no host, so there is nothing to resume"))
            for host in hosts:
                emit(HostDone(host.name, "ok"))
            return {"release": None, "hosts_touched": []}
        for name in found.confirmed:
            emit(HostDone(name, "ok"))
        release = found.release
        if found.ending == "finish":
            artifact, manifest = stored(project, environment, app, release, pages, emit, kept)
            names, canary = unfinished(pages, found)
            lacking = limited(hosts, frozenset(names))
            target = held.target(release, artifact, lacking, manifest)
            target = replace(target, back=found.kind == "rollback", canary=canary)
            rollout = _roll_out(project, environment, fleet, target, emit, options, expand=False, pin=True)
        else:
            target = held.target(release, None, [host for host in hosts if host.name in found.activated])
            target = replace(target, procedure=_procedure_of(pages, found.activated))
            batches = split(found.activated, app.batches, target.room.limit if target.room else None)
            drains = target.drains is not None
            taken_up = Rollout(batches, adopt=True, drains=drains, drained=_left_drained(target))
            if found.ending == "roll_back":
                taken_up.interrupt(f"the {found.what} was interrupted")
            rollout = _run(
                RolloutRunner(project, environment, fleet, target, emit), taken_up, target, emit, options, pin=True
            )
        return {"release": release, "hosts_touched": rollout.touched}


def _procedure_of(pages: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> str | None:
    """By which procedure an interrupted deployment has activated its release, if all these hosts remember the same."""
    found = {(pages[name].get("deployed") or {}).get("procedure") for name in names}
    return found.pop() if len(found) == 1 else None


def _stopped(app: App, options: DeployOptions) -> Callable[[set[str]], set[str]]:
    """Tells which of some archives are stopped, so that nobody goes back to them unasked."""
    line = options.line
    return (lambda archives: line.stopped(app.name, archives)) if line is not None else lambda archives: set()


def _app(project: Project, name: str) -> App:
    if name not in project.apps:
        raise UsageError(f"cdconf.yml has no app '{name}'", hint=nearest_or_all(name, project.apps))
    return project.apps[name]


def _fleet(
    project: Project,
    environment: Environment,
    app: App,
    reason: str,
    emit: Emit,
    options: DeployOptions,
    *,
    systems: bool = False,  # must they be what the inventory says? The ways back are open on any
) -> Fleet:
    load_toggles(project, environment.name)  # a file that breaks a rule ends the run here
    # Ways back are open whatever a policy says, and whether or not it can be read.
    guarded = guarded_by(project) if systems else Guarded()
    checks = Checks(environment, systems=systems, guarded=guarded)
    provider = provider_for(project, environment)
    return open_fleet(
        project,
        environment,
        reason,
        emit,
        options.connecting,
        facts=checks.facts(),
        checks=checks,
        locate=lambda host: provider.locate([host]).get(host.name),
        beat=app.confirm_within / 4 or project.lease_ttl,
    )


def _pages(fleet: Fleet, app: App, hosts: Sequence[Host]) -> dict[str, AppStatus]:
    return fleet.each(hosts, lambda session: session.app_status(app.document())).all()


def _roll_out(
    project: Project,
    environment: Environment,
    fleet: Fleet,
    target: Target,
    emit: Emit,
    options: DeployOptions,
    *,
    expand: bool,
    pin: bool,
) -> Rollout:
    most = target.room.limit if target.room else None
    rollout = Rollout(
        split([host.name for host in target.hosts], target.app.batches, most),
        stage=target.artifact is not None,
        expand=expand,
        stops=bool(target.app.stops and target.app.migrate.expand),
        drains=target.drains is not None,
        drained=_left_drained(target),
    )
    runner = RolloutRunner(project, environment, fleet, target, emit)
    runner.preflight()
    return _run(runner, rollout, target, emit, options, pin=pin)


def _left_drained(target: Target) -> list[str]:
    """Those of the hosts that are drained already: an interrupted run has left them so, or they're kept out of use."""
    drained = {*target.drains.left_over, *target.drains.kept} if target.drains else set()
    return [host.name for host in target.hosts if host.name in drained]


def _run(
    runner: RolloutRunner, rollout: Rollout, target: Target, emit: Emit, options: DeployOptions, *, pin: bool
) -> Rollout:
    try:
        runner.run(rollout, options.mask)
        runner.finish(rollout)
    except BaseException:
        name_stuck(rollout, emit)
        raise
    finally:
        if target.drains is not None:
            name_drained(rollout, emit)
            target.drains.finish()
        if pin and rollout.is_verdict:
            reason = next(failure.message for failure in rollout.failures.values() if failure.verdict)
            why = first_line(options.mask(reason))
            runner.pin(why)
            if options.line is not None and target.artifact is not None:
                options.line.failed(target.artifact, why)
        if not rollout.succeeded:
            runner.see_old_serve()
    if rollout.succeeded:
        explain_undelivered(rollout, target, emit)
        return rollout
    raise explained(rollout, target, emit)


__all__ = ["DeployOptions", "app_hosts", "choose", "deploy", "put_back", "resume", "rollback", "touched_hosts"]
