"""A job on each of many hosts, in threads."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Generic, TypeVar

from cdconf.engine.host_slots import Places
from cdconf.engine.outcome import Outcome
from cdconf.errors import CdconfError, interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdconf.inventory import Host

T = TypeVar("T")


class Jobs(Generic[T]):
    """One job on each of some hosts.

    Args:
        hosts: Them.
        job: Gets a host, and the places, which it tells while it connects.
        forks: How many hosts are worked on at once.
        stop: Asks the hosts that are at work to end; called at Ctrl-C.
    """

    def __init__(
        self, hosts: Sequence[Host], job: Callable[[Host, Places], T], forks: int, stop: Callable[[], None]
    ) -> None:
        self._hosts, self._job, self._stop = hosts, job, stop
        self._places = Places(forks)
        self._futures: dict[str, Future[T]] = {}
        self._begun = threading.Event()
        # As many as there may be, since a thread that waits for a slow host isn't at work; few are ever started.
        self._pool = ThreadPoolExecutor(max(1, len(hosts)), thread_name_prefix="cdconf-host")

    def run(self, meanwhile: Callable[[], None], given_up: Callable[[], object]) -> Outcome[T]:
        """Returns what came of each; an error that's no `CdconfError` is raised.

        Args:
            meanwhile: Work for this thread; what it raises ends the run once all hosts that were begun are done.
            given_up: Called when `meanwhile` won't be done any more, for jobs that wait for it.
        """
        try:
            self._await(meanwhile, given_up)
        except BaseException:
            given_up()
            raise
        finally:
            self._places.close()
            self._pool.shutdown(wait=True, cancel_futures=True)
        results: dict[str, T] = {}
        errors: dict[str, CdconfError] = {}
        for name, future in self._futures.items():
            error = future.exception()
            if error is None:
                results[name] = future.result()
            elif isinstance(error, CdconfError):
                errors[name] = error
            else:
                raise error
        return Outcome(results, errors)

    def _begin(self) -> None:
        for host in self._hosts:
            if not self._places.take(host.name):
                break
            try:
                self._futures[host.name] = self._pool.submit(self._work, host)
            except RuntimeError as error:  # no more threads: a host that wasn't begun isn't fine
                self._futures[host.name] = Future()
                self._futures[host.name].set_exception(error)
        self._begun.set()

    def _work(self, host: Host) -> T:
        try:
            return self._job(host, self._places)
        finally:
            self._places.give(host.name)

    def _await(self, meanwhile: Callable[[], None], given_up: Callable[[], object]) -> None:
        """Begins and waits; Ctrl-C lets every host finish the change in hand, a second one doesn't wait.

        Jobs are begun by a thread of their own: Ctrl-C strikes the main thread alone, and an executor that's struck
        while it starts a worker forgets it, and the process never ends.
        """
        try:
            threading.Thread(target=self._begin, name="cdconf-begin", daemon=True).start()
            meanwhile()
            # Time limits, since a wait without one can't be interrupted everywhere.
            while not self._begun.wait(1.0):
                pass
            pending = set(self._futures.values())
            while pending:
                _, pending = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt as signal:
            self._places.close()
            self._begun.wait(timeout=5)
            for future in list(self._futures.values()):
                future.cancel()
            given_up()
            self._stop()
            wait(list(self._futures.values()))
            raise interruption(signal, "interrupted: every host has finished the change it was at") from None
