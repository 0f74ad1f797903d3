"""Waiting for servers that aren't ours: a word after a while, and an end."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")
SILENCE = 4.0  # seconds after which people are told what is waited for


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says on stderr what is being waited for, once, when it takes longer than people like to wonder.

    Args:
        what: Continues "waiting for …".
    """
    timer = threading.Timer(SILENCE, _say, [f"waiting for {what}\n"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(words: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens any more
        sys.stderr.write(words)
        sys.stderr.flush()


class TookTooLong(Exception):
    """Something hasn't ended in its time; its thread is left behind, and ends with the process."""


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What some work returns, or raises.

    Args:
        seconds: How long it may take, for servers that keep their connection and say nothing.
        work: Done in a thread of its own.

    Raises:
        TookTooLong: It hasn't ended by then.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def do() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  it's raised where it's waited for
            errors.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TookTooLong
    return results[0]
