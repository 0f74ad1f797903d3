"""A look for drift as a plugin of Nagios, Icinga and the like tells it."""

from __future__ import annotations

from collections.abc import Sequence

from cdconf.render.drift.look import DriftLook
from cdconf.render.words import shown

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_NAMED = 5  # hosts that one line names
_LONGEST = 500  # characters of an error in one line


def told(look: DriftLook) -> tuple[int, str]:
    """A plugin's exit code, and its one line with performance data (Monitoring Plugins Development Guidelines).

    A change by hand is CRITICAL, even where another host didn't answer; what can't be told is UNKNOWN, even where files
    aren't applied yet, which is WARNING. See docs/adr/0079-drift-for-monitoring.md.
    """
    counts = look.counts()
    by_hand = counts["by_hand"] + counts["both"]
    if by_hand:
        code = CRITICAL
    elif not look.is_whole or counts["unknown"]:
        code = UNKNOWN
    else:
        code = WARNING if counts["not_applied"] else OK
    said = [_hosts(look, "changed by hand", ("by_hand", "both")), _hosts(look, "not applied", ("not_applied",))]
    said.append(_hosts(look, "can't be told", ("unknown",)))
    for word, hosts in (("unreachable", look.unreachable), ("failed", look.failed)):
        said += [_named(f"{len(hosts)} {word}", list(hosts))] if hosts else []
    said += [f"{look.waived} waived"] if look.waived else []
    said += [look.error[:_LONGEST]] if look.error else []
    text = ", ".join(one for one in said if one) or f"no drift on {len(look.hosts)} hosts"
    numbers = {**counts, "unreachable": len(look.unreachable), "failed": len(look.failed), "waived": look.waived}
    data = " ".join(f"{name}={value}" for name, value in {**numbers, "hosts": len(look.hosts)}.items())
    line = f"DRIFT {_STATES[code]} - {look.environment}: {text}"
    return code, f"{line_of(line)} | {data} time={look.duration_s:.2f}s"


def line_of(text: str) -> str:
    """A text that's one line, and holds no performance data."""
    return shown(" ".join(text.split())).replace("|", "/")


def _hosts(look: DriftLook, word: str, causes: Sequence[str]) -> str:
    found = [finding.host for finding in look.findings if finding.cause in causes and finding.waived is None]
    return _named(f"{len(found)} {word}", list(dict.fromkeys(found))) if found else ""


def _named(text: str, hosts: list[str]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return f"{text} ({', '.join(hosts[:_NAMED])}{more})"
