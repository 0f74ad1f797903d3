"""How states, times and lengths of time are told; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple


class State(NamedTuple):
    """A state as it's shown: its kind chooses the colour, the sign and the word say the same without it."""

    kind: str
    sign: str
    word: str


_OK, _BAD, _WARN, _WORK, _WAIT, _STOP, _DIM = "ok", "bad", "warn", "work", "wait", "stop", "dim"
_SIGNS = {_OK: "✓", _BAD: "✗", _WARN: "!", _WORK: "▶", _WAIT: "…", _STOP: "■", _DIM: "-"}
_KINDS = {
    _OK: ("ok", "passed", "verified", "there", "valid", "approved", "deployment", "on", "changed", "none waited"),
    _BAD: (
        "failed",
        "missing",
        "rolled_back",
        "unreachable",
        "rejected",
        "killed",
        "overdue",
        "revoked",
        "not believed",
    ),
    _WARN: (
        *(
            "drifted",
            "would_change",
            "interrupted",
            "unknown",
            "overridden",
            "unproven",
            "silent",
            "refused",
            "orphaned",
        ),
        *("ended", "expires soon"),
    ),
    _WORK: ("running", "deploying", "ready"),
    _WAIT: ("waiting", "blocked", "pending", "asked_later", "not_attempted"),
    _STOP: ("stopped",),
}
_WORDS = {
    "rolled_back": "rolled back",
    "would_change": "drifted",
    "asked_later": "asked later",
    "none": "not its stage",
}


def state(word: Any) -> State:
    """A state by its word in data; one that nobody knows is told as it is."""
    text = str(word or "")
    kind = next((kind for kind, words in _KINDS.items() if text in words), _DIM)
    return State(kind, _SIGNS[kind], _WORDS.get(text, text.replace("_", " ")))


def utc(seconds: Any) -> str:
    """A moment in UTC, as `<time datetime>` wants it; empty where it's none."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def clock(seconds: Any) -> str:
    """The same for people who have no JavaScript."""
    text = utc(seconds)
    return f"{text[:10]} {text[11:19]} UTC" if text else ""


def length(seconds: Any) -> str:
    """A length of time in two units at most: `3 d 4 h`, `12 min`, `1.4 s`."""
    try:
        left = float(seconds)
    except (TypeError, ValueError):
        return ""
    if left < 0:
        return f"-{length(-left)}"
    if left < 60:
        return f"{left:.1f} s" if left < 10 else f"{left:.0f} s"
    parts: list[str] = []
    whole = int(left)
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= size and len(parts) < 2:
            parts.append(f"{whole // size} {name}")
            whole %= size
        elif parts:
            break
    return " ".join(parts)


def result_of(row: Any) -> str:
    """How a run of the history ended, as a state's word."""
    if row.get("source") == "running":
        return "running"
    code = row.get("exit_code")
    if code is None:
        return "killed" if row.get("source") == "killed" else "unknown"
    by_code = {0: "ok", 2: "drifted" if row.get("command") == "drift" else "differs", 3: "refused", 4: "unreachable"}
    by_code |= {130: "interrupted", 143: "interrupted"}
    return by_code.get(code, "failed")
