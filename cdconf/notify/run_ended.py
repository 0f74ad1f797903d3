"""What a run that has ended has to tell, besides drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.notify.conditions import Topic, closed, opened, subjects
from cdconf.notify.kinds import Notification, identity

if TYPE_CHECKING:
    from cdconf.events import HostResult
    from cdconf.notify.outbox import Outbox

_APPROVALS = "approvals"  # how the names of such links of a gate begin


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended; its texts are masked.

    Attributes:
        id: Its row in the history.
        command: What the history calls it.
        environment: The environment that it was about; None: none that has a file.
        by: Who ran it.
        extra: Its own keys of the JSON document.
        error: What ended it.
        error_kind: The error's kind.
        committed_at: When a release was kept on all hosts; None: it wasn't.
    """

    project: str
    id: str
    command: str
    environment: str | None
    exit_code: int
    by: str
    extra: Mapping[str, Any]
    hosts: Mapping[str, HostResult] = field(default_factory=dict)
    error: str | None = None
    error_kind: str | None = None
    committed_at: float | None = None

    @property
    def artifact(self) -> str:
        """What it deployed, for people: `shop@1.4`."""
        app, version = self.extra.get("app"), self.extra.get("version")
        return f"{app}@{version}" if version else str(app or "an app")

    def notification(self, event: str, kind: str, title: str, *lines: str | None) -> Notification:
        """A notification about its environment and app."""
        where = f"{self.project}: {self.environment}" if self.environment else self.project
        body = "\n".join(line for line in (*lines, f"by {self.by}") if line)
        app = self.extra.get("app")
        return Notification(event, kind, f"{where}: {title}", body, self.environment, str(app) if app else None)


def told_of(outbox: Outbox, run: EndedRun) -> list[Notification]:
    """What's to be told of a run. Called within a change."""
    return [*_of_deployment(outbox, run), *_of_line(run), *_of_stages(outbox, run)]


def _of_deployment(outbox: Outbox, run: EndedRun) -> Iterator[Notification]:
    if run.environment is None or run.command not in ("deploy", "rollback"):
        return
    yield from _of_gate(outbox, run)
    hosts = [name for name, result in run.hosts.items() if result.status in ("ok", "changed")]
    back = [name for name, result in run.hosts.items() if result.status == "rolled_back"]
    on = f"on {_several(hosts)}"
    if run.committed_at is not None:
        kind = "released" if run.command == "deploy" else "rolled_back"
        if not _is_news(outbox, run, run.environment, stays=kind == "released"):
            return
        what = f"released {run.artifact}" if run.command == "deploy" else f"rolled back to {run.artifact}"
        but = f"but: {run.error}" if run.error else None
        yield run.notification(identity(kind, run.id), kind, what, on, but)
    elif back or run.error_kind == "deploy_failed":
        _is_news(outbox, run, run.environment, stays=False)
        event = identity("rolled_back", run.id)
        how = f"rolled back {_several(back)}" if back else "no host had to go back"
        what = f"{'deployment' if run.command == 'deploy' else 'rollback'} of {run.artifact} failed; {how}"
        yield run.notification(event, "rolled_back", what, run.error)


def _is_news(outbox: Outbox, run: EndedRun, environment: str, *, stays: bool) -> bool:
    """Whether nobody has told yet that a release runs: `deploy --resume` may bring it to hosts that were cut off.

    Args:
        outbox: The outbox; it remembers what runs.
        run: The deployment.
        environment: Its environment.
        stays: Whether its release runs now; else nothing that was told is true any more.
    """
    topic = Topic("released", "", (environment, str(run.extra.get("app"))))
    release = (str(run.extra.get("version")),)
    known = subjects(outbox, topic)
    for one in known:
        closed(outbox, topic, one)
    if stays:
        opened(outbox, topic, release, run.id)
    return not (run.extra.get("resumed") and release in known)


def _of_gate(outbox: Outbox, run: EndedRun) -> Iterator[Notification]:
    """A deployment that a gate has judged: whether it waits for approvals."""
    gates: Sequence[Mapping[str, Any]] | None = run.extra.get("gates")
    archive = run.extra.get("artifact")
    if gates is None or archive is None or run.environment is None:
        return
    missing = [gate for gate in gates if gate["state"] == "missing" and gate["name"].startswith(_APPROVALS)]
    yield from _approvals(outbox, run, run.environment, (run.artifact, str(archive)), missing)


def _approvals(
    outbox: Outbox, run: EndedRun, environment: str, artifact: tuple[str, str], missing: Sequence[Mapping[str, Any]]
) -> Iterator[Notification]:
    """It's told once, until a gate has judged that no approval is missing."""
    label, archive = artifact
    topic = Topic("approval_needed", "", (environment,))
    if not missing:
        closed(outbox, topic, (archive,))
        return
    event = opened(outbox, topic, (archive,), run.id)
    lines = [f"{one['name']}: {one['why']}" for one in missing]
    command = next((one["command"] for one in missing if one.get("command")), None)
    title = f"{run.project}: {environment}: {label} needs approval"
    body = "\n".join([*lines, *([str(command)] if command else [])])
    yield Notification(event, "approval_needed", title, body, environment, label.partition("@")[0])


def _of_line(run: EndedRun) -> Iterator[Notification]:
    """A stop has a name in the store, so that whoever tells of it tells the same event."""
    stops = run.extra.get("stops") if run.command != "pipeline stop" else [run.extra.get("stop")]
    for name in stops if isinstance(stops, list) else ():
        if isinstance(name, str):
            note = run.extra.get("note")
            event, why = identity("line_stopped", name), f"why: {note}" if note else run.error
            yield run.notification(
                event, "line_stopped", f"the line is stopped: {_stopped(run)}", why, f"`cdconf pipeline resume`: {name}"
            )
    for name in run.extra.get("lifted", ()) if run.command == "pipeline resume" else ():
        event = identity("line_resumed", str(name))
        yield run.notification(event, "line_resumed", "a stop was lifted: the line goes on", str(name))


def _stopped(run: EndedRun) -> str:
    return run.artifact if run.extra.get("app") else "an artifact"


def _of_stages(outbox: Outbox, run: EndedRun) -> Iterator[Notification]:
    """Of a run of the pipeline; a stage that was red before is told of by that run."""
    stages = run.extra.get("stages")
    if run.command != "pipeline run" or not isinstance(stages, Mapping):
        return
    commit = str(run.extra.get("commit") or "")[:10]
    for name, one in stages.items():
        environment = one.get("environment")
        artifacts = [(f"{made['app']}@{made['version']}", made["archive"]) for made in one.get("artifacts", ())]
        if one["state"] == "failed":
            yield red_stage(Red(run.project, run.by, str(run.extra.get("pipeline_run")), commit, name), one)
        missing = [link for link in one.get("missing", ()) if link["name"].startswith(_APPROVALS)]
        if environment is not None and (missing or one["state"] == "passed"):
            for artifact in artifacts:
                yield from _approvals(outbox, run, environment, artifact, missing)


@dataclass(frozen=True)
class Red:
    """A stage that is red, of a run of the pipeline.

    Attributes:
        by: Who ran it.
        run: The pipeline's run.
        commit: The commit, as people are told.
        stage: The stage's name.
    """

    project: str
    by: str
    run: str
    commit: str
    stage: str


def red_stage(red: Red, one: Mapping[str, Any]) -> Notification:
    """What is told of a stage that is red: the same event, whenever it's told.

    Args:
        red: The stage.
        one: What came of it, as in the JSON document.
    """
    apps = {made["app"] for made in one.get("artifacts", ())}
    title = f"{red.project}: stage '{red.stage}' is red: commit {red.commit}"
    lines = [one["why"], *one.get("tests", ())[:5], one.get("hint"), f"by {red.by}"]
    event, app = identity("stage_failed", red.run, red.stage), apps.pop() if len(apps) == 1 else None
    return Notification(event, "stage_failed", title, "\n".join(filter(None, lines)), one.get("environment"), app)


def _several(names: Sequence[str]) -> str:
    """Hosts, for people."""
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} hosts"
