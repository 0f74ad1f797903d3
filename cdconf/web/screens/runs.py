"""What happened, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.history.kinds import COMMANDS
from cdconf.history.rows import RunFilter, where, wrong_clocks
from cdconf.web.page import Ask, Page
from cdconf.web.reading.snapshot import rows
from cdconf.web.reading.sources import attempt
from cdconf.web.tabling import PER_PAGE, Column, Table, TableQuery, asked_of
from cdconf.web.words import result_of

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

COLUMNS = (
    Column("started_at", "began", "time"),
    Column("result", "result", "state"),
    Column("command", "command", "run"),
    Column("environment", "environment"),
    Column("what", "what"),
    Column("duration_s", "took", "length"),
    Column("user", "by"),
    Column("error", "why", "long", sorts=False),
)
_SHOWN = (
    *("id", "command", "environment", "app", "version", "started_at", "exit_code", "duration_s", "user", "error"),
    *("detail", "source"),
)
FILTERS = ("environment", "app", "user", "host", "kind", "result")


def show(ask: Ask) -> Page:
    """The history."""
    sources = ask.sources
    asked = asked_of(ask.params, "", COLUMNS)
    chosen = {name: ask.params.get(name, "").strip()[:100] for name in FILTERS}
    key = f"runs {sorted(chosen.items())} {asked}"
    empty: tuple[list[dict[str, Any]], int] = ([], 0)
    young = 5.0 if asked.text or chosen["host"] else 0.0  # these look at the text of each run
    found, problem = attempt(lambda: sources.kept.get(key, lambda: _read(sources, chosen, asked), young=young), empty)
    listed = Table("", COLUMNS, found[0], asked, found[1], "No run matches.", dict(ask.params))
    busy = [] if any(chosen.values()) or asked.page > 1 else sources.unfinished()
    data = {
        "filters": chosen,
        "kinds": sorted(COMMANDS),
        "environments": sources.known_environments(),
        "at_work": [_shown(one) for one in busy],
    }
    return Page("History", "runs.html", "runs", data, {"runs": listed}, (problem,) if problem else ())


def _read(sources: Sources, chosen: Mapping[str, str], asked: TableQuery) -> tuple[list[dict[str, Any]], int]:
    history = sources.history
    sa, runs = history.sa, history.tables.runs
    wanted = RunFilter(
        environment=chosen["environment"] or None,
        app=chosen["app"] or None,
        host=chosen["host"] or None,
        user=chosen["user"] or None,
        kinds=(chosen["kind"],) if chosen["kind"] in COMMANDS else (),
    )
    wrong = wrong_clocks(history)
    has_wrong = bool(rows(history, sa.select(wrong.c.id).limit(1)))
    at = runs.c.started_at + sa.func.coalesce(wrong.c.seconds, 0.0) if has_wrong else runs.c.started_at
    query = sa.select(
        *(runs.c[name] for name in _SHOWN if name != "error"), sa.func.substr(runs.c.error, 1, 200).label("error")
    )
    query = query.join(wrong, wrong.c.id == runs.c.id, isouter=True) if has_wrong else query
    query = _narrowed(history, where(history, wanted, query), chosen["result"], asked.text)
    count = sa.select(sa.func.count()).select_from(
        _narrowed(history, where(history, wanted, sa.select(runs.c.id)), chosen["result"], asked.text).subquery()
    )
    key = asked.sort or "started_at"
    orders: dict[str, Any] = {"what": runs.c.app, "result": runs.c.exit_code, "started_at": at}
    order = orders[key] if key in orders else runs.c[key]
    is_down = asked.is_down if asked.sort else True
    query = query.order_by(order.desc() if is_down else order.asc(), runs.c.id.desc() if is_down else runs.c.id)
    total = int(next(iter(rows(history, count)[0].values())))
    found = rows(history, query.limit(PER_PAGE).offset((asked.page - 1) * PER_PAGE))
    return [_shown(one) for one in found], total


def _narrowed(history: Any, query: Any, result: str, text: str) -> Any:
    sa, runs = history.sa, history.tables.runs
    if result == "ok":
        query = query.where(runs.c.exit_code == 0)
    elif result == "failed":
        query = query.where(sa.or_(runs.c.exit_code != 0, runs.c.exit_code.is_(None)))
    for word in text.split()[:5]:
        named = (runs.c[name].contains(word, autoescape=True) for name in ("command", "environment", "app", "version"))
        more = (runs.c[name].contains(word, autoescape=True) for name in ("user", "error", "detail"))
        query = query.where(sa.or_(runs.c.id.startswith(word, autoescape=True), *named, *more))
    return query


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    release = f"{one['app']}@{one['version']}" if one.get("version") else one.get("app") or ""
    detail = (one.get("detail") or "")[:80]
    what = f"{release} ({detail})" if release and detail else release or detail
    names = ("id", "command", "environment", "started_at", "duration_s", "user", "error", "said_at", "lives")
    return {name: one.get(name) for name in names} | {"what": what, "result": result_of(one)}
