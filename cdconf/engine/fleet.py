"""The sessions of one run: connected in parallel, leased, kept alive, and closed whatever happens."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

from cdconf.engine.broadcast import tell_together
from cdconf.engine.host_checks import Checks, refused
from cdconf.engine.inherited_leases import seal_of
from cdconf.engine.jobs import Jobs
from cdconf.engine.outcome import Outcome
from cdconf.errors import CdconfError, HostFailed, Interrupted, LeaseHeld, Unreachable
from cdconf.events import Emit, HostLeased, HostStep, Leased, Notice, SecretRead
from cdconf.session.session import BEAT, AgentError, LeaseLost, clocks_of
from cdconf.session.start import NoPython

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from cdconf.engine.host_slots import Places
    from cdconf.engine.identity import RunIdentity
    from cdconf.engine.inherited_leases import Inheritance
    from cdconf.inventory import Environment, Host
    from cdconf.session import Connector, Session
    from cdconf.session.answers import AppliedFiles

T = TypeVar("T")
_BEATERS = 8  # threads
ITSELF = 20.0  # seconds for which a host may be busy with itself


class Fleet:
    """Sessions to the hosts of a run.

    Args:
        connector: Opens sessions.
        environment: Whose hosts these are.
        identity: The run, for leases.
        emit: The event stream.
        forks: How many hosts are worked on at once.
        lease_ttl: Seconds that a lease holds without a beat.
        beat: Seconds between two beats, at most.
        locate: Finds a host again after a reboot, which may have moved its port; None while it isn't up.
        inheritance: The leases of runs that have started this one, within which it works.
        checks: What hosts must be; by default they must not be another environment's.
    """

    def __init__(
        self,
        connector: Connector,
        environment: Environment,
        identity: RunIdentity,
        emit: Emit,
        *,
        forks: int = 32,
        lease_ttl: float = 60.0,
        beat: float = BEAT,
        locate: Callable[[Host], Host | None] = lambda host: host,
        inheritance: Inheritance | None = None,
        checks: Checks | None = None,
    ) -> None:
        self.environment, self.identity, self.emit = environment, identity, emit
        self.sessions: dict[str, Session] = {}
        self.fences: dict[str, int] = {}  # host -> the number by which this run holds it
        self.applied: dict[str, AppliedFiles | None] = {}  # host -> the files that were applied last, once it's held
        self._connector, self._forks = connector, forks
        self._lease_ttl = lease_ttl
        self._interval = min(beat, BEAT, lease_ttl / 4)
        self._locate = locate
        self._inheritance = inheritance
        self._checks = checks or Checks(environment)
        self._last: Outcome[Any] = Outcome()
        self._ended, self._stopped = threading.Event(), threading.Event()
        self._beater = threading.Thread(target=self._beat, name="cdconf-beats", daemon=True)

    def __enter__(self) -> Self:
        self._beater.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with ThreadPoolExecutor(max_workers=max(1, min(self._forks, len(self.sessions)))) as pool:
            list(pool.map(self._close, list(self.sessions)))
        self._beater.join()  # a beat that a host didn't take has ended with its session
        self._connector.close()
        if error is None:
            self._last.check_asked()

    def _beat(self) -> None:
        """A beat to a host that hangs in the middle of an upload waits, and must not hold up the other hosts' beats."""
        beats: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=_BEATERS, thread_name_prefix="cdconf-beat") as pool:
            while not self._ended.wait(self._interval):
                for name, session in list(self.sessions.items()):
                    if name not in beats or beats[name].done():
                        beats[name] = pool.submit(session.beat)

    def _close(self, name: str) -> None:
        session = self.sessions.pop(name)
        if name in self.fences:
            with contextlib.suppress(CdconfError):
                session.give_lease_back()
        session.close()

    def connect(
        self, hosts: Sequence[Host], *, lease: bool, meanwhile: Callable[[], None] = lambda: None
    ) -> dict[str, CdconfError]:
        """Opens sessions and, when asked, takes the leases once all have answered, and none is the wrong one.

        The first host's lease, by name, is taken alone: of two runs that begin at once, the one that gets it gets
        the others too, where both would be refused if each held some hosts when it asked for the rest.

        Args:
            hosts: Whom to connect to.
            lease: Take the leases.
            meanwhile: Work for this thread while the hosts answer; what it raises ends the run once all have.

        Returns:
            The errors by host: unreachable, lease held, another environment's host, another system. The others are
            connected; leased only when no host is wrong.
        """

        def own() -> None:
            self._connector.get_ready(hosts)
            meanwhile()

        _, errors = self._run(hosts, self._arrive, own).split()
        errors = self._bring_python(hosts, errors)
        self._put_in_order(hosts)
        if lease and not refused(errors):
            self.emit(Leased(self.identity.run))
            errors |= self._take_leases(hosts)
        return errors

    def look(
        self, hosts: Sequence[Host], job: Callable[[Session], T], meanwhile: Callable[[], None] = lambda: None
    ) -> Outcome[T]:
        """Connects to hosts and runs a job on each as soon as it's connected: none waits for another.

        For what changes nothing: no leases are taken, and a host that isn't the right one is that host's error alone.

        Args:
            hosts: Whom to connect to.
            job: What's done there; the sessions stay, for `each`.
            meanwhile: See `connect`; no job begins before it's done.

        Returns:
            What came of each host, the errors of connecting included.
        """
        self._last.check_asked()
        ready: Future[None] = Future()

        def own() -> None:
            self._connector.get_ready(hosts)
            meanwhile()
            ready.set_result(None)

        def on(host: Host, places: Places) -> T:
            self._arrive(host, places)
            if not ready.done():
                with places.waiting(host.name, keeps=0.0):
                    ready.result()
            ready.result()  # raises where it never came to that
            return job(self.sessions[host.name])

        self._last = self._run(hosts, on, own, ready.cancel)
        self._put_in_order(hosts)
        return self._last

    def _put_in_order(self, hosts: Sequence[Host]) -> None:
        """In the hosts' order, not that of their answers: whatever is said of them is said the same way each time."""
        order = [*(host.name for host in hosts), *self.sessions]
        self.sessions = {name: self.sessions[name] for name in order if name in self.sessions}
        self.emit(clocks_of(self.sessions.values()))

    def _arrive(self, host: Host, places: Places) -> None:
        self.emit(HostStep(host.name, "connecting"))
        with places.waiting(host.name):
            session = self._connect(host)
        self._meet(session)

    def _meet(self, session: Session) -> None:
        """Keeps a session to a host that is what it should be."""
        try:
            self._checks.check(session)
        except CdconfError:
            session.close()
            raise
        before = self._checks.was_of(session)
        if before is not None:
            self.emit(Notice(f"{session.host.name} was {before['environment']}'s '{before['host']}': it's taken over"))
        self.sessions[session.host.name] = session
        self.emit(HostStep(session.host.name, "waiting for its turn"))

    def _bring_python(self, hosts: Sequence[Host], errors: dict[str, CdconfError]) -> dict[str, CdconfError]:
        """Installs Python where that's wanted, once all other hosts have turned out to be the right ones."""
        lacking = [
            host for host in hosts if isinstance(errors.get(host.name), NoPython) and self._connector.installs(host)
        ]
        if not lacking:
            return errors

        def look(host: Host, _: Places) -> None:
            error = errors[host.name]
            if isinstance(error, NoPython) and error.system:
                self._checks.check_system(host, error.system)

        def job(host: Host, _: Places) -> None:
            self._meet(self._connector.install(host, lambda text: self.emit(Notice(f"{host.name}: {text}"))))

        names = {host.name for host in lacking}
        others = {name: error for name, error in errors.items() if name not in names}
        others |= self._run(lacking, look).split()[1]
        return others if refused(others) else others | self._run(lacking, job).split()[1]

    def _take_leases(self, hosts: Sequence[Host]) -> dict[str, CdconfError]:
        connected = sorted((host for host in hosts if host.name in self.sessions), key=lambda host: host.name)
        errors: dict[str, CdconfError] = {}
        while connected:
            first, *connected = connected
            _, failed = self.each([first], self._take_lease_soon).split()
            errors |= failed
            if not failed:
                return errors | self.each(connected, self._take_lease_soon).split()[1]
            if not isinstance(failed[first.name], Unreachable):
                break
        return errors

    @property
    def connector(self) -> Connector:
        """What opens its sessions."""
        return self._connector

    def _connect(self, host: Host) -> Session:
        return self._connector.connect(host, lambda text: self.emit(Notice(f"{host.name}: {text}")))

    def _take_lease_soon(self, session: Session) -> None:
        """A host that is putting itself right, after a dead run, is waited for: it's done in a moment."""
        deadline = time.monotonic() + ITSELF
        while True:
            try:
                return self._take_lease(session)
            except LeaseLost as error:  # that of the run that has started this one: the host itself answers
                raise HostFailed(error.message, host=error.host, hint=error.hint) from error
            except AgentError as error:
                if error.reason == "same_machine":
                    error.file, error.line = session.host.file or None, session.host.line
                raise
            except LeaseHeld as error:
                if not error.by_host or self._stopped.is_set() or time.monotonic() > deadline:
                    raise
            self.emit(HostStep(session.host.name, "waiting while the host puts right what a dead run has left"))
            self._stopped.wait(ITSELF / 40)

    def _take_lease(self, session: Session, before: int | None = None) -> None:
        """With a number `before`: again, unless another run has had the host since; what was proven is void then."""
        mine, name = self.identity, session.host.name
        about: dict[str, Any] = {"run": mine.run, "owner": mine.owner, "reason": mine.reason, "ttl": self._lease_ttl}
        about |= {"environment": self.environment.name, "host": name, "seal": seal_of(mine.secret)}
        around = self._inheritance.around(name) if self._inheritance else None
        if around is None:
            was = self._checks.was_of(session)
            taken = session.take_lease(**about, moved_from=was and was["environment"])
        else:
            taken = session.join_lease(outer=around.run, secret=around.secret, **about)
        fence = self.fences[name] = taken["fence"]
        self.applied[name] = taken.get("applied")
        if before is not None and taken.get("before", fence) != before:
            session.give_lease_back()
            raise HostFailed("another run has had it since the connection ended", host=name)
        self.emit(HostLeased(name, fence))

    def lend(self) -> dict[str, str]:
        """Environment variables for what this run starts on this machine: it works on hosts within these leases."""
        if self._inheritance is None or not self.fences:
            return {}
        self.emit(SecretRead(self.identity.secret))
        return self._inheritance.lend(self.identity, self.fences)

    def reboot(self, session: Session, within: float) -> Session:
        """Reboots a host and waits until it's up again; the run goes on with the new session.

        Args:
            session: The host's session; it's closed.
            within: Seconds that the host may take.

        Raises:
            Unreachable: It didn't come back.
            LeaseHeld: Another run took the host in between.
        """
        host = session.host
        self.emit(HostStep(host.name, "rebooting"))
        before = session.boot_id()
        with contextlib.suppress(Unreachable):
            session.reboot()
        self.sessions.pop(host.name, None)
        self.fences.pop(host.name, None)
        session.close()
        session = self._back_from_reboot(host, before, time.monotonic() + within, within)
        self.sessions[host.name] = session
        self._take_lease(session)
        return session

    def _back_from_reboot(self, host: Host, before: str, deadline: float, within: float) -> Session:
        while not self._ended.wait(1.0):
            if self._stopped.is_set():
                raise Interrupted("interrupted while the host reboots; the next run goes on from there")
            found = self._locate(host)
            if found is not None:
                with contextlib.suppress(Unreachable):
                    return self._if_rebooted(found, before)
            if time.monotonic() > deadline:
                raise Unreachable(f"didn't come back within {within:g} s of its reboot", host=host.name)
        raise Interrupted("interrupted while the host reboots")

    def _if_rebooted(self, host: Host, before: str) -> Session:
        """A new session; `Unreachable` while the host is still the one of before. Whatever happens, none is left over.

        A host that shuts down still takes logins, and dies with them.
        """
        session = self._connect(host)
        try:
            if session.boot_id() != before:
                return session
        except BaseException:
            session.close()
            raise
        session.close()
        raise Unreachable("it hasn't rebooted yet", host=host.name)

    def connected(self, hosts: Iterable[Host]) -> list[Host]:
        """Those of the hosts that there's a session to: whoever leaves out the others has told of them."""
        return [host for host in hosts if host.name in self.sessions]

    def each(self, hosts: Iterable[Host], job: Callable[[Session], T]) -> Outcome[T]:
        """Runs a job on every one of these hosts, in parallel; one without a session is unreachable.

        Raises:
            CdconfError: Of an earlier outcome that nobody has asked.
        """
        self._last.check_asked()

        def on(host: Host, _: Places) -> T:
            session = self.sessions.get(host.name)
            if session is None:
                raise Unreachable("there's no connection to it any more", host=host.name)
            return job(session)

        self._last = self._run(list(hosts), on)
        return self._last

    def afresh(self, hosts: Iterable[Host], job: Callable[[Session], T], *, rejoin: bool = False) -> Outcome[T]:
        """The same as `each`, over new connections: for hosts whose sessions broke; with `rejoin` leased, to stay."""
        self._last.check_asked()

        def on(host: Host, places: Places) -> T:
            with places.waiting(host.name):
                session = self._connect(self._locate(host) or host)
            try:
                if rejoin:
                    self._take_lease(session, self.fences[host.name])
                    self.sessions[host.name], session = session, self.sessions[host.name]
                return job(self.sessions[host.name] if rejoin else session)
            finally:
                session.close()

        self._last = self._run(list(hosts), on)
        return self._last

    def _run(
        self,
        hosts: Sequence[Host],
        job: Callable[[Host, Places], T],
        meanwhile: Callable[[], None] = lambda: None,
        given_up: Callable[[], object] = lambda: None,
    ) -> Outcome[T]:
        if not hosts:
            meanwhile()
            return Outcome()
        return Jobs(hosts, job, self._forks, self.stop).run(meanwhile, given_up)

    def resume(self) -> None:
        """After a stop: hosts take calls again, so that what was begun can be rolled back."""
        self._stopped.clear()
        tell_together(session.resume for session in list(self.sessions.values()))

    def stop(self) -> None:
        """Asks all hosts to end before their next change."""
        self._stopped.set()
        tell_together(session.stop for session in list(self.sessions.values()))
