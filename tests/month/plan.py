"""What happens in a month: pure, by a seed; and what people must be told of it."""

import random
from dataclasses import dataclass

FILES = tuple(f"/srv/month{number}" for number in range(8))
DAY = 86400.0


@dataclass(frozen=True)
class Tick:
    """One look at one environment.

    Attributes:
        changed: The files that somebody has changed by hand by then.
        is_reachable: Whether the network is up.
        is_killed: Whether `drift` is killed, at a moment of its own.
        is_twice: Whether another `drift` runs at the same time.
    """

    changed: frozenset
    is_reachable: bool
    is_killed: bool
    is_twice: bool


def ticks(seed: int, count: int) -> list[Tick]:
    """An environment's month."""
    chance = random.Random(seed)
    changed: set[str] = set()
    found: list[Tick] = []
    for _ in range(count):
        changed = _changed(chance, changed)
        was_reachable = not found or found[-1].is_reachable
        is_reachable = chance.random() < (0.9 if was_reachable else 0.6)  # an outage lasts
        is_killed, is_twice = chance.random() < 0.05, chance.random() < 0.05
        found.append(Tick(frozenset(changed), is_reachable, is_killed, is_twice and not is_killed))
    return found


def _changed(chance: random.Random, before: set[str]) -> set[str]:
    """Most of the time nobody does anything; rarely somebody changes everything at once."""
    what = chance.random()
    if what < 0.85:
        return before
    if what < 0.87:
        return set(FILES)
    if what < 0.90:
        return set()
    return before ^ {chance.choice(FILES)}


class Expected:
    """What an environment's people must have been told so far."""

    def __init__(self) -> None:
        self._open: frozenset = frozenset()

    def events(self, tick: Tick) -> list[tuple[str, str]]:
        """What a look that comes to its end tells, `(kind, file)` each, sorted."""
        if not tick.is_reachable:
            return []
        found = [("drift_found", one) for one in tick.changed - self._open]
        gone = [("drift_gone", one) for one in self._open - tick.changed]
        return sorted([*found, *gone])

    def told(self, tick: Tick) -> None:
        """It was told."""
        if tick.is_reachable:
            self._open = tick.changed
