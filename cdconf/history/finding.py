"""Finds the run that somebody means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.errors import UsageError
from cdconf.history.rows import RunFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdconf.history.index import History

T = TypeVar("T")
SHORTEST = 8  # characters of an id
_SHOWN = 5


def run_named(history: History, word: str) -> dict[str, Any]:
    """The run that a word names: its row's id, the id by which hosts know it, or a beginning of either.

    Args:
        history: The project's.
        word: Of 8 characters or more.

    Raises:
        UsageError: There's none, or there are several.
    """
    whole = history.runs(limit=1, wanted=RunFilter(id=word))  # among very many runs, a beginning takes longer
    if whole:
        return whole[0]
    known = history.runs(limit=None, wanted=RunFilter(named=word)) if len(word) >= SHORTEST else []
    found = matching(word, known, lambda one: (one["id"], one["run"]))
    if not found:
        hint = f"`cdconf history` shows ids; {SHORTEST} characters or more of one are enough"
        raise UsageError(f"there is no run '{word}'", hint=hint)
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found[:_SHOWN])
        raise UsageError(f"'{word}' matches {len(found)} runs", hint=f"such as {ids}")
    return found[0]


def matching(word: str, among: Iterable[T], names: Callable[[T], Iterable[str | None]]) -> list[T]:
    """Those that a word names: by a whole name, else by a beginning of 8 characters or more."""
    those = list(among)
    exact = [one for one in those if word in names(one)]
    if exact or len(word) < SHORTEST:
        return exact
    return [one for one in those if any(name and name.startswith(word) for name in names(one))]


def events_of(history: History, identifier: str) -> list[dict[str, Any]]:
    """What a run told while it went on, as far as it's known here."""
    from cdconf.history.rows import parsed

    table = history.tables.later.run_events
    query = history.sa.select(table.c.events).where(table.c.id == identifier)
    with history.reading() as connection:
        found = parsed(connection.execute(query).scalar_one_or_none())
    events = found if isinstance(found, list) else []
    return [event for event in events if isinstance(event, dict) and isinstance(event.get("event"), str)]
