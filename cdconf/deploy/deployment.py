"""`deploy` and `rollback`: gates, leases and preflight around one rollout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact, Store, build, commits
from cdconf.deploy.provision import refuse, report
from cdconf.deploy.rollout import Rollout, split
from cdconf.deploy.runner import Runner, Target, app_document
from cdconf.engine import Fleet, RunIdentity
from cdconf.environments import provider_for
from cdconf.errors import DeployFailed, GateClosed, Pinned, Unreachable, UsageError, did_you_mean
from cdconf.events import Emit, HostDone, Notice, ResourceDone
from cdconf.session import Connector

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Host, Project


@dataclass(frozen=True)
class Deployment:
    """How a deployment goes about it; see the command line's help."""

    forks: int = 32
    accept_new_host_keys: bool = False
    unpin: str | None = None


def choose(project: Project, reference: str, emit: Emit) -> Artifact:
    """The artifact that a word names: an app (the nearest ancestor's build), `app@version`, a digest prefix.

    Raises:
        ArtifactError, UsageError: None does.
    """
    store = Store(project)
    if reference in project.apps:
        found = store.nearest(reference, commits(project.root))
        if found is None:
            raise UsageError(
                f"no ancestor of HEAD has a build of '{reference}'", hint=f"run `cdconf build {reference}`"
            )
        emit(Notice(f"{found.label}, built from commit {(found.commit or '')[:10]}, sha256 {found.archive[:12]}"))
        return found
    if "@" not in reference and len(reference) < 8:
        raise UsageError(f"there is no app '{reference}'", hint=did_you_mean(reference, project.apps))
    return store.find(reference)


def deploy(
    project: Project, environment: Environment, artifact: Artifact, emit: Emit, options: Deployment
) -> dict[str, Any]:
    """Deploys an artifact to the hosts of its app that lack it.

    Returns:
        Facts for the JSON document: `release`, `hosts_touched`.

    Raises:
        DeployFailed: It failed and was rolled back.
        GateClosed: The artifact is pinned, or a lease is held; nothing was changed.
        Unreachable: A host doesn't answer; nothing was changed, or everything was rolled back.
    """
    app = _app(project, artifact.app)
    Store(project).verify(artifact)
    with _fleet(project, environment, f"deploy {artifact.label}", emit, options) as fleet:
        hosts = _lease(fleet, project, environment, app, emit)
        pages = _pages(fleet, app, hosts)
        _gate(fleet, app, artifact, pages, hosts, options)
        lacking = [host for host in hosts if not _runs(pages[host.name], artifact.release)]
        for host in hosts:
            if host not in lacking:
                emit(ResourceDone(host.name, "release", app.name, "ok", f"{app.file}:{app.line}"))
                emit(HostDone(host.name, "ok"))
        if not lacking:
            emit(Notice(f"{artifact.label} runs on every host already"))
            return {"release": artifact.release, "hosts_touched": []}
        target = Target(app, artifact.release, artifact, lacking)
        rollout = _roll_out(project, environment, fleet, target, emit, expand=bool(app.migrate.expand))
        return {"release": artifact.release, "hosts_touched": rollout.touched}


def rollback(project: Project, environment: Environment, app: App, emit: Emit, options: Deployment) -> dict[str, Any]:
    """Goes back to the last verified release by the same procedure, without staging or migrating.

    Raises:
        GateClosed: The hosts don't agree on a release to go back to.
        DeployFailed: The old release failed as well; the hosts are back at what they ran.
    """
    with _fleet(project, environment, f"rollback {app.name}", emit, options) as fleet:
        hosts = _lease(fleet, project, environment, app, emit)
        pages = _pages(fleet, app, hosts)
        release = _previous(pages, app)
        emit(Notice(f"going back to {release}"))
        target = Target(app, release, None, [host for host in hosts if not _runs(pages[host.name], release)])
        rollout = _roll_out(project, environment, fleet, target, emit, expand=False)
        return {"release": release, "hosts_touched": rollout.touched}


def _app(project: Project, name: str) -> App:
    if name not in project.apps:
        raise UsageError(f"cdconf.yml has no app '{name}'", hint=did_you_mean(name, project.apps))
    return project.apps[name]


def _fleet(project: Project, environment: Environment, reason: str, emit: Emit, options: Deployment) -> Fleet:
    connector = Connector(project, environment, emit, accept_new_host_keys=options.accept_new_host_keys)
    return Fleet(connector, environment, RunIdentity(reason), emit, forks=options.forks, lease_ttl=project.lease_ttl)


def app_hosts(project: Project, environment: Environment, app: App) -> list[Host]:
    """The app's hosts, located.

    Raises:
        UsageError: The environment has none.
        Unreachable: One doesn't exist or doesn't run.
    """
    hosts = [host for host in environment.hosts.values() if set(host.groups) & set(app.groups)]
    if not hosts:
        raise UsageError(f"{environment.name} has no host in {', '.join(app.groups)}, which '{app.name}' runs on")
    located = provider_for(project, environment).locate(hosts)
    for host in hosts:
        if host.name not in located:
            hint = f"run `cdconf provision {environment.name}`"
            raise Unreachable("the host doesn't exist or doesn't run", host=host.name, hint=hint)
    return [located[host.name] for host in hosts]


def _lease(fleet: Fleet, project: Project, environment: Environment, app: App, emit: Emit) -> list[Host]:
    """Connects to all of the app's hosts; one that's unreachable ends the deployment before it begins."""
    hosts = app_hosts(project, environment, app)
    errors = fleet.connect(hosts, lease=True)
    refuse(errors)
    for name, error in errors.items():
        report(emit, name, error)
    for error in errors.values():
        raise error
    return hosts


def _pages(fleet: Fleet, app: App, hosts: Sequence[Host]) -> dict[str, dict[str, Any]]:
    outcome = fleet.each(hosts, lambda session: session.call("app.status", app=app_document(app)))
    outcome.raise_first()
    pages: dict[str, dict[str, Any]] = outcome.results
    return pages


def _gate(
    fleet: Fleet,
    app: App,
    artifact: Artifact,
    pages: dict[str, dict[str, Any]],
    hosts: Sequence[Host],
    options: Deployment,
) -> None:
    """A pinned artifact is refused, unless it's unpinned with a reason."""
    pins = {
        name: page["pinned"][artifact.archive] for name, page in pages.items() if artifact.archive in page["pinned"]
    }
    if not pins:
        return
    if options.unpin:
        document = app_document(app)
        fleet.each(
            hosts, lambda session: session.call("app.unpin", app=document, archive=artifact.archive)
        ).raise_first()
        return
    name, pin = next(iter(pins.items()))
    reason = str(pin["reason"]).splitlines()[0]
    raise Pinned(
        f"{artifact.label} is pinned, because it failed on {name}: {reason}",
        hint="deploy a build that mends it, or try this one again with --unpin REASON",
    )


def _runs(page: dict[str, Any], release: str) -> bool:
    """Whether a host runs the release, verified, and nothing is left over from an interrupted deployment."""
    verified = page["verified"][-1:] == [release]
    return verified and page["linked"] == release and page["activating"] is None and page["problem"] is None


def _previous(pages: dict[str, dict[str, Any]], app: App) -> str:
    """What the hosts agree to go back to: the last verified release, or the one before it if that's running."""
    targets: Counter[str | None] = Counter()
    for page in pages.values():
        here = [name for name in page["verified"] if name in page["releases"]]
        running = here[-1:] == [page["linked"]] and page["activating"] is None
        here = here[:-1] if running else here
        targets[here[-1] if here else None] += 1
    if len(targets) > 1:
        names = ", ".join(str(name or "none") for name in targets)
        raise GateClosed(
            f"the hosts would go back to different releases of '{app.name}': {names}",
            hint="deploy the one that you want: `cdconf deploy APP@VERSION --to ENV`",
        )
    release = next(iter(targets))
    if release is None:
        raise GateClosed(f"there is no earlier verified release of '{app.name}' to go back to")
    return release


def _roll_out(
    project: Project, environment: Environment, fleet: Fleet, target: Target, emit: Emit, *, expand: bool
) -> Rollout:
    batches = split([host.name for host in target.hosts], target.app.batches)
    runner = Runner(project, environment, fleet, target, emit)
    rollout = runner.run(Rollout(batches, stage=target.artifact is not None, expand=expand))
    if rollout.succeeded:
        for name, failure in rollout.undelivered.items():
            emit(HostDone(name, "unreachable", f"runs {target.release}, but couldn't be told that it's verified"))
            raise Unreachable(
                f"didn't hear the confirmation: {failure.message}", host=name, hint="deploy again to end it"
            )
        return rollout
    _explain(rollout, target, runner, emit)
    raise AssertionError


def _explain(rollout: Rollout, target: Target, runner: Runner, emit: Emit) -> None:
    """Says what failed and in which state the hosts are; pins the artifact after a verdict."""
    name, failure = next(iter(rollout.failures.items()))
    for host in target.hosts:
        if host.name in rollout.failures and host.name not in rollout.touched:
            emit(HostDone(host.name, "failed", rollout.failures[host.name].message.splitlines()[0]))
        elif host.name not in rollout.touched:
            emit(HostDone(host.name, "not_attempted"))
    for stuck, why in rollout.stuck.items():
        emit(HostDone(stuck, "failed", f"could not be rolled back: {why.message}"))
    if rollout.is_verdict:
        runner.pin(failure.message.splitlines()[0])
    message, _, detail = failure.message.partition("\n")
    what = "every touched host was rolled back" if rollout.touched else "no host was touched"
    if rollout.stuck:
        what = f"NOT rolled back: {', '.join(rollout.stuck)}; all others were"
    raise DeployFailed(
        f"{message} ({what})",
        verdict=rollout.is_verdict,
        host=name or None,
        detail=detail or None,
        hint="see what runs with `cdconf status`" if rollout.stuck else None,
    )


__all__ = ["Deployment", "app_hosts", "build", "choose", "deploy", "rollback"]
