"""The value stream as a page: the picture, and beside it all tables. It needs nothing else, and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from cdconf.pipeline.value_stream.dora import SOURCE
from cdconf.pipeline.value_stream.figures import StageFigures
from cdconf.pipeline.value_stream.model import KINDS, StreamChange
from cdconf.render.value_stream import words
from cdconf.render.value_stream.svg import picture
from cdconf.render.value_stream.words import Shown
from cdconf.render.words import shown as clean

_ROWS = 2000  # of a table: a browser has to show it
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,-apple-system,'Segoe UI',sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}th,td{text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid #8a8a8a55;vertical-align:top;overflow-wrap:anywhere}td.n,th.n{text-align:right;
white-space:nowrap}svg{max-width:100%;height:auto}h2{margin-top:2.5rem}small,caption{opacity:.8;text-align:left}
"""


def page(found: Sequence[Shown]) -> str:
    """The page of all apps."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_safe('Value stream: ' + ', '.join(shown.stream.app for shown in found))}</title>",
            f"<style>{_STYLE}</style>\n</head>\n<body>",
            *(part for shown in found for part in _app(shown)),
            "</body>\n</html>\n",
        ]
    )


def _app(shown: Shown) -> Iterator[str]:
    found = shown.stream
    yield f"<section>\n{picture([shown])}"
    yield "<h2>Stages</h2>"
    yield _table(
        ("stage", *(f"{kind}: p50|p85|in all" for kind in KINDS), "of all time"),
        (_stage(step, found.whole.total) for step in found.whole.steps),
        numbers=range(1, 11),
    )
    yield f'<h2>DORA\'s metrics</h2><p><small>Definitions: <a href="{SOURCE}">{SOURCE}</a></small></p>'
    rows = ((name, value, f"{definition} ({SOURCE})") for name, value, definition in words.metrics(shown))
    yield _table(("metric", "value", "definition"), rows)
    yield from _list(words.beside(shown))
    yield "<h2>Changes</h2>"
    changes = [(release.deployment.label, change) for release in reversed(found.releases) for change in release.changes]
    heads = ("release", "commit", "subject", "committed", "verified", "took", *KINDS, "")
    yield _table(
        heads, (_change(label, stream_change) for label, stream_change in changes[:_ROWS]), numbers=range(5, 9)
    )
    if len(changes) > _ROWS:
        yield f"<p>and {len(changes) - _ROWS} older ones: --json has them all</p>"
    if found.waiting:
        yield f"<h2>Not in {_safe(shown.environment)} yet</h2>"
        waiting = ((one.commit.id[:10], one.commit.subject, words.length(one.age)) for one in found.waiting[:_ROWS])
        yield _table(("commit", "subject", "age"), waiting, numbers=range(2, 3))
    yield from _list(words.notes(shown))
    yield "</section>"


def _stage(step: StageFigures, total: float) -> tuple[str, ...]:
    cells = []
    for kind in KINDS:
        of = step.figures[kind]
        told = [words.length(one) if one is not None else "-" for one in (of.p50, of.p85)]
        cells += [*told, words.length(step.totals[kind])]
    return words.stage(step.stage), *cells, words.percent(step.total / total if total else 0.0)


def _change(label: str, change: StreamChange) -> tuple[str, ...]:
    sums = [words.length(sum(part.length for part in change.segments if part.kind == kind)) for kind in KINDS]
    commit = change.commit
    left_out = f"left out: {change.left_out}" if change.left_out else ""
    clock = "its clock was wrong" if abs(change.clock) > 30 else ""
    times = (words.date(change.began), words.date(change.verified), words.length(change.length))
    return label, commit.id[:10], commit.subject, *times, *sums, left_out or clock


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], numbers: range = range(0)) -> str:
    """A table; a head with bars in it stands for several columns, whose names are between them."""
    names: list[str] = []
    for head in heads:
        first, *rest = head.split("|")
        names += [first, *rest]
    kinds = [' class="n"' if place in numbers else "" for place in range(len(names))]
    top = "".join(f"<th{kind}>{_safe(name)}</th>" for kind, name in zip(kinds, names, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{_safe(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _list(texts: Iterable[str]) -> Iterator[str]:
    told = [f"<li>{_safe(text)}</li>" for text in texts]
    if told:
        yield "<ul>" + "".join(told) + "</ul>"


def _safe(text: str) -> str:
    return escape("".join(one if one.isprintable() else "�" for one in clean(text)))
