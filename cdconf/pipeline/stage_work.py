"""The work of one stage: the verbs that it's made of, one after the other, and what their ends mean."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cdconf.errors import ArtifactError, CdconfError, refused_by_machine
from cdconf.events import Collector, Emit, Notice, OwnCodeRan
from cdconf.inventory import load_environment
from cdconf.pipeline import copies
from cdconf.pipeline.blame import failed_tests
from cdconf.pipeline.entries import MissingRequirement
from cdconf.pipeline.outcome import PASSED, StageOutcome, outcome_of
from cdconf.promotion.gates import gate_of
from cdconf.promotion.policy import policy_of
from cdconf.promotion.stage_pins import changed
from cdconf.promotion.stage_run import StageRun

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.pipeline.children import Children, ChildResult
    from cdconf.pipeline.known import KnownState
    from cdconf.pipeline.stage_log import StageLog

_PATIENCE = 300.0  # seconds for which hosts that another run holds are waited for
_PAUSE = 3.0
_RED_LINES = 200  # of the output, in which names of tests are looked for


@dataclass
class StageWork:
    """One stage of one commit.

    Attributes:
        home: The project in the directory that people work in.
        project: The project, at the commit.
        stage: The stage.
        known: What's known of the commit.
        children: Starts verbs.
        log: Gets their output.
        emit: The event stream.
        step: Gets each step's name.
        keep_failed: Whether a copy is kept when the stage is red.
        stopped: Set when it's to end.
    """

    home: Project
    project: Project
    stage: Stage
    known: KnownState
    children: Children
    log: StageLog
    emit: Emit
    step: Callable[[str], None]
    keep_failed: bool
    stopped: threading.Event

    def run(self) -> StageOutcome:
        """Does it all; raises nothing that a user could cause."""
        self._unsaid: set[str] = set()
        self._runs: list[str] = []
        self._lines: list[str] = []
        self._collector = Collector()
        self._began = time.time()
        try:
            found = self._changed() or (self._with_copy() if self.stage.copy_of else self._through())
        except CdconfError as error:
            found = StageOutcome("interrupted", error.message, error.exit_code, error.hint, error.detail)
        except OSError as error:  # a full disk says nothing of the commit
            refused = refused_by_machine(error)
            if refused is None:
                raise
            found = StageOutcome("interrupted", refused.message, refused.exit_code)
        if found.state == "failed" and not found.tests:
            found = replace(found, tests=failed_tests(self._lines))
        return replace(found, runs=tuple(self._runs), artifacts=self._made())

    def _changed(self) -> StageOutcome | None:
        """Before anything is done: a stage that isn't what the operator's policy says is passed by nobody."""
        for name, why in changed(policy_of(self.project).stages, [self.stage]):
            return StageOutcome("blocked", why, 3, missing=(MissingRequirement(f"stage {name}", why, None),))
        return None

    def _made(self) -> Any:
        try:
            return self.known.made()
        except ArtifactError:
            return ()

    def _through(self) -> StageOutcome:
        if self.stage.environment is None:
            return self._alone()
        return self._build() or self._gate() or self._deployed(self.stage.environment)

    def _alone(self) -> StageOutcome:
        """A stage that deploys nothing: its command, then what it builds; it's said at the end."""
        found = self._command() or self._build()
        if found is not None:
            return found
        self._unsaid = set(self.known.apps_of(self.stage))
        self.say_rest()
        return PASSED

    def say_rest(self) -> None:
        """Says of a stage that deploys nothing that artifacts have passed it, which may be built by a later stage."""
        for app, artifact in self.known.artifacts().items() if self._unsaid else ():
            if app in self._unsaid:
                self._word(None, app).passed(artifact, {})
                self._unsaid.discard(app)

    def _command(self, environment: str | None = None) -> StageOutcome | None:
        if self.stage.run is None:
            return None
        where = ["--environment", environment] if environment else []
        return self._red(self._verb("run", ["pipeline", "command", self.stage.name, *where]), environment)

    def _build(self) -> StageOutcome | None:
        built = self.known.artifacts()
        for app in self.stage.build:
            if app in built:
                self._say(f"{built[app].label} was built before ({built[app].archive[:12]})")
                continue
            found = self._red(self._verb("build", ["build", app]), None)
            if found is not None:
                return found
        return None

    def _gate(self) -> StageOutcome | None:
        """Before anything of an environment is touched: what its gate asks for of each artifact."""
        environment = load_environment(self.project, str(self.stage.environment))
        for app, artifact in self.known.artifacts().items():
            if self.stage.concerns(app) and self._has_hosts(environment, app):
                missing = gate_of(self.project, environment, artifact, self.emit).missing
                if missing:
                    links = tuple(MissingRequirement(link.name, link.why, link.command) for link in missing)
                    why = f"{artifact.label} can't go to {environment.name} yet: {links[0].name}: {links[0].why}"
                    return StageOutcome("blocked", why, 3, missing=links)
        return None

    def _has_hosts(self, environment: Environment, app: str) -> bool:
        return any(self.project.apps[app].runs_on(host) for host in environment.hosts.values())

    def _with_copy(self) -> StageOutcome:
        """In a copy, which goes whatever happens."""
        name = copies.copy_name(self.stage, self.known.commit)
        found = self._build()
        if found is not None:
            return found
        if name in self.home.throwaways():  # kept by an earlier run, for people to look at
            remove_copy(self.home, self.children, name, self._show, self._say)
        copies.note(self.home, name, self.known.commit)
        found = StageOutcome("interrupted", "it was ended", 130)
        try:
            scale = [word for group, count in self.stage.scale.items() for word in ("--scale", f"{group}={count}")]
            words = ["--copy-of", str(self.stage.copy_of), "--name", name, "--ttl", f"{self.stage.ttl:.0f}s", *scale]
            found = self._deployed(name, words)
            return found
        finally:
            self._remove(name, found)

    def _remove(self, name: str, found: StageOutcome) -> None:
        if self.keep_failed and found.state == "failed":
            copies.forget(self.home, name)
            self._say(f"{name} is kept for {self.stage.ttl / 3600:.3g} h: `cdconf ssh {name} HOST` looks into it")
            return
        remove_copy(self.home, self.children, name, self._show, self._say)

    def _deployed(self, name: str, copy: Sequence[str] | None = None) -> StageOutcome:
        """Provisions an environment, deploys the artifacts to it, and runs the stage's command against them."""
        words = ["provision", "--stage", self.stage.name, *(copy if copy is not None else [name])]
        if copy is not None or load_environment(self.project, name).provider == "docker":
            words.append("--from-snapshot")
        provisioned = self._patiently("provision", words)
        if provisioned.is_of_hosts and provisioned.code == 1 and copy is None:
            provisioned = self._after_resuming(name, words)
        found = self._red(provisioned, name)
        if found is not None:
            return found
        environment = load_environment(self.project, name)
        concerned = [one for app, one in self.known.artifacts().items() if self.stage.concerns(app)]
        there = [one for one in concerned if self._has_hosts(environment, one.app)]
        with tempfile.TemporaryDirectory(prefix="cdconf-proofs-") as folder:
            for number, artifact in enumerate(there, 1):
                words = ["deploy", artifact.label, "--to", name, "--stage", self.stage.name, "--goes-on"]
                words += ["--others", folder, *(["--not-last"] if number < len(there) else [])]
                found = self._red(self._patiently(f"deploy {artifact.label}", words), name)
                if found is not None:
                    return found
        return PASSED if there else self._command(name) or PASSED

    def _after_resuming(self, name: str, words: Sequence[str]) -> StageOutcome:
        """Provisions again, once deployments have been ended that a dead run has left half-way."""
        environment = load_environment(self.project, name)
        for app in self.known.apps_of(self.stage):
            if self._has_hosts(environment, app):
                self._patiently(f"end what was interrupted of {app}", ["deploy", app, "--to", name, "--resume"])
        return self._patiently("provision", words)

    def _patiently(self, what: str, words: Sequence[str]) -> StageOutcome:
        """Runs a verb; where another run holds the hosts, such as a dead one, again until they're free."""
        deadline = time.monotonic() + _PATIENCE
        told = False
        while True:
            found = self._verb(what, words)
            if not found.is_held or time.monotonic() > deadline or self.stopped.wait(_PAUSE):
                return found
            if not told:
                self._say(f"waiting: {found.why}")
                told = True

    def _verb(self, what: str, words: Sequence[str]) -> StageOutcome:
        self.step(what)
        self._lines.clear()
        self.log.add(f"$ cdconf {' '.join(words)}")
        done: ChildResult = self.children.run(words, self._show, self.stopped)
        run = done.document.get("run")
        if isinstance(run, str):
            self._runs.append(run)
        isolated = done.document.get("isolated")
        if isinstance(isolated, bool):
            self._collector(OwnCodeRan(what, isolated))
        found = outcome_of(done, what, self._lines)
        if found.state == "interrupted" and self.stopped.is_set():
            return replace(found, why="it was ended")
        return found

    def _red(self, found: StageOutcome, environment: str | None) -> StageOutcome | None:
        """What ends the stage, None when it goes on; a red one that the verb hasn't said itself is said here."""
        if found.state == "passed":
            return None
        if found.state == "failed" and not found.is_said:
            made = self.known.artifacts()
            for app in self.known.apps_of(self.stage):
                word = self._word(environment, app)
                if app in made:
                    word.failed(made[app], found.why)
                else:
                    word.stop_line(app, found.why)
        return found

    def _word(self, environment: str | None, app: str) -> StageRun:
        """The stage's word on an app's artifact."""
        is_there = environment is not None and environment in self.project.environments()
        where = load_environment(self.project, str(environment)) if is_there else None
        made = StageRun(
            self.project,
            where,
            self.stage,
            self._collector,
            self.emit,
            lambda: self._collector.isolated is not False,
            demanded=True,
            began=self._began,
        )
        made.begin(app)
        return made

    def _show(self, line: str) -> None:
        self.log.add(line)
        self._lines.append(line)
        del self._lines[:-_RED_LINES]
        self.emit(Notice(f"{self.stage.name} | {line}"))

    def _say(self, text: str) -> None:
        self.log.add(text)
        self.emit(Notice(f"{self.stage.name} | {text}"))


def remove_copy(
    home: Project, children: Children, name: str, show: Callable[[str], None], say: Callable[[str], None]
) -> bool:
    """Removes a copy, and what says that it's there; returns whether it's gone."""
    if name not in home.throwaways():
        copies.forget(home, name)
        return True
    done = children.clean(["destroy", name, "--yes"], show)
    if done.code == 0:
        copies.forget(home, name)
        return True
    say(f"{name} couldn't be removed; the next run tries again, or you do: `cdconf destroy {name} --yes`")
    return False
