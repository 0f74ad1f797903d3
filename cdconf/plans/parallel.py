"""Spreads work that only computes over the machine's processors: threads would share one of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from cdconf.errors import CdconfError

T = TypeVar("T")
_WORTH = 50  # pieces of work for which a process is worth its start


def spread(work: Callable[[Sequence[str]], T], names: Sequence[str], processes: int | None = None) -> list[T]:
    """The results of `work`, called with parts of the names, in the order of the parts.

    The processes are forks, so that they have all that was read already; what they change is lost with them. Where
    there's nothing to fork (other threads are at work, or the system can't), one call does all.

    Args:
        work: Takes some of the names; its result, and a `CdconfError` that it raises, are pickled.
        names: One after another.
        processes: How many; by default as many as there are processors to use.

    Raises:
        CdconfError: The first part's that failed.
    """
    count = min(processes or _processors(), max(1, len(names) // _WORTH))
    if count < 2 or threading.active_count() > 1 or "fork" not in multiprocessing.get_all_start_methods():
        return [work(names)]
    size = -(-len(names) // count)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    context = multiprocessing.get_context("fork")
    running = []
    try:
        for part in parts:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_serve, args=(work, part, sender), daemon=True)
            process.start()
            sender.close()
            running.append((process, receiver))
        return [_received(receiver) for _, receiver in running]
    finally:
        for process, receiver in running:
            receiver.close()
            process.terminate()
            process.join()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve(work: Callable[[Sequence[str]], Any], part: Sequence[str], sender: Connection) -> None:
    """One process: hands on what came out, and says nothing by itself."""
    import signal
    import sys
    import traceback

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for parents in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C and a closed terminal are the parent's
        signal.signal(parents, signal.SIG_IGN)
    try:
        message = (True, work(part))
    except CdconfError as error:
        error.__cause__ = error.__context__ = None
        message = (False, error)
    except BaseException:  # noqa: BLE001  a bug, which the parent reports
        message = (False, RuntimeError(traceback.format_exc()))
    sender.send(message)
    sender.close()
    sys.stdout.flush()


def _received(receiver: Connection) -> Any:
    try:
        fine, value = receiver.recv()
    except EOFError:
        raise CdconfError("a process that compiled hosts was killed", hint="is there enough memory?") from None
    if not fine:
        raise value
    return value
