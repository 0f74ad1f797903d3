"""Which of the messages that wait go out together: pure. Nobody reads the sixth message of a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdconf.notify.kinds import KINDS, LONGEST_BODY, Severity
from cdconf.notify.outbox import Message

MOST = 5  # messages to one target
PERIOD = 60.0  # seconds
SHOWN = 30  # events that a digest names


@dataclass(frozen=True)
class Parcel:
    """One message to a receiver, of one event or of several."""

    ids: tuple[int, ...]
    title: str
    body: str
    severity: Severity


@dataclass(frozen=True)
class NotBefore:
    """Nothing may go out before `at`, in seconds since 1970."""

    at: float


def choose(due: Sequence[Message], delivered: Sequence[float], now: float, project: str) -> Parcel | NotBefore | None:
    """What goes to one target now.

    Args:
        due: What waits for it and may be tried, the oldest first.
        delivered: When messages went to it.
        now: The time.
        project: The project's name, for a digest's title.
    """
    if not due:
        return None
    recent = sorted(at for at in delivered if now - PERIOD < at <= now)
    room = MOST - len(recent)
    if room <= 0:
        return NotBefore(recent[len(recent) - MOST] + PERIOD)
    return single(due[0]) if len(due) <= room else _together(due, project)


def single(message: Message) -> Parcel:
    """A message of one event."""
    return Parcel((message.id,), message.title, message.body, KINDS.get(message.kind, ("info", ""))[0])


def _together(due: Sequence[Message], project: str) -> Parcel:
    ranks: Sequence[Severity] = ("info", "success", "warning", "failure")
    severities = [KINDS.get(message.kind, ("info", ""))[0] for message in due]
    counts: dict[str, int] = {}
    for message in due:
        counts[message.kind] = counts.get(message.kind, 0) + 1
    lines = [f"- {message.title}" for message in due[:SHOWN]]
    lines += [f"and {len(due) - SHOWN} more"] if len(due) > SHOWN else []
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items())
    title = f"{project}: {len(due)} events: {kinds}"
    return Parcel(
        tuple(message.id for message in due), title, "\n".join(lines)[:LONGEST_BODY], max(severities, key=ranks.index)
    )
