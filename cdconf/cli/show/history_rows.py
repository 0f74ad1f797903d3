"""How runs of the history are shown, and what statements add to them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cdconf.clocks import TOLERANCE, length
from cdconf.errors import ArtifactError
from cdconf.events import Notice
from cdconf.history.index import named
from cdconf.history.journal import DIFFERENCE
from cdconf.history.rows import number

if TYPE_CHECKING:
    from cdconf.events import Emit
    from cdconf.inventory import Project


_SOURCES = {"hosts": " (rebuilt)", "killed": " (killed)"}
SHOWN = 12  # characters of a run's id: when it began, in milliseconds


def row_of(one: dict[str, Any], checkout: str) -> list[str]:
    """One run as a row, as it's told in this checkout."""
    code = one["exit_code"]
    result = "unknown" if code is None else "ok" if code == 0 else f"exit {code}"
    result += " (not committed)" if one.get("dirty") else ""
    result += "" if one.get("healed") is None else " (overridden, healed)" if one["healed"] else " OVERRIDDEN"
    return [
        when(one["started_at"]) + _clock(one),
        one["id"][:SHOWN],
        one["command"],
        named(one["environment"] or "", one.get("environment_of"), checkout),
        _what(one),
        result + _SOURCES.get(one["source"], ""),
        "" if one["duration_s"] is None else f"{one['duration_s']:.1f} s",
        one["user"] or "unknown",
        (one["error"] or "")[:80],
    ]


def _clock(one: dict[str, Any]) -> str:
    """What was wrong with the clock by which a run's time is told, if its hosts or the store saw anything."""
    seconds = one.get(DIFFERENCE)
    if not isinstance(seconds, (int, float)) or abs(seconds) <= TOLERANCE:
        return ""
    return f" ({length(abs(seconds))} {'behind' if seconds > 0 else 'ahead'})"


def _what(one: dict[str, Any]) -> str:
    """What a run was about: the release, if any, and the detail, shortened."""
    release = f"{one['app']}@{one['version']}" if one["version"] else one["app"]
    detail = (one["detail"] or "")[:60]
    return f"{release} ({detail})" if release and detail else release or detail


def events_of(one: dict[str, Any], verbose: bool) -> list[list[str]]:
    """Where it came from and its events, the oldest first, as rows, when they're asked for."""
    return [*_origin(one), *_passed(one), *(_event(event) for event in one["events"])] if verbose else []


def _origin(one: dict[str, Any]) -> list[list[str]]:
    """Where a run came from, and the files that weren't committed, as rows."""
    if not one.get("checkout"):
        return []
    told = [f"checkout {one['checkout']}", f"commit {(one['commit'] or 'none')[:10]}"]
    listed = one.get("dirty_files")
    files = [str(name) for name in listed] if isinstance(listed, list) else []
    left = int(number(one.get("dirty_count")) or 0) - len(files)
    rows = [["", "", "  from", "", ", ".join(told), "", "", "", ""]]
    if one.get("procedure"):
        rows.append(["", "", "  procedure", "", one["procedure"], "", "", "", ""])
    if one.get("isolated") is not None:
        code = "isolated from keys" if one["isolated"] else "not isolated from keys"
        rows.append(["", "", "  the commit's own code", "", code, "", "", "", ""])
    rows += [["", "", "  not committed", "", name, "", "", "", ""] for name in files]
    return rows + ([["", "", "  not committed", "", f"{left} more", "", "", "", ""]] if left > 0 else [])


def _passed(one: dict[str, Any]) -> list[list[str]]:
    """How a run passed a gate, and what it proved, as rows."""
    told = [("overridden", one.get("override")), ("proved", one.get("statement"))]
    return [["", "", f"  {name}", "", str(text), "", "", "", ""] for name, text in told if text]


def _event(event: dict[str, Any]) -> list[str]:
    what = event.get("release") or str(event.get("archive") or "")[:12]
    back = f" -> {event['to'] or 'no release'}" if "to" in event else ""
    told = f"  {event.get('event')}"
    return [when(event.get("at")), "", told, str(event.get("host")), f"{what}{back}", "", "", "", event.get("why", "")]


def when(seconds: Any) -> str:
    """Seconds since 1970 in this machine's time; what no clock tells as it is."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError, TypeError):
        return str(seconds)[:20]


def origin_of_run(one: dict[str, Any]) -> list[str]:
    """Where a run came from, and how it passed a gate, as lines."""
    rows = [*_origin(one), *_passed(one)]
    return [f"{row[2].strip()}: {row[4]}" for row in rows if row[2].strip() != "procedure"]


def built_by(project: Project, emit: Emit) -> dict[str, str]:
    """Archive's digest -> from which commit it was built by whom, by the artifact store's statements."""
    from cdconf.artifacts import ArtifactStore

    try:
        artifacts = ArtifactStore(project, emit=emit).list()
    except ArtifactError as error:
        emit(Notice(f"builds aren't listed, because the artifact store can't be read: {error.message}", warning=True))
        return {}
    return {
        artifact.archive: f"built from {artifact.commit[:10]} by {artifact.builder}"
        if artifact.commit
        else f"{artifact.version}, added by {artifact.builder}"
        for artifact in artifacts
    }
