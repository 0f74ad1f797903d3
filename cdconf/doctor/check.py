"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cdconf.errors import CdconfError

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """See the module.

    Attributes:
        what: What was looked at, such as `ssh` or `web1: clock`.
        state: `warning`: something that isn't needed now is missing; `problem`: something will fail.
        said: What was found, in a few words.
        hint: What mends it; None where nothing has to be.
    """

    what: str
    state: State
    said: str
    hint: str | None = None

    def as_data(self) -> dict[str, Any]:
        """For the JSON document."""
        return asdict(self)


def tried(what: str, look: Callable[[], str], state: State = "problem") -> Check:
    """What a look says; its error is the finding.

    Args:
        what: See `Check`.
        look: Returns what's found when all is well.
        state: What an error means.
    """
    try:
        return Check(what, "ok", look())
    except CdconfError as error:
        return Check(what, state, str(error), error.hint)
