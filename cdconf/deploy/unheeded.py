"""Events of a run that must go on, whoever receives them."""

from __future__ import annotations

import contextlib

from cdconf.events import Emit, Event


def unheeded(emit: Emit) -> Emit:
    """Events whose receiver can't end the run any more."""

    def tell(event: Event) -> None:
        with contextlib.suppress(Exception):
            emit(event)

    return tell
