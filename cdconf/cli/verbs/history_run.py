"""`cdconf history show RUN`: a run, and all that it told, once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.history.index import History

_NAMES = {"id": "run", "run": "known to hosts as", "artifact": "artifact", "commit": "commit", "procedure": "procedure"}
_SILENT = ("began", "about", "leased", "host_leased", "started")  # the head has said it


def show_run(run: Run, history: History, word: str) -> None:
    """Shows a run by its id.

    Raises:
        UsageError: There's no such run.
    """
    import click

    from cdconf.cli.show.history_rows import when
    from cdconf.history.finding import events_of, run_named
    from cdconf.render.words import shown

    found = run_named(history, word)
    events = events_of(history, found["id"])
    run.extra["runs"] = [found]
    run.extra["told"] = events
    if run.flags.as_json:
        return
    told = [f"{when(event.get('at'))[11:]}  {text}" for event in events if (text := line_of(event))]
    told += [f"{when(one.get('at'))[11:]}  {one.get('host')}: {one.get('event')}" for one in found["events"]]
    for line in (*_head(found, run.project.checkout), "", *(told or ["nothing is known here of what it told"])):
        click.echo(shown(line))


def _head(found: dict[str, Any], checkout: str) -> Iterator[str]:
    from cdconf.cli.show.history_rows import origin_of_run, row_of

    row = row_of(found, checkout)
    yield "  ".join(one for one in (row[0], *row[2:8]) if one)
    if found["error"]:
        yield f"error: {found['error']}"
    for name, title in _NAMES.items():
        if found.get(name):
            yield f"{title}: {found[name]}"
    yield from origin_of_run(found)
    for name, host in found["hosts"].items():
        yield f"{name}: {host.get('status')}"


def line_of(event: Mapping[str, Any]) -> str | None:
    """An event as a line; None: it says nothing by itself."""
    kind, message = event["event"], event.get("message") or ""
    host = f"{event['host']}: " if event.get("host") else ""
    if kind in _SILENT:
        return None
    if kind == "step":
        return f"==> {message}"
    if kind == "committed":
        return f"==> kept on all hosts: {event.get('release')}"
    if kind == "left_out":
        return f"... and {event.get('count')} more events, which weren't written down"
    middle = " ".join(str(event[name]) for name in ("type", "title", "test", "what", "stage") if event.get(name))
    state = event.get("status") or event.get("state") or _passed(event)
    words = ": ".join(one for one in (middle, state, message) if one)
    return f"{'warning: ' if kind == 'warning' else ''}{host}{words}" if words else None


def _passed(event: Mapping[str, Any]) -> str:
    return "" if "passed" not in event else "passed" if event["passed"] is True else "failed"
