"""Who runs what: what a lease tells the next person, and what the history remembers."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field

from cdconf.user import user_name


def new_run_id() -> str:
    """A unique id that sorts by time: milliseconds since 1970 in hex, then 64 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}-{os.urandom(8).hex()}"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """One run of one command.

    Args:
        reason: What it does, for people: "deploy shop 1.4".
        owner: `user@controller`, the process's id with it.
        run: Unique id.
        secret: By which what the run starts works within its leases; it dies with them.
    """

    reason: str
    owner: str = field(default_factory=lambda: f"{user_name()}@{socket.gethostname()} pid {os.getpid()}")
    run: str = field(default_factory=new_run_id)
    secret: str = field(default_factory=lambda: os.urandom(24).hex(), repr=False)
