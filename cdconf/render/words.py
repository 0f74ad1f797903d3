"""The lines that people read, without colour: one place for both terminals and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cdconf.errors import first_line
from cdconf.events import Event, HostDone, NotAttempted, Notice, Printed, ResourceDone, SmokeDone, StageChanged, Step

if TYPE_CHECKING:
    from cdconf.events import HostResult, RunResult
    from cdconf.render.style import Style

_SIGNS = {"changed": "~", "would_change": "~", "failed": "!", "unknown": "?", "skipped": "-", "orphaned": "o"}
_NAMED = 20  # resources that one line names
_WORDS = {"would_change": "would change", "ok": "ok"}
# A terminal would obey them: what stands in a host's file or banner could hide lines, or worse.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
# They change the order in which what follows is shown (UAX #9), so that a line reads as another one.
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LINES = "\u0085\u2028\u2029"  # some terminals and editors begin a new line there
_HALVES = {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}  # of characters: no encoding has them
_HIDDEN = _HALVES | {ord(one): f"\\u{ord(one):04x}" for one in BIDI + _LINES}


def shown(text: str) -> str:
    r"""The same text, with control characters as `\x1b`; what turns text around, or can't be encoded, as `\u202e`."""
    clean = text.translate(_CONTROLS)
    return clean if clean.isascii() else clean.translate(_HIDDEN)


def line_of(event: Event, style: Style) -> str | None:
    """What one event is worth: a line (or more, with a diff), or None."""
    line = _line(event, style)
    return None if line is None else shown(line)


def _line(event: Event, style: Style) -> str | None:  # noqa: PLR0911  a table of kinds
    if isinstance(event, Step):
        return f"==> {event.message}"
    if isinstance(event, Notice):
        return f"warning: {_below(event.message)}" if event.warning else _below(event.message)
    if isinstance(event, ResourceDone):
        return _resource(event, style)
    if isinstance(event, NotAttempted):
        return _not_attempted(event, style)
    if isinstance(event, SmokeDone):
        return _smoke_test(event, style)
    if isinstance(event, Printed):
        return f"  | {event.message}"
    if isinstance(event, StageChanged):
        return _stage(event)
    if isinstance(event, HostDone) and event.status in ("failed", "unreachable", "rolled_back"):
        return f"! {event.host}: {event.status.replace('_', ' ')}" + (f": {_below(event.error)}" if event.error else "")
    return None


def _smoke_test(event: SmokeDone, style: Style) -> str | None:
    if event.skipped:
        return f"- {event.host}: smoke {event.test}: skipped: {_below(event.message or '')}"
    if event.passed:
        return f"  {event.host}: smoke {event.test}: passed" if style.verbose else None
    return f"! {event.host}: smoke {event.test}: failed" + _indented(event.message)


def _resource(event: ResourceDone, style: Style) -> str | None:
    if event.status == "ok" and not style.verbose:
        return None
    sign = _SIGNS.get(event.status, " ")
    word = _WORDS.get(event.status, event.status)
    if event.waived is not None:
        sign, word = "=", f"waived until {event.waived_until}: {_on_one_line(event.waived)}: {word}"
    text = f"{sign} {event.host}: {event.type} {_on_one_line(event.title)}: {word}{_by_hand(event)}"
    if event.source and event.status in ("failed", "would_change", "unknown", "orphaned"):
        text += f"  [{event.source}]"
    if event.message and (event.status == "failed" or style.verbose or event.type == "handler"):
        text += _indented(event.message)
    elif event.message:
        text += f": {first_line(event.message)}"
    text += _about_drift(event)
    if event.diff and style.diff:
        text += _indented(event.diff)
    return text


def _by_hand(event: ResourceDone) -> str:
    if not event.by_hand:
        return ""
    return " (changed by hand, and in the files)" if event.cause == "both" else " (changed by hand)"


def _about_drift(event: ResourceDone) -> str:
    """Why it's left, how people mend it, since when it's so, and who it may have been."""
    text = f" (left: {first_line(event.left)})" if event.left and event.waived is None else ""
    if event.repair:
        text += _indented(f"to fix it: {event.repair}")
    if event.first_seen is not None:
        text += _indented(f"first seen: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(event.first_seen))}")
    for sentence in event.evidence:
        text += _indented(f"evidence: {_on_one_line(sentence)}")
    return text


def _not_attempted(event: NotAttempted, style: Style) -> str:
    names = [f"{kind} {title}" for kind, title, _ in event.resources]
    listed = ", ".join(names if style.verbose else names[:_NAMED])
    more = len(names) - _NAMED
    end = f" and {more} more, which -v names" if more > 0 and not style.verbose else ""
    what = "not looked at" if event.checked else "not attempted"
    return f"- {event.host}: {what} ({len(names)}): {listed}{end}"


def _stage(event: StageChanged) -> str | None:
    """Each state, and each step of a stage that runs."""
    what = event.step if event.state == "running" and event.step else event.state
    return f"==> {event.stage}: {what}" + (f": {first_line(event.why)}" if event.why else "")


def _below(text: str) -> str:
    """A text whose other lines stand below the first: none of them looks like a line of ours."""
    first, _, rest = text.partition("\n")
    return first + _indented(rest)


def _on_one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _indented(text: str | None) -> str:
    return "".join(f"\n    {line}" for line in text.rstrip("\n").split("\n")) if text else ""


def recap(result: RunResult) -> list[str]:
    """A line per host: `web1  ok=28 changed=2 failed=0`; none for verbs whose data is on stdout."""
    if result.command in ("status", "lock", "run", "logs", "ssh", "parity") or "toggles" in result.extra:
        return []
    width = max((len(name) for name in result.hosts), default=0)
    return [f"{name:<{width}}  {counts(host)}" for name, host in result.hosts.items()]


def counts(host: HostResult) -> str:
    """What it came to on one host: `ok=28 changed=2 failed=0`."""
    if host.status == "not_attempted" and not host.resources:
        return "not attempted"
    parts = [f"ok={host.ok} changed={host.changed} failed={host.failed}"]
    parts += [
        f"{name}={getattr(host, name)}" for name in ("skipped", "unknown", "orphaned", "waived") if getattr(host, name)
    ]
    if host.not_attempted:
        parts.append(f"not_attempted={len(host.not_attempted)}")
    if host.smoke:
        parts.append(_smoke(host))
    if host.status in ("unreachable", "rolled_back") or (host.status == "failed" and not host.failed):
        parts.append(host.status.replace("_", " "))
    return " ".join(parts)


def _smoke(host: HostResult) -> str:
    """`smoke=5/6`, of those that ran."""
    ran = [smoke_done for smoke_done in host.smoke if not smoke_done.skipped]
    skipped = len(host.smoke) - len(ran)
    return f"smoke={sum(smoke_done.passed for smoke_done in ran)}/{len(ran)}" + (
        f" smoke_skipped={skipped}" if skipped else ""
    )


def error_lines(result: RunResult) -> list[str]:
    """The error as people read it: `error: file:line: message`, the detail, `  hint: …`."""
    error = result.error
    if error is None:
        return []
    where = f"{error['file']}:{error['line']}: " if error["file"] and error["line"] else ""
    where = where or (f"{error['file']}: " if error["file"] else "")
    lines = [f"error: {where}{_below(error['message'])}"]
    lines += [f"    {line}" for line in (result.error_detail or "").splitlines()]
    if error["hint"]:
        lines.append(f"  hint: {error['hint']}")
    return [shown(line) for line in lines]
