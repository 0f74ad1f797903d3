"""What is said of hosts that can't be worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.engine import refusals
from cdconf.errors import Unreachable
from cdconf.events import HostDone

if TYPE_CHECKING:
    from cdconf.errors import CdconfError
    from cdconf.events import Emit


def refuse(errors: dict[str, CdconfError], emit: Emit) -> None:
    """Before anything is changed: a held lease, or a host that isn't the right one, ends the run.

    Hosts that are unreachable as well, or where no agent can be started, are told, and count.
    """
    found = refusals(errors)
    if not found:
        return
    for name, error in errors.items():
        if error not in found:
            report(emit, name, error)
    first, *others = found
    if others:
        first.detail = "\n".join(filter(None, [first.detail, *(f"also: {error}" for error in others)]))
    raise first


def report(emit: Emit, name: str, error: CdconfError) -> int:
    """Says what became of a host that ended with an error; returns the exit code that it stands for."""
    unreachable = isinstance(error, Unreachable)
    text = f"{error.place}{error.message}"
    if error.detail:
        text = f"{text}\n{error.detail}"
    if error.hint:
        text = f"{text}\n  hint: {error.hint}"
    emit(HostDone(name, "unreachable" if unreachable else "failed", text))
    return error.exit_code
