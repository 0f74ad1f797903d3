"""What the end of a verb means for the stage that it's a part of: pure, by its exit code and its document.

Red is what the commit itself is to blame for. What may go well the next time, with the same commit, is an interruption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import FAILED, GATED, UNREACHABLE, HostsFailed, first_line
from cdconf.pipeline.entries import BuiltArtifact, MissingRequirement, State

if TYPE_CHECKING:
    from cdconf.pipeline.children import ChildResult

RED = ("build_failed", "command_failed", "invalid_file", "template")
_SIGNALS = (130, 143)


@dataclass(frozen=True)
class StageOutcome:
    """How a stage, or a part of it, ended.

    Attributes:
        state: `passed`, `failed` (red), `blocked`, `superseded` or `interrupted`.
        why: One line; empty when it has passed.
        code: The exit code that it stands for.
        hint: What to do about it.
        detail: Output worth showing, possibly of many lines.
        place: `file:line` of what's to blame.
        tests: The tests that failed, as far as they're known.
        missing: What gates ask for.
        artifacts: The artifacts that it was about.
        runs: The ids by which hosts and history know what was run.
        log: The object of the store with its log.
        superseded_by: The commit that goes in its place.
        is_said: Whether the verb has said itself that the artifact failed, and has stopped it.
        is_held: Whether another run holds hosts, so that it may be tried again soon.
        is_of_hosts: Whether something is the matter with hosts themselves.
    """

    state: State
    why: str = ""
    code: int = 0
    hint: str | None = None
    detail: str | None = None
    place: str | None = None
    tests: tuple[str, ...] = ()
    missing: tuple[MissingRequirement, ...] = ()
    artifacts: tuple[BuiltArtifact, ...] = ()
    runs: tuple[str, ...] = ()
    log: str | None = None
    superseded_by: str | None = None
    is_said: bool = False
    is_held: bool = field(default=False, compare=False)
    is_of_hosts: bool = field(default=False, compare=False)


PASSED = StageOutcome("passed")


def outcome_of(done: ChildResult, what: str, lines: Sequence[str] = ()) -> StageOutcome:
    """What a verb's end means.

    Args:
        done: How it ended.
        what: The verb, for people: `deploy shop@1.4`.
        lines: The last that it has printed, where it may have said what its document doesn't.
    """
    if done.code == 0:
        return PASSED
    error = _error_of(done.document)
    kind = str(error.get("kind"))
    why = str(error.get("message") or "") or _of_hosts(done.document) or _error_in(lines)
    why = why or f"{what} ended with {_ended(done.code)}"
    about: dict[str, Any] = {
        "why": first_line(why),
        "hint": error.get("hint"),
        "detail": done.document.get("detail"),
        "place": f"{error['file']}:{error.get('line') or 1}" if error.get("file") else None,
        "tests": _tests(done.document),
    }
    if done.code == GATED:
        links = missing_of(done.document)
        return StageOutcome("blocked", code=GATED, missing=tuple(links), is_held=kind == "lease_held", **about)
    if _is_red(done, kind):
        is_said = what.startswith("deploy") and kind in ("deploy_failed", "command_failed")
        return StageOutcome("failed", code=FAILED, is_said=is_said, **about)
    code = done.code if done.code in (UNREACHABLE, *_SIGNALS) else FAILED
    return StageOutcome("interrupted", code=code, is_of_hosts=not error and bool(_of_hosts(done.document)), **about)


def _error_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error that ended a run; what only sums up what became of its hosts is read from them."""
    error: Mapping[str, Any] = document.get("error") or {}
    return {} if error.get("kind") == HostsFailed.kind else error


def _is_red(done: ChildResult, kind: str) -> bool:
    if done.code != FAILED:
        return False
    if kind == "deploy_failed":
        return done.document.get("verdict") is True
    return kind in RED or (not _error_of(done.document) and _has_red(done.document))


def _has_red(document: Mapping[str, Any]) -> bool:
    """Whether a resource or a smoke test failed on a host: else something is the matter with the host itself."""
    hosts = document.get("hosts", {}).values()
    resources = [one for host in hosts for one in host.get("resources", ())]
    return bool(_tests(document)) or any(resource.get("status") == "failed" for resource in resources)


def missing_of(document: Mapping[str, Any]) -> list[MissingRequirement]:
    """What a gate has judged to be missing."""
    links: Sequence[Mapping[str, Any]] = document.get("gates") or ()
    return [
        MissingRequirement(str(link["name"]), str(link["why"]), link.get("command"))
        for link in links
        if link.get("state") == "missing"
    ]


def _of_hosts(document: Mapping[str, Any]) -> str:
    """The first host's error, where the run as a whole has none."""
    for name, host in document.get("hosts", {}).items():
        if host.get("status") in ("failed", "unreachable"):
            failed = next((one for one in host.get("resources", ()) if one.get("status") == "failed"), None)
            what = f"{failed['type']} {failed['title']} failed: {failed.get('message') or ''}" if failed else ""
            return f"{name}: {what or host.get('error') or host['status']}"
    return ""


def _error_in(lines: Sequence[str]) -> str:
    """What the last of some lines says that begins as errors do; a verb without a document has only these."""
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")


def _tests(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Smoke tests that failed, each with its host."""
    hosts = document.get("hosts", {}).items()
    return tuple(
        f"{one['test']} on {name}" for name, host in hosts for one in host.get("smoke", ()) if not one["passed"]
    )


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
