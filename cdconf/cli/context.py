"""What every verb that works on an environment needs: project, events, result, history, exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf import clocks
from cdconf.cli.bug_report import Crashed
from cdconf.cli.command_line import exposed
from cdconf.cli.event_log import Telling, end_of
from cdconf.cli.extra_variables import check_extra
from cdconf.cli.flags import Flags, flags_of
from cdconf.cli.options import parse_extra
from cdconf.cli.outside_secrets import learn_outside
from cdconf.cli.result_file import leave
from cdconf.errors import FAILED, OK, UNREACHABLE, CdconfError, interruption, refused_by_machine, worst_exit
from cdconf.events import (
    ClocksSeen,
    Collector,
    Event,
    Leased,
    Notice,
    OwnCodeRan,
    RunResult,
    RunStarted,
    SecretRead,
    SmokeDone,
)
from cdconf.history.worktree import WorkTree
from cdconf.inventory import Environment, Host, check_roles, load_environment, load_project, select
from cdconf.own_files import obstacle
from cdconf.render import Style, make_renderer
from cdconf.secrets.mask import Mask

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.catalog import Compiler
    from cdconf.inventory import Project
    from cdconf.secrets import SecretStore
    from cdconf.session.active_runs import ActiveRunLock

Load = Callable[["Project", str], Environment]
FILES_SHOWN = 5
SMOKE_OUTPUT = 2000  # characters of a failed test that are kept


class Run:
    """One run of a verb.

    Args:
        command: The verb.
        environment: The environment's name, None for verbs that have none.
        flags: The command line's; see `flags_of`.
        load: Reads the environment.
        read: Reads the project.

    Attributes:
        code: The exit code; set by the verb, or by the error that ended it.
        extra: The verb's own keys of the JSON document.
        recorded: Whether the history remembers the run, with `detail` or `command_line` of `extra`.
        work_tree: What git says isn't committed, if it's asked.
        recorded_as: What the history calls it, see `record_as`; the verb if not given.
        noted: What else the history remembers of it, by the names of the record's fields.
    """

    def __init__(
        self,
        command: str,
        environment: str | None,
        flags: Flags | Mapping[str, Any],
        load: Load = load_environment,
        read: Callable[[Path], Project] = load_project,
    ) -> None:
        self.command = command
        self.flags = flags = flags_of(flags)
        self.project: Project = read(Path(flags.directory or "."))
        self._environment = load(self.project, environment) if environment else None
        self.code = 0
        self.recorded = command in RECORDED
        self.recorded_as: str | None = None
        self._about: dict[str, str] = {}
        self.work_tree: WorkTree | None = None
        self.extra: dict[str, Any] = {}
        self.noted: dict[str, Any] = {}
        self.collector = Collector()
        self._began = time.monotonic()
        self.started_at = time.time()
        self._compiler: Compiler | None = None
        self._mask = Mask()
        if os.environ.get("CDCONF_LEASE"):  # without it, verbs that need no engine don't import it
            self._learn_lent()
        self._secrets: SecretStore | None = None
        self._knowing = threading.Lock()
        self._unmaskable: list[str] = []
        self._knows_secrets = self._environment is None or flags.applied  # asks for none
        style = Style(flags.as_json, flags.diff, flags.verbose)
        self._at_work: list[ActiveRunLock] = []
        self._is_deaf = False
        self._renderer = (flags.renderer or make_renderer)(style, self._mask)
        self._telling = Telling(self)

    def begin(self) -> None:
        """Asks git what isn't committed, if the run is one that the history remembers."""
        if self.recorded:
            self.work_tree = WorkTree(self.project.root)
            self._telling.begin()

    @property
    def environment(self) -> Environment:
        """The environment that the command line names."""
        if self._environment is None:
            raise CdconfError(f"{self.command} needs an environment")
        return self._environment

    def mask(self, text: str) -> str:
        """Takes the environment's secrets out of a text, whatever said it."""
        with contextlib.suppress(CdconfError):  # a secrets.yml that breaks a rule is the run's error already
            self._know_secrets()
        return self._mask(text)

    @property
    def secrets(self) -> SecretStore:
        """The environment's secrets, read when they're first needed."""
        if self._secrets is None:
            from cdconf.secrets.store import SecretStore

            self._secrets = SecretStore(self.project, self.environment)
        return self._secrets

    def _know_secrets(self) -> None:
        """Before anything is shown: hosts may print secrets that this run itself has no use for."""
        unknown = {} if self._knows_secrets else self._learn_secrets()
        if unknown:
            reason = next(iter(unknown.values())).message
            names = ", ".join(unknown)
            self.emit(Notice(f"{names} can't be masked in what hosts print: {reason}", warning=True))
        self._tell_unmaskable(self._unmaskable)

    def _tell_unmaskable(self, names: Sequence[str]) -> None:
        self._unmaskable = []
        if names:
            what = f"{', '.join(names)} can't be masked: too short, or a word that runs show anyway"
            self.emit(Notice(f"{what}; `cdconf secret set` changes it", warning=True))

    def _learn_lent(self) -> None:
        from cdconf.engine.inherited_leases import lent

        for link in lent():
            self._mask.add(link.secret)

    def _learn_secrets(self) -> dict[str, CdconfError]:
        with self._knowing:
            if self._knows_secrets:
                return {}
            try:
                unknown = {**self.secrets.teach(self._mask), **learn_outside(self, self._mask)}
                self._unmaskable = self.secrets.unmaskable()
                return unknown
            finally:
                self._knows_secrets = True

    @property
    def compiler(self) -> Compiler:
        """The environment's compiler, made when it's first needed."""
        if self._compiler is None:
            from cdconf.catalog import Compiler
            from cdconf.resources.discovery import Types

            def ran(isolated: bool) -> None:
                self.collector(OwnCodeRan("the project's types", isolated))

            self._compiler = Compiler(
                self.project,
                self.environment,
                types=Types(self.project.root, self.project.type_packages, ran),
                extra=parse_extra(self.flags.extra),
                roles=self.flags.roles or None,
                secrets=self.secrets,
                mask=self._mask,
                looks=self.command in LOOKING,
            )
        return self._compiler

    def emit(self, event: Event) -> None:
        """The run's event stream; what goes through it is masked for whoever reads it.

        An error of whoever reads it ends the run once; none keeps hosts from being taken back, or put back into use.
        """
        try:
            self._tell(event)
        except Exception:
            if self._is_deaf:
                return
            self._is_deaf = True
            raise

    def _tell(self, event: Event) -> None:
        self._know_secrets()
        if isinstance(event, SecretRead):
            self._mask.add(event.value)
            return
        event = self._mask.event(event)
        if isinstance(event, SmokeDone) and event.message:
            event = replace(event, message=end_of(event.message, SMOKE_OUTPUT))
        if isinstance(event, Leased):
            self._begin_work(event.run)
        if isinstance(event, ClocksSeen):
            self._say_clocks(event)
        self.collector(event)
        self._telling.heard(event)
        self._renderer(event)

    def _say_clocks(self, event: ClocksSeen) -> None:
        """Once per run of each host and store."""
        known = self.collector.clocks[event.kind]
        for text in clocks.told({name: by for name, by in event.ahead.items() if name not in known}):
            self.emit(Notice(text, warning=True))

    def _begin_work(self, run: str) -> None:
        """From here on, `status` and `history` know when the run was killed."""
        from cdconf.session.active_runs import ActiveRunLock

        about = {"command": self.command, "environment": self.environment_name, "started_at": self.started_at}
        with contextlib.suppress(OSError):  # a full disk is said where something is lost by it
            self._at_work.append(ActiveRunLock(self.project.data, run, about))

    def selected(self) -> list[Host]:
        """The hosts that `--limit` leaves; a misspelt `--role` or `-e` ends the run here, before it is announced."""
        check_extra(self.project, self.flags.extra)
        check_roles(self.project, self.flags.roles)
        return select(self.project, self.environment, self.flags.limit)

    def start(self, hosts: Sequence[Host]) -> None:
        """Announces the run."""
        self.emit(RunStarted(self.command, self.environment_name, tuple(host.name for host in hosts)))
        changes = self.work_tree.changes() if self.work_tree and self.command in SAID_OF else None
        if changes and changes.dirty:
            files = ", ".join(changes.files[:FILES_SHOWN])
            more = f" and {len(changes.files) - FILES_SHOWN} more" if len(changes.files) > FILES_SHOWN else ""
            self.emit(Notice(f"not committed: {files}{more}"))

    def finish(self, error: CdconfError | None) -> None:
        """Shows the result and writes the history; sets `code`."""
        if error is None and self.command in SUMMED_UP:
            from cdconf.cli.failed_hosts import summed_up

            error = summed_up(self.collector.hosts, self.code)
        if error is not None:
            lost = any(host.status == "unreachable" for host in self.collector.hosts.values())
            self.code = worst_exit([error.exit_code, UNREACHABLE if lost else OK])
        if self._secrets is not None and not self._knows_secrets:  # verbs that only print have shown no event
            with contextlib.suppress(CdconfError):
                if self._secrets.unmaskable():
                    self._know_secrets()
        for notice in exposed(self._mask, sys.argv[1:]):
            self.emit(notice)
        if self.collector.isolated is not None:
            self.extra["isolated"] = self.collector.isolated
        result = RunResult(
            command=self.command,
            environment=self.environment_name,
            hosts=self.collector.hosts,
            exit_code=self.code,
            error=self._shown(error),
            error_detail=self.mask(error.detail) if error and error.detail else None,
            duration_s=time.monotonic() - self._began,
            extra=self.extra,
        )
        self._renderer.finish(result)
        leave(result, self.collector.run, error, self.mask)
        verdict = getattr(error, "verdict", None)
        self.noted |= {"verdict": verdict} if isinstance(verdict, bool) else {}
        if self.recorded:
            self._record(result, self._telling.id)
        elif self.work_tree is not None:
            self.work_tree.close()
        self._telling.end()
        for lock in self._at_work:
            lock.end()

    def _shown(self, error: CdconfError | None) -> dict[str, Any] | None:
        if error is None:
            return None
        error.retell(self.mask)
        return {key: self.mask(value) if isinstance(value, str) else value for key, value in error.as_dict().items()}

    def record_as(self, command: str, detail: str, artifact: Artifact | None = None) -> None:
        """From now on the run is one that the history remembers.

        Args:
            command: What the history calls it: `artifact sign`.
            detail: What it was about; never a secret.
            artifact: The artifact that it was about, if it was one.
        """
        self.recorded, self.recorded_as = True, command
        self._telling.begin()
        self.work_tree = self.work_tree or WorkTree(self.project.root)
        self._about = {"detail": detail}
        if artifact is not None:
            self._about |= {"app": artifact.app, "version": artifact.version, "artifact": artifact.archive}

    def remember(self, environment: str, extra: dict[str, Any], error: CdconfError | None = None) -> None:
        """Writes the history of one of several environments that the run was about."""
        took = time.monotonic() - self._began
        code = error.exit_code if error else 0
        self._record(RunResult(self.command, environment, {}, code, self._shown(error), None, took, extra))

    def close(self) -> None:
        """Gives the terminal back without a result."""
        if self.work_tree is not None:
            self.work_tree.close()
        self._renderer.close()

    def crash(self, error: Exception) -> None:
        """Ends the run after an error of cdconf's own: the history says so, too."""
        self.close()
        with contextlib.suppress(Exception):  # what's told of the first error matters more
            if self.recorded:
                shown = {"message": f"an error of cdconf's own ended it: {type(error).__name__}"}
                took, hosts = time.monotonic() - self._began, self.collector.hosts
                result = RunResult(self.command, self.environment_name, hosts, FAILED, shown, None, took, self.extra)
                self._record(result, self._telling.id)
        self._telling.end()

    def leave(self) -> None:
        """Ends a run that leaves by its own exit: there's no result, and the history doesn't remember it."""
        self.close()
        self._telling.forget()

    def _record(self, result: RunResult, identifier: str | None = None) -> None:
        from cdconf.cli.recording import record_run

        work_tree = self.work_tree or WorkTree(self.project.root)  # what turned out late to be worth a line
        record_run(self, result, identifier, self._about, work_tree.changes())

    @property
    def environment_name(self) -> str | None:
        """The environment's name; None for verbs that have none."""
        return self._environment.name if self._environment else None

    @property
    def is_own_environment(self) -> bool:
        """Whether the environment's hosts are this checkout's own."""
        return self._environment is not None and self._environment.provider != "existing"


RECORDED = ("provision", "deploy", "rollback", "contract", "toggle", "run", "ssh", "logs", "destroy", "smoke", "drift")

LOOKING = ("plan", "drift", "waiver baseline")  # these look at hosts, and change nothing

SUMMED_UP = ("provision", *LOOKING)  # these end with all that failed; others raise what ended them

SAID_OF = ("provision", "deploy", "rollback", "contract", "toggle")  # where files that aren't committed are named


@contextlib.contextmanager
def run_of(
    command: str,
    environment: str | None,
    flags: Flags | Mapping[str, Any],
    load: Load = load_environment,
    read: Callable[[Path], Project] = load_project,
) -> Iterator[Run]:
    """A run whose end is always shown; exits with its code unless that's 0. For the arguments see `Run`.

    Raises:
        SystemExit: With the exit code.
    """
    run = Run(command, environment, flags, load, read)
    run.begin()
    error: CdconfError | None = None
    try:
        yield run
    except CdconfError as caught:
        error = caught
    except KeyboardInterrupt as caught:
        error = interruption(caught)
    except Exception as caught:
        if (error := obstacle(caught) or refused_by_machine(caught)) is None:
            run.crash(caught)
            raise Crashed(run.mask) from caught
    except BaseException:
        run.leave()
        raise
    run.finish(error)
    if run.code:
        raise SystemExit(run.code)


__all__ = ["FAILED", "Crashed", "Run", "run_of"]
