"""`cdconf drift --fix`: puts hosts back to what was applied, where the files still say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.errors import DIFFERENT, OK, ArtifactError, worst_exit
from cdconf.events import Emit, Event, HostDone, NotAttempted, Notice, ResourceDone, Step

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact, ArtifactStore
    from cdconf.cli.context import Run
    from cdconf.drift.fixing import LeftFinding, Names
    from cdconf.drift.waiving import Waiving
    from cdconf.inventory import Host
    from cdconf.promotion.provision_run import ProvisionRun
    from cdconf.provision.mending import MendingRun

_SHOWN = 50


def fix(run: Run, hosts: Sequence[Host], emit: Waiving, *, check: bool) -> int:
    """Looks at hosts, and mends what somebody has changed by hand; says what is left, with the command for it.

    Args:
        run: The run, which has begun.
        hosts: The hosts.
        emit: Its event stream, behind the waivers.
        check: Change nothing: only say what would be mended.

    Returns:
        The exit code, without regard to waivers.

    Raises:
        CdconfError: A gate is closed, hosts are held, or a deployment failed; see `provision` and `deploy`.
    """
    from cdconf.artifacts import ArtifactStore
    from cdconf.drift.fixing import fixing
    from cdconf.provision.mending import MendingRun, replayed

    store = ArtifactStore(run.project, emit=run.emit)
    mending = MendingRun(run.environment.name, emit.waived_on, lambda *about: _missing(store, *about))
    run.emit(Step("look for what can be mended"))
    look = _LookFilter(emit)
    code = _provision(run, hosts, look, mending, check=True)
    decided = fixing(look.events, [host.name for host in hosts], mending.releases)
    if check:
        replayed(look.events, decided, emit)
        _tell(run, emit, decided.mendable, "would mend", len(decided.mendable))
        return _code(code, emit)
    again = decided.targets and decided.targets | look.lost  # these stop the run where they'd stop `provision`
    targets = [host for host in hosts if host.name in again]
    passing = _gates(run, targets) if targets else None
    deployments = [(deployment, _artifact(store, *deployment)) for deployment in decided.deployments]
    gates = [_gate(run, artifact) for _, artifact in deployments]
    replayed([event for event in look.events if _host(event) not in again or _is_release_left(event)], decided, emit)
    before = frozenset().union(*decided.deployments.values()) & decided.with_resources
    if before:
        run.emit(Step(f"mend what releases need: {', '.join(sorted(before))}"))
        early = [host for host in targets if host.name in before]
        codes = [_mend(run, early, _before(emit), replace(mending, later=True), passing)]
        if any(codes):
            return _code(worst_exit([*codes, code if code != DIFFERENT else OK]), emit)
    for (about, artifact), gate in zip(deployments, gates, strict=True):
        _deploy(run, artifact, decided.deployments[about], emit, gate)
    code = worst_exit([code if code != DIFFERENT else OK, _mend(run, targets, emit, mending, passing)])
    _tell(run, emit, _mended(run, decided.mendable), "mended", len(decided.mendable))
    return _code(code, emit)


class _LookFilter:
    """Keeps what a look finds, and passes on all else."""

    def __init__(self, emit: Waiving) -> None:
        self.events: list[Event] = []
        self._emit = emit

    @property
    def lost(self) -> frozenset[str]:
        """Names of the hosts that couldn't be reached."""
        return frozenset(
            event.host for event in self.events if isinstance(event, HostDone) and event.status == "unreachable"
        )

    def __call__(self, event: Event) -> None:
        if isinstance(event, (ResourceDone, HostDone, NotAttempted)):
            self.events.append(event)
        else:
            self._emit(event)


def _before(emit: Waiving) -> Emit:
    """The event stream of a pass that another one over the same hosts follows, which tells how they stand."""

    def tell(event: Event) -> None:
        if isinstance(event, ResourceDone) and event.status not in ("changed", "failed"):
            return
        if isinstance(event, HostDone) and event.status in ("ok", "changed"):
            return
        if isinstance(event, NotAttempted) and all(kind == "handler" for kind, _, _ in event.resources):
            return
        emit(event)

    return tell


def _host(event: Event) -> str:
    return str(getattr(event, "host", ""))


def _is_release_left(event: Event) -> bool:
    """Of a host on which other things are mended, which tells nothing of its releases again."""
    return isinstance(event, ResourceDone) and event.type == "release" and event.left is not None


def _provision(run: Run, hosts: Sequence[Host], emit: Any, mending: MendingRun, **more: Any) -> int:
    from cdconf.provision.provision import ProvisionOptions, provision

    options = ProvisionOptions(connecting=run.flags.connecting, releases=True, mending=mending, **more)
    return provision(run.project, run.environment, lambda: run.compiler, hosts, emit, options)


def _gates(run: Run, hosts: Sequence[Host]) -> ProvisionRun:
    from cdconf.cli.promotion_checks import mending_run

    return mending_run(run, hosts, run.flags.override)


def _gate(run: Run, artifact: Artifact) -> Any:
    from cdconf.cli.promotion_checks import pass_gate

    return pass_gate(run, artifact, run.flags.override)


def _mend(run: Run, hosts: Sequence[Host], emit: Emit, mending: MendingRun, passing: ProvisionRun | None) -> int:
    if not hosts or passing is None:
        return OK
    return _provision(run, hosts, emit, mending, held=passing.again)


def _missing(store: ArtifactStore, app: str, version: str, archive: str) -> str | None:
    """Why an artifact can't be deployed again; None when the store has it."""
    try:
        found = store.find(f"{app}@{version}", app)
    except ArtifactError as error:
        return f"the artifact store can't give {app}@{version}: {error.message}"
    return None if found.archive == archive else f"the artifact store has another {app}@{version} than the host has"


def _artifact(store: ArtifactStore, app: str, version: str, archive: str) -> Artifact:
    found = store.find(f"{app}@{version}", app)
    if found.archive != archive:
        raise ArtifactError(f"the artifact store has another {app}@{version} than the hosts have")
    return found


def _deploy(run: Run, artifact: Artifact, hosts: frozenset[str], emit: Waiving, gate: Any) -> None:
    from cdconf.cli.redeploy_check import Returning
    from cdconf.deploy.deployment import DeployOptions, put_back

    line = Returning(gate.again)
    run.emit(Step(f"deploy {artifact.label} again: {', '.join(sorted(hosts))}"))
    options = DeployOptions(run.flags.connecting, line=line, mask=run.mask)
    put_back(run.project, run.environment, artifact, hosts, emit, options)


def _mended(run: Run, wanted: Sequence[Names]) -> list[Names]:
    """What was mended: on hosts that ended well all that was to be, on others what was said to be changed."""
    hosts = run.collector.hosts
    told = {
        (resource.host, resource.type, resource.title): resource.status
        for host in hosts.values()
        for resource in host.resources
    }
    well = {name for name, host in hosts.items() if host.status in ("ok", "changed")}
    return [one for one in wanted if told.get(one) == "changed" or (one[0] in well and told.get(one) in (None, "ok"))]


def _code(code: int, emit: Waiving) -> int:
    return worst_exit([code, DIFFERENT if emit.has_findings else OK])


def _tell(run: Run, emit: Waiving, mends: Sequence[Names], word: str, wanted: int) -> None:
    """Says how much was mended, and what is left, each with the command that mends it."""
    from cdconf.drift.fixing import left_of

    left = left_of(run.collector.hosts, run.environment.name)
    run.extra["fix"] = {
        "mended" if word == "mended" else "would_mend": [
            dict(zip(("host", "type", "title"), mend, strict=True)) for mend in mends
        ],
        "left": [finding.document() for finding in left],
    }
    run.extra["detail"] = f"--fix: {word} {len(mends)}, left {len(left)}"
    of = f" of {wanted}" if len(mends) < wanted else ""
    emit(Notice(f"{word} {len(mends)}{of} finding{'' if wanted == 1 else 's'}; {len(left)} left"))
    for line in _lines(left):
        emit(Notice(line))


def _lines(left: Sequence[LeftFinding]) -> Iterator[str]:
    for finding in left[:_SHOWN]:
        repair = finding.repair or "look at it on the host"
        yield f"left: {finding.host}: {finding.type} {finding.title}: {finding.why}; {repair}"
    if len(left) > _SHOWN:
        yield f"and {len(left) - _SHOWN} more; --json names them all"
