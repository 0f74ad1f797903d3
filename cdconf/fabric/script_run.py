"""A script's run: its hosts are held while it works, and the history records what it did."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabric.exceptions import GroupException
from invoke.exceptions import Failure

from cdconf.cli.context import Run
from cdconf.cli.fleets import fleet_of
from cdconf.errors import CdconfError, HostFailed, Interrupted, LeaseHeld, Unreachable, first_line, interruption
from cdconf.events import Event, HostDone, HostStep, Notice, RunResult
from cdconf.fabric.refused import Refused
from cdconf.fabric.script_commands import ScriptCommands
from cdconf.render.words import error_lines, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cdconf.cli.flags import Flags
    from cdconf.engine import Fleet
    from cdconf.inventory import Host
    from cdconf.render import Style
    from cdconf.secrets import Mask
    from cdconf.session import Session
    from cdconf.session.ssh_connection import SshConnection

RECENT = 1.0  # seconds for which a lease that was looked at counts as held
LOST = ("unreachable", "failed")
SAID = 500  # characters of what was done that the history shows


class Quiet:
    """Shows a script's run: what must be known, on stderr; see `cdconf.render.Renderer`."""

    def __init__(self, style: Style, mask: Mask) -> None:
        self.style, self.mask = style, mask

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            word = "warning: " if event.warning else ""
            print(shown(self.mask(f"cdconf: {word}{event.message}")), file=sys.stderr, flush=True)

    def finish(self, result: RunResult) -> None:
        """The script says itself how it ended."""

    def close(self) -> None:
        """There's no terminal to give back."""


class ScriptRun:
    """See the module.

    Args:
        environment: Its name.
        flags: The project's directory, and the hosts that are wanted.
        lease: Hold the hosts' leases.
        reason: What the leases tell others.

    Attributes:
        hosts: Located: with all that's needed to reach them.
        mask: Knows the environment's secrets.

    Raises:
        Refused: A host is held, is unreachable, or isn't the right one; a file breaks a rule.
    """

    def __init__(self, environment: str, flags: Flags, *, lease: bool, reason: str | None) -> None:
        self._lease = lease
        self._reason = reason or f"fabric: {script_name()}"
        self._shown: list[Quiet] = []
        self._stack = ExitStack()
        self._done: dict[str, list[str]] = {}  # what was done -> on which hosts
        self._failed: dict[str, str] = {}
        self._commands = ScriptCommands()
        self._held_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._has_ended = False

        def renderer(style: Style, mask: Any) -> Quiet:
            self._shown.append(Quiet(style, mask))
            return self._shown[-1]

        flags.renderer = renderer
        try:
            self._run = Run("fabric", environment, flags)
        except CdconfError as error:
            raise Refused(error, said(error, str)) from None
        self.mask = self._shown[-1].mask
        self._run.recorded = True
        self._run.begin()
        try:
            self._fleet = self._begin()
        except CdconfError as error:
            self._stack.close()
            raise self._ended(error) from None
        except KeyboardInterrupt as error:
            self._stack.close()
            self._ended(interruption(error))
            raise

    def _begin(self) -> Fleet:
        """Connects to the hosts, and takes their leases."""
        run = self._run
        wanted = run.selected()
        run.extra["detail"] = self._reason
        run.start(wanted)
        fleet = self._stack.enter_context(fleet_of(run, wanted, lease=self._lease, reason=self._reason))
        if run.code:
            raise self._missing()
        self.hosts = [session.host for session in fleet.sessions.values()]
        for host in self.hosts:
            if host.transport != "ssh":
                text = f"Fabric works over ssh, and this host's transport is '{host.transport}'"
                hint = f"use `cdconf run {run.environment.name} --limit {host.name} -- CMD`"
                raise CdconfError(text, file=host.file or None, line=host.line, host=host.name, hint=hint)
        return fleet

    def _missing(self) -> CdconfError:
        """The error for hosts that can't be worked on: a script that thinks it has all would leave them out."""
        found = {name: result for name, result in self._run.collector.hosts.items() if result.status in LOST}
        texts = [f"{name}: {result.status}: {result.error}" for name, result in found.items() if result.error]
        kind = Unreachable if all(result.status == "unreachable" for result in found.values()) else HostFailed
        others = ",".join(f"!{name}" for name in found)
        hint = f'to go on without: limit="{self._run.flags.limit or "all"},{others}"'
        first, *rest = "\n".join(texts).split("\n")
        return kind(first, hint=hint, detail="\n".join(rest) or None)

    def check(self, host: Host) -> None:
        """Raises `Refused` when the script no longer holds the host, or has given it back.

        Raises:
            KeyboardInterrupt: Ctrl-C ended what this thread does.
        """
        self._commands.check()
        if self._has_ended:
            error = CdconfError("this group was closed, and its hosts were given back", host=host.name)
            raise self._refused(error)
        if not self._lease or time.monotonic() - self._held_at.get(host.name, 0.0) < RECENT:
            return
        try:
            session = self._fleet.sessions.get(host.name)
            if session is None:
                raise Unreachable("there's no connection to it any more", host=host.name)
            session.check_lease()
        except CdconfError as error:
            error.host = error.host or host.name
            raise self._refused(error) from None
        self._held_at[host.name] = time.monotonic()

    def log_in(self, host: Host) -> SshConnection:
        """Opens an ssh connection as cdconf's own are; raises `Refused`."""
        try:
            return self._commands.log_in(host.name, lambda: self._fleet.connector.log_in(host))
        except CdconfError as error:
            raise self._refused(error) from None

    def sudo_password(self, host: Host, user: str) -> str | None:
        """What sudo asks a user for; None where there's none, and sudo itself has to say what that means."""
        try:
            return str(self._fleet.connector.sudo_password(host, user))
        except HostFailed:
            return None
        except CdconfError as error:
            raise self._refused(error) from None

    def log_in_everywhere(self, hosts: Iterable[Host], opened: dict[str, Any]) -> None:
        """Opens all connections; a host where that fails is an error before the script does anything.

        Args:
            hosts: Which.
            opened: Host's name -> its Fabric connection.
        """

        def job(session: Session) -> None:
            try:
                opened[session.host.name].open()
            except Refused as error:
                raise error.error from error

        _, errors = self._fleet.each(hosts, job).split()
        for error in errors.values():
            raise self._refused(error) from None

    @contextmanager
    def doing(self, host: Host, what: str) -> Iterator[None]:
        """Around what the script does on a host: it's remembered, and so is what came of it."""
        with self._commands.on(host.name):
            with self._lock:
                self._done.setdefault(what, []).append(host.name)
            self._run.emit(HostStep(host.name, what))
            try:
                yield
            except KeyboardInterrupt:
                if threading.current_thread() is threading.main_thread():
                    self.interrupt(own=host.name)
                raise
            except Exception as error:
                self._failed[host.name] = f"{what}: {why(error)}"
                raise

    def interrupt(self, own: str | None = None, waits: Callable[[], bool] = lambda: True) -> None:
        """After Ctrl-C, in the thread that got the KeyboardInterrupt: ends what the script has started on hosts.

        Args:
            own: The host on which this thread was busy.
            waits: Waits for other threads of the script's; returns whether they have ended.
        """
        busy = self._commands.stop()
        hosts = [host for host in self.hosts if host.name in busy]
        _, errors = self._fleet.each(hosts, lambda session: self._commands.end(session, own)).split()
        for name, error in errors.items():
            text = f"{name}: what it ran may still go on: {error.message}"
            self._run.emit(Notice(text, warning=True))
        if waits():
            self._commands.resume()

    def end(self, error: BaseException | None) -> None:
        """Gives the hosts back, and writes the history; a second call does nothing."""
        if self._has_ended:
            return
        self._has_ended = True
        try:
            for host in self.hosts:
                failed = self._failed.get(host.name)
                self._run.emit(HostDone(host.name, "failed" if failed else "ok", failed))
            self._stack.close()
        except BaseException as own:
            error = error or own
            raise
        finally:
            self._run.extra["detail"] = self._detail()
            self._run.code = 1 if self._failed else 0
            self._run.finish(self._failure(error) or meaning(error))

    def _failure(self, error: BaseException | None) -> CdconfError | None:
        """What failed on the first host where something did, if it's that what ended the script."""
        if not self._failed or not isinstance(error, (GroupException, Failure)):
            return None
        (host, text), *others = self._failed.items()
        more = f", and {len(others)} more hosts failed" if others else ""
        return HostFailed(f"{text}{more}", host=host)

    def _detail(self) -> str:
        text = f"{self._reason}: {'; '.join(self._done) or 'nothing'}"
        text = " ".join(self._run.mask(text).split())
        return text if len(text) <= SAID else f"{text[: SAID - 1]}…"

    def _ended(self, error: CdconfError) -> Refused:
        """Writes the history of a run that never began; returns what the script gets."""
        self._has_ended = True
        if isinstance(error, LeaseHeld):
            error.hint = f"{error.hint or 'wait for it'}; a script that only looks may say lease=False"
        self._run.finish(error)
        return self._refused(error)

    def _refused(self, error: CdconfError) -> Refused:
        return Refused(error, said(error, self._run.mask))


def script_name() -> str:
    """What people call the script that runs."""
    path = Path(sys.argv[0])
    name = path.parent.name if path.name == "__main__.py" else path.name  # `python -m fabric`
    return "python" if name in ("", "-c") else name


def why(error: BaseException) -> str:
    """What an exception of Fabric's or the script's came to, in a few words without what hosts printed."""
    result = getattr(error, "result", None)
    exited = getattr(result, "exited", None)
    if exited is not None:
        return f"exit status {exited}"
    return f"{type(error).__name__}: {first_line(str(error))}"


def meaning(error: BaseException | None) -> CdconfError | None:
    """What the history says of how the script ended."""
    if isinstance(error, Refused):
        return error.error
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return None
    if isinstance(error, CdconfError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted")
    return CdconfError(f"the script ended with {why(error)}")


def said(error: CdconfError, mask: Any) -> str:
    """An error for people, with its hint."""
    about = {key: mask(value) if isinstance(value, str) else value for key, value in error.as_dict().items()}
    detail = mask(error.detail) if error.detail else None
    lines = error_lines(RunResult("fabric", None, {}, error.exit_code, about, detail, 0.0, {}))
    return "\n".join(lines)
