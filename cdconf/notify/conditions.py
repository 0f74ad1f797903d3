"""What's open: a finding, a missing approval, a silent schedule. It's told once when it begins, and once when it ends.

Each is known by a topic, such as an environment's drift, and a subject. Whatever opens it gives it the identity of the
event that tells so; while it's open, the same subject is told to nobody again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.notify.kinds import identity

if TYPE_CHECKING:
    from cdconf.notify.outbox import Outbox


@dataclass(frozen=True)
class Topic:
    """What several open things have in common.

    Attributes:
        begins: The kind of the event that tells of one.
        ends: The kind of the event that tells of its end.
        about: Such as the environment's name.
    """

    begins: str
    ends: str
    about: tuple[str, ...]

    @property
    def key(self) -> str:
        """The topic, as the database has it."""
        return json.dumps([self.begins, *self.about])


def subjects(outbox: Outbox, topic: Topic) -> list[tuple[str, ...]]:
    """What's open of a topic, the oldest first."""
    rows = outbox.run("SELECT key FROM condition WHERE topic = ? ORDER BY at, key", topic.key)
    return [tuple(json.loads(key)[1]) for (key,) in rows]


def opened(outbox: Outbox, topic: Topic, subject: tuple[str, ...], run: str) -> str:
    """The identity of the event that tells of something open; opens it, if it isn't yet. Called within a change.

    Args:
        outbox: The outbox.
        topic: The topic.
        subject: What's open.
        run: Who has found it, so that the same subject is another event when it's opened again.
    """
    fresh = identity(topic.begins, *topic.about, *subject, run)
    key = json.dumps([topic.key, subject])
    now = outbox.clock.here()
    outbox.run("INSERT OR IGNORE INTO condition VALUES (?, ?, ?, ?)", key, topic.key, fresh, now)
    ((found,),) = outbox.run("SELECT opened FROM condition WHERE key = ?", key)
    return str(found)


def closed(outbox: Outbox, topic: Topic, subject: tuple[str, ...]) -> str | None:
    """The identity of the event that tells of something's end; None: it wasn't open. Called within a change."""
    key = json.dumps([topic.key, subject])
    rows = outbox.run("DELETE FROM condition WHERE key = ? RETURNING opened", key)
    return identity(topic.ends, str(rows[0][0])) if rows else None
