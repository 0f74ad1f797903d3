"""What every verb that works on an environment needs: project, events, result, history, exit code."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.cli.options import parse_extra
from cdconf.errors import FAILED, CdconfError, interruption
from cdconf.events import Collector, Event, RunResult, RunStarted, SecretRead
from cdconf.inventory import Environment, Host, load_environment, load_project, select
from cdconf.render import Style, make_renderer
from cdconf.secrets.mask import Mask

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.inventory import Project


class Run:
    """One run of a verb.

    Args:
        command: The verb.
        environment: The environment's name, None for verbs that have none.
        flags: The command line's: directory, limit, roles, extra, as_json, diff, verbose, forks, …

    Attributes:
        code: The exit code; set by the verb, or by the error that ended it.
        extra: The verb's own keys of the JSON document.
    """

    def __init__(self, command: str, environment: str | None, flags: dict[str, Any]) -> None:
        self.command = command
        self.flags = flags
        self.project: Project = load_project(Path(flags.get("directory") or "."))
        self._environment = load_environment(self.project, environment) if environment else None
        self.code = 0
        self.extra: dict[str, Any] = {}
        self.collector = Collector()
        self._began = time.monotonic()
        self._started_at = time.time()
        self._compiler: Compiler | None = None
        self._own_mask = Mask()
        style = Style(flags.get("as_json", False), flags.get("diff", False), flags.get("verbose", False))
        self._renderer = make_renderer(style, self.mask)

    @property
    def environment(self) -> Environment:
        """The environment that the command line names."""
        if self._environment is None:
            raise CdconfError(f"{self.command} needs an environment")
        return self._environment

    def mask(self, text: str) -> str:
        """Takes the secrets that were read so far out of a text."""
        text = self._own_mask(text)
        return self._compiler.mask(text) if self._compiler is not None else text

    @property
    def compiler(self) -> Compiler:
        """The environment's compiler, made when it's first needed."""
        if self._compiler is None:
            from cdconf.catalog import Compiler

            self._compiler = Compiler(
                self.project,
                self.environment,
                extra=parse_extra(self.flags.get("extra", ())),
                roles=self.flags.get("roles") or None,
            )
        return self._compiler

    def emit(self, event: Event) -> None:
        """The run's event stream."""
        if isinstance(event, SecretRead):
            self._own_mask.add(event.value)
            return
        self.collector(event)
        self._renderer(event)

    def selected(self) -> list[Host]:
        """The hosts that `--limit` leaves."""
        return select(self.project, self.environment, self.flags.get("limit"))

    def start(self, hosts: Sequence[Host]) -> None:
        """Announces the run."""
        name = self._environment.name if self._environment else None
        self.emit(RunStarted(self.command, name, tuple(host.name for host in hosts)))

    def finish(self, error: CdconfError | None) -> None:
        """Shows the result and writes the history; sets `code`."""
        if error is not None:
            self.code = error.exit_code
        result = RunResult(
            command=self.command,
            environment=self._environment.name if self._environment else None,
            hosts=self.collector.hosts,
            exit_code=self.code,
            error=error.as_dict() if error else None,
            error_detail=error.detail if error else None,
            duration_s=time.monotonic() - self._began,
            extra=self.extra,
        )
        self._renderer.finish(result)
        if self.command in RECORDED:
            self._record(result)

    def close(self) -> None:
        """Gives the terminal back without a result."""
        self._renderer.close()

    def _record(self, result: RunResult) -> None:
        from cdconf.history import journal

        entry = journal.entry(result, self._started_at, self.project.root)
        entry |= {name: self.mask(entry[name]) for name in ("error", "detail") if entry[name]}
        try:
            journal.append(self.project.data, entry)
        except OSError as error:
            import sys

            print(f"warning: the run couldn't be recorded: {error}", file=sys.stderr)


RECORDED = ("provision", "deploy", "rollback", "run", "ssh", "logs", "destroy", "smoke", "drift")


@contextmanager
def run_of(command: str, environment: str | None, flags: dict[str, Any]) -> Iterator[Run]:
    """A run whose end is always shown; exits with its code unless that's 0.

    Raises:
        SystemExit: With the exit code.
    """
    run = Run(command, environment, flags)
    error: CdconfError | None = None
    try:
        yield run
    except CdconfError as caught:
        error = caught
    except KeyboardInterrupt as caught:
        error = interruption(caught)
    except Exception:
        run.close()  # main reports the bug
        raise
    run.finish(error)
    if run.code:
        raise SystemExit(run.code)


__all__ = ["FAILED", "Run", "run_of"]
