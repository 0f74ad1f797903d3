"""Signals that end a run. None is raised while Python handles the locks of an import, or starts a process.

An exception between the taking and the giving back of such a lock leaves it taken: whatever is imported afterwards, in
any thread, waits for ever. One that is raised as a lock's memory is freed gets lost. One that is raised while a process
is started leaves it running, and nobody knows of it. So a signal that comes at such a moment comes once more, a
millisecond later.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from cdconf.errors import TerminateSignal

IMPORTS = "<frozen importlib._bootstrap>"
# Those functions of importlib that take and give back locks.
LOCKING = frozenset(
    ("_get_module_lock", "_lock_unlock_module", "cb", "acquire", "release", "has_deadlock", "__enter__", "__exit__")
)
STARTING = frozenset(("__init__", "_execute_child"))  # functions of `subprocess`
_LATER = 0.001  # seconds


def end_by_signals() -> None:
    """Has SIGINT, SIGTERM and, where nobody ignores it, SIGHUP end the run in order."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else a shell's background job ignores it
        signal.signal(signal.SIGINT, lambda number, frame: raised(KeyboardInterrupt, number, frame))
    signal.signal(signal.SIGTERM, lambda number, frame: raised(TerminateSignal, number, frame))
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else nohup wants the run to go on
        signal.signal(signal.SIGHUP, _hang_up)


def raised(error: Callable[[], BaseException], number: int, frame: FrameType | None) -> None:
    """Raises the error, now or a millisecond later; see the module.

    Args:
        error: What the signal stands for.
        number: The signal's.
        frame: What was at work when it came.
    """
    if not _is_delicate(frame):
        raise error()
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
    signal.setitimer(signal.ITIMER_REAL, _LATER)


def _is_delicate(frame: FrameType | None) -> bool:
    """Whether an exception at this moment would leave something behind; see the module."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS and frame.f_code.co_name in LOCKING:
            return True
        if frame.f_code.co_name in STARTING and frame.f_globals.get("__name__") == "subprocess":
            return True
        frame = frame.f_back
    return False


def _hang_up(number: int, frame: FrameType | None) -> None:
    """The terminal is gone. A shell tells its programs so twice, and only a signal of a person's doesn't wait."""
    if not _is_delicate(frame):
        signal.signal(signal.SIGHUP, lambda *_: None)
    raised(TerminateSignal, number, frame)
