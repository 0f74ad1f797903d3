"""Since when hosts have findings that the controller makes: each host remembers its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.events import ResourceDone
    from cdconf.session import Session


@dataclass
class Noting:
    """One run's.

    Attributes:
        told: Host -> what it remembers of earlier runs, as `TYPE:TITLE`.
    """

    told: dict[str, Iterable[str]] = field(default_factory=dict)

    def since(self, session: Session, done: ResourceDone) -> ResourceDone:
        """The same event with `first_seen`; a host whose memory has nothing to do with it isn't asked.

        Raises:
            CdconfError: The host failed.
        """
        is_there = done.cause is not None
        if not is_there and f"{done.type}:{done.title}" not in self.told.get(done.host, ()):
            return done
        return replace(done, first_seen=session.drift_note(done.type, done.title, there=is_there)["at"])
