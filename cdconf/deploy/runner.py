"""Drives a rollout: does on the hosts what the state machine says, and tells it what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact, Store
from cdconf.deploy.rollout import Failure, Rollout, Step
from cdconf.engine import Fleet
from cdconf.errors import CdconfError, Interrupted
from cdconf.events import Emit, HostDone, HostStep, Notice, ResourceDone
from cdconf.events import Step as StepEvent
from cdconf.session import AgentError, Session
from cdconf.smoke import run_smoke

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Host, Project

CHUNK = 256 * 1024
# What isn't the release's fault, and so doesn't pin it.
_INTERRUPTIONS = {"disk_full", "lease_lost", "stopped", "wrong_environment", "bug"}


@dataclass(frozen=True)
class Target:
    """What goes where. `release` is its directory's name; `artifact` is None when only hosts know the release."""

    app: App
    release: str
    artifact: Artifact | None
    hosts: Sequence[Host]


class Runner:
    """Runs one rollout over a fleet whose sessions are open and leased."""

    def __init__(self, project: Project, environment: Environment, fleet: Fleet, target: Target, emit: Emit) -> None:
        self._project = project
        self._environment = environment
        self._fleet = fleet
        self._target = target
        self._emit = emit
        self._hosts = {host.name: host for host in target.hosts}
        self._app = app_document(target.app)

    def run(self, rollout: Rollout) -> Rollout:
        """Runs it to its end; an interruption in between rolls back first and is then raised again.

        Raises:
            Interrupted: After every touched host was rolled back.
        """
        interrupted: BaseException | None = None
        while rollout.step.kind != "done":
            step = rollout.step
            try:
                self._announce(step)
                rollout.advance(self._do(step))
            except (Interrupted, KeyboardInterrupt) as error:
                interrupted = error
                if rollout.interrupt("interrupted").kind == step.kind:
                    raise  # a second Ctrl-C, or one after the decision: the next run repairs what's left
                self._fleet.resume()
        if interrupted is not None:
            raise interrupted
        return rollout

    def _announce(self, step: Step) -> None:
        words = {
            "stage": "stage",
            "expand": "expand migration",
            "activate": f"batch {step.batch}: activate",
            "health": f"batch {step.batch}: health",
            "smoke": f"batch {step.batch}: smoke tests",
            "confirm": "confirm",
            "roll_back": "roll back",
        }
        self._emit(StepEvent(f"{words[step.kind]}: {', '.join(step.hosts)}"))

    def _do(self, step: Step) -> dict[str, Failure]:
        actions: dict[str, Callable[[Step], dict[str, Failure]]] = {
            "stage": lambda one: self._each(one, self._stage),
            "expand": lambda one: self._each(one, self._expand),
            "activate": lambda one: self._each(one, self._activate),
            "health": self._health,
            "smoke": self._smoke,
            "confirm": lambda one: self._each(one, self._confirm),
            "roll_back": self._roll_back,
        }
        return actions[step.kind](step)

    def _each(self, step: Step, job: Callable[[Session], None]) -> dict[str, Failure]:
        outcome = self._fleet.each([self._hosts[name] for name in step.hosts], job)
        return {name: failure_of(error) for name, error in outcome.errors.items()}

    def _stage(self, session: Session) -> None:
        artifact = self._target.artifact
        if artifact is None:
            return
        store = Store(self._project)
        manifest = store.manifest(artifact)
        files = [entry for entry in manifest if entry["kind"] == "file"]
        size = sum(entry["size"] for entry in files)
        session.call("app.preflight", app=self._app, need_bytes=size, need_files=len(manifest))
        wanted = session.call("app.missing", app=self._app, manifest=manifest)
        paths = {entry["sha256"]: store.tree(artifact) / entry["path"] for entry in files}
        self._emit(HostStep(session.host.name, f"staging {len(wanted)} of {len(files)} files"))
        session.call(
            "app.stage",
            app=self._app,
            release=self._target.release,
            about={"version": artifact.version, "archive": artifact.archive, "tree": artifact.tree},
            manifest=manifest,
            sent=wanted,
            raw=(chunk for content in wanted for chunk in _chunks(paths[content])),
        )

    def _expand(self, session: Session) -> None:
        app = self._target.app
        self._emit(HostStep(session.host.name, "expand migration"))
        result = session.run(
            str(app.migrate.expand),
            user=app.user,
            cwd=f"{app.path}/releases/{self._target.release}",
            env_file=app.env_file,
            timeout=1800,
        )
        if result["status"] != 0:
            output = (result["stderr"] or result["stdout"]).decode("utf-8", "replace")
            raise _Verdict("the expand migration failed", session.host.name, output, result["status"])

    def _activate(self, session: Session) -> None:
        self._emit(HostStep(session.host.name, f"activating {self._target.release}"))
        session.call("app.activate", app=self._app, release=self._target.release)

    def _health(self, step: Step) -> dict[str, Failure]:
        return self._each(step, lambda session: wait_for_health(session, self._target.app, self._emit))

    def _smoke(self, step: Step) -> dict[str, Failure]:
        return smoke(
            self._project, self._environment, self._fleet, [self._hosts[name] for name in step.hosts], self._emit
        )

    def _confirm(self, session: Session) -> None:
        session.call("app.confirm", app=self._app, release=self._target.release, keep=self._target.app.keep)
        app = self._target.app
        self._emit(ResourceDone(session.host.name, "release", app.name, "changed", f"{app.file}:{app.line}"))
        self._emit(HostDone(session.host.name, "changed"))

    def _roll_back(self, step: Step) -> dict[str, Failure]:
        def job(session: Session) -> None:
            self._emit(HostStep(session.host.name, "rolling back"))
            target = session.call("app.roll_back", app=self._app)["release"]
            self._emit(HostDone(session.host.name, "rolled_back", f"back at {target}" if target else "no release"))

        return self._each(step, job)

    def pin(self, reason: str) -> None:
        """Refuses the artifact on all hosts from now on; a host that can't be told is named."""
        artifact = self._target.artifact
        if artifact is None:
            return

        def job(session: Session) -> None:
            session.call("app.pin", app=self._app, archive=artifact.archive, version=artifact.version, reason=reason)

        for name, error in self._fleet.each(self._target.hosts, job).errors.items():
            self._emit(
                Notice(f"{name} couldn't be told that {artifact.label} is pinned: {error.message}", warning=True)
            )


class _Verdict(CdconfError):
    """A command of the release failed."""

    def __init__(self, message: str, host: str, output: str, status: int) -> None:
        last = "\n".join(output.strip().splitlines()[-15:])
        super().__init__(message, host=host, detail=f"exit status: {status}\n{last}")


def wait_for_health(session: Session, app: App, emit: Emit) -> None:
    """Waits until the app is healthy on a host; raises `AgentError` when it isn't in time."""
    if app.health is not None:
        emit(HostStep(session.host.name, "waiting for health"))
        check = {"http": app.health.http, "tcp": app.health.tcp, "command": app.health.command}
        session.call("app.check_health", check=check, within=app.health.within)


def app_document(app: App) -> dict[str, Any]:
    """What the agent needs to know of an app."""
    return {"name": app.name, "path": app.path, "services": list(app.services)}


def failure_of(error: CdconfError) -> Failure:
    """A step's error as the state machine sees it."""
    message = f"{error.message}\n{error.detail}" if error.detail else error.message
    if isinstance(error, AgentError):
        return Failure(message, verdict=error.reason not in _INTERRUPTIONS)
    return Failure(message, verdict=isinstance(error, _Verdict))


def _chunks(path: Any) -> Any:
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            yield block


def smoke(
    project: Project, environment: Environment, fleet: Fleet, hosts: Sequence[Host], emit: Emit
) -> dict[str, Failure]:
    """Runs the smoke tests of all roles of these hosts, on these hosts.

    Returns:
        The failures by host; a problem that is nobody's in particular is the first host's.
    """
    roles: dict[str, list[str]] = {}
    for host in hosts:
        for role in dict.fromkeys(name for group in host.groups for name in project.groups[group]):
            roles.setdefault(role, []).append(host.name)

    def on(name: str) -> Callable[[str], dict[str, Any]]:
        return lambda command: fleet.sessions[name].run(command, timeout=120)

    known = {
        host.name: {"name": host.name, "address": host.address, "groups": list(host.groups)}
        for host in environment.hosts.values()
    }
    report = run_smoke(project.root, roles, known, environment.name, {host.name: on(host.name) for host in hosts}, emit)
    failures: Mapping[str, list[str]] = report.failed
    result = {
        name or hosts[0].name: Failure(f"smoke tests failed: {', '.join(tests)}", verdict=True)
        for name, tests in failures.items()
    }
    for name, error in report.unreachable.items():
        result[name] = Failure(error.message, verdict=False)
    if report.problem is not None and not result:
        result[hosts[0].name] = Failure(report.problem, verdict=True)
    return result
