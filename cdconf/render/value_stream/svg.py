"""The value stream as a picture: one SVG that needs nothing else, with its text.

Kinds are told by pattern, too, so that a grey print can be read; a dark desktop gets dark paper. Whatever comes from
commits and files is escaped, and no longer than its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from cdconf.pipeline.value_stream.figures import StageFigures
from cdconf.pipeline.value_stream.model import KINDS, Kind
from cdconf.render.value_stream import words
from cdconf.render.value_stream.terminal import cut
from cdconf.render.value_stream.words import Shown

WIDTH, MARGIN = 860, 24
_INNER = WIDTH - 2 * MARGIN
_DOTS = 400  # changes that are drawn, the newest ones: a picture has no more than 60 kB
_APPS = 8
_STEPS = 20
_CHART = 150
_STYLE = """
.paper{fill:#fff}text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:13px;fill:#1d1d1d}
.title{font-size:16px;font-weight:600}.name{font-weight:600}.small{font-size:12px;fill:#555}
.work{fill:#1f6f4a}.queue{fill:#e4e4e4}.people{fill:#f0a94e}.line{stroke:#8a8a8a}.hatch{stroke:#8a8a8a}.dots{fill:#5a3300}
.frame{fill:none;stroke:#8a8a8a}.grid{stroke:#d8d8d8}.dot{stroke:#1f6f4a}.bad{stroke:#b3261e}
@media (prefers-color-scheme:dark){.paper{fill:#16181b}text{fill:#ececec}.small{fill:#b4b4b4}.work{fill:#5cc596}
.queue{fill:#3a3d42}.people{fill:#b9741c}.line,.frame{stroke:#8a8f96}.hatch{stroke:#8a8f96}.dots{fill:#ffe2b8}
.grid{stroke:#33373c}.dot{stroke:#5cc596}.bad{stroke:#ff8a80}}
"""
_PATTERNS = (
    '<pattern id="p-work" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="work" width="8" height="8"/>'
    '</pattern><pattern id="p-queue" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="queue" width="8" '
    'height="8"/><path class="hatch" d="M0 8 8 0" stroke-width="1"/></pattern><pattern id="p-people" width="8" '
    'height="8" patternUnits="userSpaceOnUse"><rect class="people" width="8" height="8"/><circle class="dots" cx="4" '
    'cy="4" r="1.4"/></pattern>'
)
_MARKS = (
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3600, "1 h"),
    (6 * 3600, "6 h"),
    (86400, "1 d"),
    (7 * 86400, "7 d"),
    (30 * 86400, "30 d"),
    (365 * 86400, "365 d"),
)


def picture(found: Sequence[Shown]) -> str:
    """The apps' maps, one below the other."""
    parts: list[str] = []
    y = float(MARGIN)
    for shown in found[:_APPS]:
        made, y = _app(shown, y)
        parts += made
    if len(found) > _APPS:
        parts.append(_text(MARGIN, y, f"and {len(found) - _APPS} more apps: --app shows one", "small"))
        y += 20
    title = ", ".join(shown.stream.app for shown in found[:_APPS])
    height = round(y + MARGIN / 2)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="{_safe(f"Value stream of {title}", 200)}">',
            f"<style>{_STYLE}</style><defs>{_PATTERNS}</defs>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _app(shown: Shown, y: float) -> tuple[list[str], float]:
    parts = [_text(MARGIN, y + 16, f"{shown.stream.app} to {shown.environment}", "title", size=74)]
    y += 38
    for line in (words.head(shown), *words.summary(shown)):
        parts.append(_text(MARGIN, y, line, "", size=118))
        y += 19
    whole = shown.stream.whole
    if not shown.stream.releases:
        return [*parts, *_waiting(shown, y)], y + 30
    y += 6
    parts += _legend(y)
    y += 26
    longest = max((one.total for one in whole.steps), default=0.0)
    for step in whole.steps[:_STEPS]:
        parts += _step(step, whole.total, longest, y)
        y += 56
    if len(whole.steps) > _STEPS:
        parts.append(_text(MARGIN, y + 10, f"and {len(whole.steps) - _STEPS} more stages: --html shows all", "small"))
        y += 24
    parts += _chart(shown, y)
    y += _CHART + 56
    return [*parts, *_waiting(shown, y)], y + 30


def _waiting(shown: Shown, y: float) -> list[str]:
    number = len(shown.stream.waiting)
    if not number:
        return []
    oldest = words.length(max(waiting.age for waiting in shown.stream.waiting))
    text = f"not in {shown.environment} yet: {words.counted(number, 'commit')}, the oldest {oldest} old"
    return [_text(MARGIN, y + 6, text, "small", size=118)]


def _legend(y: float) -> Iterator[str]:
    x = MARGIN
    for kind in KINDS:
        yield f'<rect x="{x}" y="{y - 10}" width="18" height="12" fill="url(#p-{kind})" class="line"/>'
        yield _text(x + 24, y, words.KIND_NAMES[kind], "small")
        x += 44 + 8 * len(words.KIND_NAMES[kind])


def _step(step: StageFigures, total: float, longest: float, y: float) -> Iterator[str]:
    """A stage: its name and its share, its figures, and a bar that's as long as its time."""
    yield _text(MARGIN, y + 10, words.stage(step.stage), "name", size=70)
    share = f"{words.percent(step.total / total if total else 0.0)} of all time"
    yield _text(WIDTH - MARGIN, y + 10, share, "small", anchor="end")
    told = " · ".join(_figures(step, kind) for kind in KINDS if step.totals[kind])
    yield _text(MARGIN, y + 26, told or "no time at all", "small", size=118)
    x = float(MARGIN)
    for kind in KINDS:
        width = step.totals[kind] / longest * _INNER if longest else 0.0
        if width:
            drawn = max(width, 1.5)
            yield f'<rect x="{x:.1f}" y="{y + 32}" width="{drawn:.1f}" height="12" fill="url(#p-{kind})"/>'
            x += drawn
    width = min(_INNER, max(x - MARGIN, 2.0))
    yield f'<rect class="frame" x="{MARGIN}" y="{y + 32}" width="{width:.1f}" height="12"/>'


def _figures(step: StageFigures, kind: Kind) -> str:
    """`work p50 5 min, p85 9 min`; of too few changes their sum."""
    found = step.figures[kind]
    if found.p50 is None or found.p85 is None:
        return f"{words.KIND_NAMES[kind]} {words.length(step.totals[kind])} in all"
    return f"{words.KIND_NAMES[kind]} p50 {words.length(found.p50)}, p85 {words.length(found.p85)}"


def _chart(shown: Shown, y: float) -> list[str]:
    """A dot for each change: when it was verified, and how long it took; crosses for deployments that failed."""
    bad = {failure.deployment.id for failure in shown.dora.failures}
    pairs = [(change, release.deployment.id in bad) for release in shown.stream.releases for change in release.counted]
    changes = pairs[-_DOTS:]
    if not changes:
        return []
    more = f", the newest {_DOTS}" if len(pairs) > _DOTS else ""
    title = f"each change{more}: when it was verified, and how long it took"
    title += "; a cross: its deployment failed" if any(is_bad for _, is_bad in changes) else ""
    parts = [_text(MARGIN, y + 14, title, "small")]
    top, bottom = y + 26, y + 26 + _CHART
    low, high = _range([change.length for change, _ in changes])
    left = MARGIN + 48
    for seconds, name in _MARKS:
        if low <= math.log10(seconds) <= high:
            at = _up(seconds, low, high, top, bottom)
            parts.append(f'<path class="grid" d="M{left} {at:.1f}H{WIDTH - MARGIN}"/>')
            parts.append(_text(left - 6, at + 4, name, "small", anchor="end"))
    begins, ends = changes[0][0].verified, changes[-1][0].verified
    good, crosses = [], []
    for change, is_bad in changes:
        x = left + 8 + (_INNER - 64) * ((change.verified - begins) / (ends - begins) if ends > begins else 0.5)
        at = _up(change.length, low, high, top, bottom)
        if is_bad:
            crosses.append(f"M{x - 4:.0f} {at - 4:.0f}l8 8m0-8l-8 8")
        else:
            good.append(f"M{x:.0f} {at:.0f}h0")
    parts.append(f'<path class="dot" fill="none" stroke-width="6" stroke-linecap="round" d="{"".join(good)}"/>')
    parts.append(f'<path class="bad" fill="none" stroke-width="2" d="{"".join(crosses)}"/>' if crosses else "")
    parts.append(f'<path class="line" fill="none" d="M{left} {top}V{bottom}H{WIDTH - MARGIN}"/>')
    parts.append(_text(left, bottom + 16, words.date(begins), "small"))
    if ends > begins:
        parts.append(_text(WIDTH - MARGIN, bottom + 16, words.date(ends), "small", anchor="end"))
    return parts


def _range(lengths: Sequence[float]) -> tuple[float, float]:
    """The logarithms of the marks between which all are, with some room."""
    least, most = max(1.0, min(lengths)), max(1.0, *lengths)
    low = max(seconds for seconds, _ in _MARKS if seconds <= least)
    high = next((seconds for seconds, _ in _MARKS if seconds > most), 2 * most)
    return math.log10(low) - 0.05, math.log10(high) + 0.05


def _up(seconds: float, low: float, high: float, top: float, bottom: float) -> float:
    return bottom - (math.log10(max(seconds, 1.0)) - low) / (high - low) * (bottom - top)


def _text(x: float, y: float, text: str, kind: str, *, size: int = 110, anchor: str = "") -> str:
    about = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:.0f}" y="{y:.0f}"{about}>{_safe(text, size)}</text>'


def _safe(text: str, size: int) -> str:
    """Escaped, without what no XML may have, and short enough for its line."""
    return escape("".join(one if one.isprintable() else "�" for one in cut(text, size)))
