"""Drives a rollout: does on the hosts what the state machine says, and tells it what came of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.databases.migrate import Migrations
from cdconf.deploy.hooks import hooks_document, run_last, tell_hooks
from cdconf.deploy.host_failure import failure_of
from cdconf.deploy.outcome import left_behind
from cdconf.deploy.packages import install_packages
from cdconf.deploy.preflight import preflight
from cdconf.deploy.push import Push
from cdconf.deploy.rollout import ABANDONED, Failure, Rollout, RolloutStep, put_back_after, split, stagger
from cdconf.deploy.target import Target
from cdconf.deploy.toggles import toggles_document
from cdconf.deploy.unheeded import unheeded
from cdconf.deploy.unreachable import look_again
from cdconf.deploy.verify import failed_before, smoke, wait_for_health
from cdconf.deploy.waiting import count_down
from cdconf.engine import Fleet
from cdconf.errors import Interrupted, Terminated, TerminateSignal, first_line
from cdconf.events import Committed, Emit, HostDone, HostStep, Notice, ResourceDone
from cdconf.events import Step as StepEvent
from cdconf.session import Session

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project

LOOK = 5.0  # seconds between two looks at hosts that soak
SEE = "see what runs with `cdconf status`"


class RolloutRunner:
    """Runs one rollout over a fleet whose sessions are open and leased."""

    def __init__(self, project: Project, environment: Environment, fleet: Fleet, target: Target, emit: Emit) -> None:
        self._project = project
        self._environment = environment
        self._fleet = fleet
        self._target = target
        self._emit = emit
        self._hosts = {host.name: host for host in target.hosts}
        self._app = target.app.document() | toggles_document(project, environment, target.app)
        self._push = Push(project, target.artifact, target.manifest) if target.artifact is not None else None
        self._deciding = target.deciding
        self._why: Callable[[], str | None] = lambda: None
        self._gone_back: set[str] = set()
        self._confirmed: set[str] = set()
        self._repeated: list[RolloutStep] = []
        self._rolled_back: set[str] = set()  # and not yet waited for
        self._waits_for_old = True
        batches = split(list(self._hosts), target.app.batches, target.room.limit if target.room else None)
        self._within = stagger(batches, target.app.confirm_within)

    def preflight(self) -> None:
        """Finds what would stop the deployment on any host before it changes something on one; see `preflight`."""
        preflight(self._fleet, self._target, self._app, self._push, self._emit)
        if self._deciding is not None:
            before = failed_before(self._project, self._fleet, self._target.hosts, self._deciding, self._emit)
            self._deciding = self._deciding.after(before)

    def run(self, rollout: Rollout, mask: Callable[[str], str] = str) -> Rollout:
        """Runs it to its end; whatever is raised in between rolls back first, and is then raised again.

        A signal that comes while hosts are being confirmed or rolled back doesn't leave that half done; only a second
        one does, and then the next run repairs what's left. `mask` takes secrets out of what hosts write down.

        Raises:
            Interrupted: A signal, after every touched host was rolled back, or confirmed.
            BaseException: Anything else that wasn't foreseen, after the same; where the hosts stand is in the events.
        """
        signalled: BaseException | None = None
        broken: BaseException | None = None
        self._why = lambda: reason(rollout, mask)
        while rollout.step.kind != "done":
            step = rollout.step
            try:
                self._announce(step, rollout.batches)
                rollout.advance(self._do(step))
            except (Interrupted, KeyboardInterrupt) as error:
                if rollout.interrupt("interrupted") is step and signalled is not None:
                    rollout.abandon(self._gone_back)
                    self._rolled_back.clear()  # nobody waits for them any more
                    raise self._interruption(rollout, error) from error
                signalled = error
                self._fleet.resume()
            except BaseException as error:  # noqa: BLE001  it's raised again, when the hosts are back
                self._break(rollout, step, error)
                broken = broken or error
                self._fleet.resume()
        if signalled is not None:
            raise self._interruption(rollout, signalled) from signalled
        if broken is not None:
            where = f"{self._target.release} is verified" if rollout.succeeded else left_behind(rollout)
            self._emit(Notice(f"the run was ended by an error of its own: {where}", warning=True))
            raise broken
        return rollout

    def see_old_serve(self) -> None:
        """Waits until the hosts that went back last serve again, or says that they don't; a signal ends the wait."""
        with contextlib.suppress(Interrupted, KeyboardInterrupt):
            self._let_serve(sorted(self._rolled_back))

    def finish(self, rollout: Rollout) -> None:
        """Runs the last hook, or asks what became of hosts that couldn't be taken back or be put back into use."""
        if rollout.succeeded:
            run_last(rollout, self._target, self._app, self._fleet, self._emit)
        if rollout.stuck or rollout.left_drained:
            look_again(rollout, self._target, self._app, self._fleet, self._emit)

    def _break(self, rollout: Rollout, step: RolloutStep, error: BaseException) -> None:
        """Goes on after what nobody has foreseen: back, or, where that has begun already, to the hosts that are left.

        It may be the events' own receiver that fails, so that none of them can keep hosts from going back any more.
        """
        self._emit = unheeded(self._emit)
        text = f"{type(error).__name__}: {error}"
        if rollout.interrupt(text) is not step:
            return
        if step not in self._repeated:
            self._repeated.append(step)
            return
        done = self._gone_back if step.kind == "roll_back" else self._confirmed if step.kind == "confirm" else set()
        rollout.advance({name: Failure(text, verdict=False) for name in step.hosts if name not in done})

    def _interruption(self, rollout: Rollout, signal: BaseException) -> Interrupted:
        """A signal as an error that says in which state the hosts are."""
        kind = Terminated if isinstance(signal, (Terminated, TerminateSignal)) else Interrupted
        release, within = self._target.release, self._target.app.confirm_within
        if rollout.step.kind == "confirm":
            return kind(f"interrupted while hosts were told that {release} is verified", hint=SEE)
        if not rollout.succeeded:
            left = [why for why in rollout.stuck.values() if why.message == ABANDONED]
            alone = f"; it goes back by itself within {2 * within:g} s" if left and within else ""
            return kind(f"interrupted: {left_behind(rollout)}{alone}", hint=SEE if rollout.stuck else None)
        if not rollout.undelivered:
            return kind(f"interrupted too late: every host runs {release}, verified")
        untold = ", ".join(rollout.undelivered)
        return kind(f"interrupted too late: every host runs {release}, which {untold} wasn't told of")

    def _announce(self, step: RolloutStep, batches: int) -> None:
        words = {
            "stage": "stage",
            "stop": "stop services before the migration",
            "expand": "expand migration",
            "room": "check the app's other hosts",
            "drain": "drain",
            "activate": "activate",
            "adopt": "take up again",
            "health": "health",
            "smoke": "smoke tests",
            "undrain": "put back into use",
            "soak": f"soak {self._target.app.soak:g} s",
            "prepare": "check the release on all hosts",
            "confirm": "confirm",
            "drain_back": "drain, to roll back",
            "roll_back": "roll back",
        }
        batch = (
            f"batch {step.batch} of {batches}: "
            if step.batch and step.kind not in ("adopt", "drain_back", "roll_back")
            else ""
        )
        if step.kind == "confirm":
            self._emit(Committed(self._target.release))
        is_said = {"soak": self._target.app.soak > 0, "room": self._target.room is not None}
        if is_said.get(step.kind, True):
            self._emit(StepEvent(f"{batch}{words[step.kind]}: {', '.join(step.hosts)}"))

    def _do(self, step: RolloutStep) -> dict[str, Failure]:
        actions: dict[str, Callable[[RolloutStep], dict[str, Failure]]] = {
            "stage": lambda rollout_step: self._each(rollout_step, self._stage),
            "room": self._room,
            "drain": self._drain,
            "stop": lambda rollout_step: self._each(rollout_step, self._stop),
            "expand": self._expand,
            "activate": lambda rollout_step: self._each(rollout_step, self._activate),
            "adopt": lambda rollout_step: self._each(rollout_step, self._adopt),
            "health": self._health,
            "smoke": self._smoke,
            "undrain": self._undrain,
            "soak": self._soak,
            "prepare": lambda rollout_step: self._each(rollout_step, self._hold),
            "confirm": lambda rollout_step: self._each(rollout_step, self._confirm),
            "drain_back": self._drain_back,
            "roll_back": self._roll_back,
        }
        return actions[step.kind](step)

    def _each(self, step: RolloutStep, job: Callable[[Session], object]) -> dict[str, Failure]:
        _, errors = self._fleet.each([self._hosts[name] for name in step.hosts], job).split()
        return {name: failure_of(error) for name, error in errors.items()}

    def _stage(self, session: Session) -> None:
        if self._push is None:
            return
        push = self._push
        name = session.host.name

        def say(size: int) -> None:
            self._emit(HostStep(name, f"staging: {megabytes(size)} of {megabytes(push.size)} must be sent"))

        push.to(session, self._app, self._target.release, say)
        if self._target.app.shared.paths:
            session.app_share(self._app, release=self._target.release)
        install_packages(self._target, session, self._app, self._emit)

    def _expand(self, step: RolloutStep) -> dict[str, Failure]:
        artifact = self._target.artifact
        if artifact is None:
            return {}
        migrations = Migrations(self._fleet, self._target.app, self._app, self._emit)
        if self._target.app.migrate.each:
            errors = migrations.expand_each(artifact, self._target.hosts)
            return {name: failure_of(error) for name, error in errors.items()}
        return {name: failure_of(error) for name, error in migrations.expand(artifact, step.hosts[0]).items()}

    def _stop(self, session: Session) -> None:
        self._emit(HostStep(session.host.name, f"stopping {', '.join(self._target.app.stops)}"))
        session.app_stop(self._known_to(session), release=self._target.release, within=self._within[session.host.name])

    def _room(self, step: RolloutStep) -> dict[str, Failure]:
        """Why the next batch mustn't begin; a host that fell silent keeps it, though it's a later one's."""
        if self._target.room is not None:
            return self._target.room.refusal(step.hosts)
        every = RolloutStep("room", tuple(self._hosts))
        return self._each(every, lambda session: session.app_status(self._app))

    def _drain(self, step: RolloutStep) -> dict[str, Failure]:
        drains = self._target.drains
        within = put_back_after(step.hosts, self._within, self._target.app.confirm_within)
        return drains.begin([self._hosts[name] for name in step.hosts], within) if drains else {}

    def _drain_back(self, step: RolloutStep) -> dict[str, Failure]:
        for failure in self._drain(step).values():
            message = first_line(failure.message)
            self._emit(Notice(f"{message}: {', '.join(step.hosts)} is rolled back while it's in use", warning=True))
        return {}

    def _undrain(self, step: RolloutStep) -> dict[str, Failure]:
        self._let_serve([name for name in step.hosts if name in self._rolled_back])
        forward = step.batch > 0  # else the hosts are what they were, and so is what's kept of them
        return self._target.drains.end(step.hosts, proven=forward) if self._target.drains else {}

    def _activate(self, session: Session) -> None:
        self._emit(HostStep(session.host.name, f"activating {self._target.release}"))
        within = self._within[session.host.name]
        release, back = self._target.release, self._target.back
        document = {**self._with_procedure, **self._known_to(session)}
        told = session.app_activate(document, release=release, within=within, back=back)
        tell_hooks(self._target, session.host.name, told.get("hooks", []), self._emit)

    def _known_to(self, session: Session) -> dict[str, Any]:
        """What a host's agent must know of the app where it activates it, or goes back."""
        return {**self._app, **hooks_document(self._target, session.host.name)}

    def _adopt(self, session: Session) -> None:
        within = self._within[session.host.name]
        session.app_adopt(self._known_to(session), release=self._target.release, within=within)

    def _hold(self, session: Session) -> None:
        session.app_holds(self._app, release=self._target.release)

    def _soak(self, step: RolloutStep) -> dict[str, Failure]:
        """Lets a batch be for a while, and looks after all hosts that were touched until the next one begins."""
        soak = self._target.app.soak
        ends = time.monotonic() + soak
        failures = self._each(step, self._hold)
        while not failures and (left := ends - time.monotonic()) > 0:
            part = min(left, LOOK)
            count_down(step.hosts, "soaking", part, self._emit, after=left - part)
            failures = self._each(step, self._hold)
        return self._health(step) if soak and not failures else failures

    def _health(self, step: RolloutStep) -> dict[str, Failure]:
        return self._each(step, lambda session: wait_for_health(session, self._target.app, self._emit))

    def _smoke(self, step: RolloutStep) -> dict[str, Failure]:
        hosts = [self._hosts[name] for name in step.hosts]
        return smoke(self._project, self._environment, self._fleet, hosts, self._emit, self._deciding)

    @property
    def _with_procedure(self) -> dict[str, Any]:
        procedure = {} if self._target.procedure is None else {"procedure": self._target.procedure}
        return {**self._app, **procedure}

    def _confirm(self, session: Session) -> None:
        document = {**self._with_procedure, **({"canary": True} if self._target.canary else {})}
        session.app_confirm(document, release=self._target.release, keep=self._target.app.keep)
        self._confirmed.add(session.host.name)
        app = self._target.app
        self._emit(ResourceDone(session.host.name, "release", app.name, "changed", f"{app.file}:{app.line}"))
        self._emit(HostDone(session.host.name, "changed"))

    def _roll_back(self, step: RolloutStep) -> dict[str, Failure]:
        why = self._why()

        def job(session: Session) -> None:
            self._emit(HostStep(session.host.name, "rolling back"))
            answer = session.app_roll_back(self._known_to(session), why=why)
            target = answer["release"]
            self._gone_back.add(session.host.name)
            if target:
                self._rolled_back.add(session.host.name)
            tell_hooks(self._target, session.host.name, answer.get("hooks", []), self._emit)
            self._emit(HostDone(session.host.name, "rolled_back", f"back at {target}" if target else "no release"))

        failures = self._each(step, job)
        if step.batch > 1:
            self._let_serve([name for name in step.hosts if name in self._rolled_back])
        return failures

    def _let_serve(self, names: Sequence[str]) -> None:
        """Hosts that went back get the time to come up, before they're put back into use or others go back.

        Where one doesn't, it's said, and no other is waited for: it keeps none out of use, or at a bad release.
        """
        self._rolled_back -= set(names)
        if not names or not self._waits_for_old:
            return
        for name, failure in self._health(RolloutStep("health", tuple(names))).items():
            self._waits_for_old = False
            message = first_line(failure.message)
            self._emit(Notice(f"{name} went back, and isn't well: {message}", warning=True))

    def pin(self, reason: str) -> None:
        """Refuses the artifact on all hosts from now on; a host that can't be told is named."""
        artifact = self._target.artifact
        if artifact is None:
            return

        def job(session: Session) -> None:
            session.app_pin(self._app, archive=artifact.archive, version=artifact.version, reason=reason)

        _, errors = self._fleet.each(self._target.hosts, job).split()
        for name, error in errors.items():
            self._emit(
                Notice(f"{name} couldn't be told that {artifact.label} is pinned: {error.message}", warning=True)
            )


def reason(rollout: Rollout, mask: Callable[[str], str]) -> str | None:
    """Why a rollout goes back, in one line for the hosts to remember."""
    first = max(rollout.failures.values(), key=lambda failure: failure.verdict, default=None)
    return first_line(mask(first.message)) if first and first.message else None


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB"
