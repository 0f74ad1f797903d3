"""How `drift` tells machines what it found: files for CI and monitoring, a line for Nagios, nothing that's known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import Run, run_of
from cdconf.cli.flags import Flags
from cdconf.errors import CdconfError, UsageError
from cdconf.inventory import find_root, load_project

if TYPE_CHECKING:
    from cdconf.drift.findings import DriftFinding
    from cdconf.drift.memory import LookMemory, RememberedLook
    from cdconf.events import Event, RunResult
    from cdconf.inventory import Project
    from cdconf.render import Renderer, Style
    from cdconf.render.drift.look import DriftLook

_FILES = ("junit", "sarif", "prometheus", "json_file")
_SIGNALS = (130, 143)
ONLY_READ = "only read"  # a command line that's read for somebody else, and tells Nagios nothing
_file = click.Path(dir_okay=False)


class DriftCommand(click.Command):
    """Tells Nagios of a run that couldn't begin, too: exit code 1 would be its WARNING."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the command line."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "--nagios" in given and ctx.obj != ONLY_READ:
                _say_unknown(error.format_message())
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it."""
        try:
            return super().invoke(ctx)
        except CdconfError as error:  # a project that can't be read, say
            if ctx.params["nagios"]:
                _say_unknown(error.message)
            raise


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options; see the module."""
    look_key = click.option(
        "--look-only", "look_key", metavar="KEY", type=_file, help="With --applied: connect with this look-only key."
    )
    for option in (
        look_key,
        click.option("--quiet", is_flag=True, help="Print only when the findings differ from the last time."),
        click.option(
            "--nagios", is_flag=True, help="Print one line with performance data, and use Nagios' exit codes."
        ),
        click.option("--prometheus", metavar="FILE", type=_file, help="Write metrics for a textfile collector."),
        click.option("--json-file", metavar="FILE", type=_file, help="Also write the JSON document to FILE."),
        click.option("--sarif", metavar="FILE", type=_file, help="Write SARIF 2.1.0."),
        click.option("--junit", metavar="FILE", type=_file, help="Write JUnit XML."),
    ):
        command = option(command)
    return command


@dataclass
class DriftFlags(Flags):
    """The options of `drift`."""

    fix: bool = False
    check: bool = False
    junit: str | None = None
    sarif: str | None = None
    json_file: str | None = None
    prometheus: str | None = None
    nagios: bool = False
    quiet: bool = False


@contextmanager
def drift_run(
    environment: str, flags: DriftFlags, read: Callable[[Path], Project] = load_project
) -> Iterator[tuple[Run, ReportedLook]]:
    """A run of `drift`, told as its options say; the exit code is Nagios' own where that's asked for.

    Args:
        environment: The environment's name.
        flags: The command line's.
        read: Reads the project.

    Raises:
        SystemExit: With the exit code, unless that's 0.
    """
    told = ReportedLook(environment, flags)
    flags.renderer = told.renderer
    try:
        check_flags(flags)
        with run_of("drift", environment, flags, read=read) as run:
            told.begin(run)
            yield run, told
    except SystemExit as ended:
        if told.nagios_code is not None and ended.code not in _SIGNALS:
            raise SystemExit(told.nagios_code) from None
        raise
    if told.nagios_code:
        raise SystemExit(told.nagios_code)


def _say_unknown(message: str) -> None:
    from cdconf.render.drift import nagios

    click.echo(nagios.line_of(f"DRIFT UNKNOWN - {message}"))
    raise SystemExit(nagios.UNKNOWN)


def check_flags(flags: DriftFlags) -> None:
    """Raises `UsageError` for options that exclude each other, and for files that can't be made."""
    from cdconf.cli.plan_file import check_out

    if flags.nagios and (flags.as_json or flags.quiet):
        raise UsageError(f"--nagios and {'--json' if flags.as_json else '--quiet'} exclude each other")
    if flags.look_key and not flags.applied:
        raise UsageError("--look-only can't do more than `drift --applied`", hint="add --applied, or leave it away")
    for name in _FILES:
        check_out(getattr(flags, name), f"--{name.replace('_', '-')}")


class ReportedLook:
    """A look that's told at its end.

    Args:
        environment: The environment's name.
        flags: The command line's.

    Attributes:
        findings: What was found; derived from the run's events where nobody says it.
        nagios_code: The exit code for Nagios, once the look is over.
    """

    def __init__(self, environment: str, flags: DriftFlags) -> None:
        self._environment = environment
        self._flags = flags
        self._run: Run | None = None
        self.findings: Sequence[DriftFinding] | None = None
        self.nagios_code: int | None = None

    def begin(self, run: Run) -> None:
        """The run is there."""
        self._run = run

    def renderer(self, style: Style, mask: Callable[[str], str]) -> Renderer:
        """What shows the run: see `render.make_renderer`."""
        from cdconf.render import make_renderer

        if self._flags.nagios or self._flags.quiet:
            return _Held(self, lambda: make_renderer(style, mask), mask)
        return _Beside(self, make_renderer(style, mask), mask)

    def tell(self, result: RunResult, mask: Callable[[str], str]) -> bool:
        """Writes the files; returns whether there's something to print."""
        if self._run is None:  # ended before it began: there's nothing that a file could say
            return True
        memory = self._memory()
        before = memory.load()
        look = self._look(result, before, mask)
        self._write(look, result, mask)
        return self._is_news(look, memory, before)

    def _look(self, result: RunResult, before: RememberedLook, mask: Callable[[str], str]) -> DriftLook:
        from cdconf.render.drift.look import DriftLook, masked

        found = self.findings if self.findings is not None else _found(result)
        error = result.error["message"] if result.error else None
        broken: dict[str, dict[str, str]] = {"unreachable": {}, "failed": {}}
        for name, host in result.hosts.items():
            if host.status in broken and (host.status == "unreachable" or not host.failed):
                broken[host.status][name] = host.error or host.status
            elif host.status == "not_attempted" and error is None:
                broken["failed"][name] = "it wasn't looked at"
        if any(broken.values()):
            error = None  # it only sums up what its hosts say
        look = DriftLook(
            *(self._project, self._environment, tuple(result.hosts), broken["unreachable"], broken["failed"]),
            *(tuple(found), error, result.duration_s, before.last_success),
        )
        return masked(replace(look, last_success=time.time()) if look.is_whole else look, mask)

    @property
    def _project(self) -> str:
        return self._run.project.name if self._run else ""

    def _write(self, look: DriftLook, result: RunResult, mask: Callable[[str], str]) -> None:
        from cdconf.pipeline.metrics import write_textfile
        from cdconf.render.drift import prometheus, results, suites
        from cdconf.render.jsonout import document, masked
        from cdconf.render.sarif import prefix_of

        made: dict[str, Callable[[], bytes]] = {
            "junit": lambda: suites.junit(look),
            "sarif": lambda: _json(results.document(look, prefix_of(self._root()))),
            "json_file": lambda: _json(masked(document(result, verbose=self._flags.verbose), mask)),
            "prometheus": lambda: prometheus.exposition(look),
        }
        for name, make in made.items():
            if file := getattr(self._flags, name):
                write_textfile(Path(file), make())

    def _is_news(self, look: DriftLook, memory: LookMemory, before: RememberedLook) -> bool:
        from cdconf.drift.memory import RememberedLook
        from cdconf.render.drift import nagios
        from cdconf.render.drift.look import NOTHING, signature

        is_news, said = True, before.said
        if self._flags.nagios:
            self.nagios_code, line = nagios.told(look)
            click.echo(line)
            is_news = False
        elif self._flags.quiet:
            said = signature(look)
            is_news = said != (before.said or NOTHING)
        after = RememberedLook(said, look.last_success)
        if after != before and (self._flags.quiet or self._flags.prometheus):
            memory.save(after)
        return is_news

    def _root(self) -> Path:
        """The project's own place: with `--at` the run reads a checkout, which is gone afterwards."""
        return find_root(Path(self._flags.directory))

    def _memory(self) -> LookMemory:
        from cdconf.drift.memory import LookMemory

        kind = [getattr(self._flags, name) for name in ("limit", "roles", "extra", "at", "applied")]
        return LookMemory(self._root() / ".cdconf", self._environment, kind)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _found(result: RunResult) -> list[DriftFinding]:
    from cdconf.drift.findings import findings_of

    return findings_of(resource for host in result.hosts.values() for resource in host.resources)


class _Beside:
    """Shows a run as always, and tells machines of its end."""

    def __init__(self, told: ReportedLook, inner: Renderer, mask: Callable[[str], str]) -> None:
        self._told, self._inner, self._mask = told, inner, mask

    def __call__(self, event: Event) -> None:
        self._inner(event)

    def finish(self, result: RunResult) -> None:
        self._told.tell(result, self._mask)
        self._inner.finish(result)

    def close(self) -> None:
        self._inner.close()


class _Held:
    """Holds back all that a run tells until it's known whether that's news."""

    def __init__(self, told: ReportedLook, make: Callable[[], Renderer], mask: Callable[[str], str]) -> None:
        self._told, self._make, self._mask = told, make, mask
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self._events.append(event)  # safe for threads

    def finish(self, result: RunResult) -> None:
        if not self._told.tell(result, self._mask):
            return
        renderer = self._make()
        for event in self._events:
            renderer(event)
        renderer.finish(result)

    def close(self) -> None:
        """What crashed is told by whoever ends it."""
