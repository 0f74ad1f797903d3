"""What `cdconf waiver` writes into waivers.yml, and what it refuses to write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, UsageError, did_you_mean
from cdconf.events import Notice
from cdconf.inventory.waivers import FILE, LONGEST, MOST, Waiver, day_of, load_waivers, waivers_path
from cdconf.inventory.waivers_edit import with_waivers, without_waivers
from cdconf.yamlfile import is_there, read_exactly

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.drift.findings import DriftFinding
    from cdconf.inventory import Project

OTHER_TYPES = ("release", "toggles", "handler", "orphan", "applied")  # findings that aren't resources
_DAYS = re.compile(r"([0-9]{1,4})d", re.ASCII)
_SHOWN = 20


def today(run: Run) -> date:
    """The day by UTC, by the clock that counts."""
    from cdconf.cli.promotion_checks import clock_of

    return datetime.fromtimestamp(clock_of(run).counted(), UTC).date()


def last_day(run: Run, text: str) -> date:
    """The day that `--until` names.

    Raises:
        UsageError: It isn't a day, or is over already.
    """
    now = today(run)
    days = _DAYS.fullmatch(text)
    found = now + timedelta(days=int(days[1])) if days else day_of(text)
    if found is None:
        raise UsageError(f"--until '{text}' isn't a day", hint="such as 2027-01-31, or 30d for 30 days from today")
    if found < now:
        raise UsageError(f"--until {found} is over already: today is {now} (UTC)")
    return found


def named_type(project: Project, name: str) -> str:
    """A finding's type.

    Raises:
        UsageError: There's no such type.
    """
    from cdconf.resources.discovery import Types

    known = [*Types(project.root, project.type_packages), *OTHER_TYPES]
    if name not in known:
        raise UsageError(f"there is no resource type '{name}'", hint=did_you_mean(name, known))
    return name


def check_told(run: Run, *texts: str) -> None:
    """Raises `UsageError` for what must not be written down: a secret, or a text that is too long."""
    for what, text in zip(("title", "reason"), texts, strict=False):
        if run.mask(text) != text:
            raise UsageError(f"the {what} holds a secret of {run.environment.name}, and {FILE} goes into git")
        if len(text) > LONGEST[what]:
            raise UsageError(f"the {what} has more than {LONGEST[what]} characters")


def acceptable(run: Run, findings: Sequence[DriftFinding], *, unknown: bool) -> list[DriftFinding]:
    """The findings that `baseline` waives, each once; says which ones it doesn't.

    Args:
        run: The run.
        findings: Those without a waiver.
        unknown: Whether those that can't be told are accepted.
    """
    found: dict[tuple[str, str, str], DriftFinding] = {}
    for finding in findings:
        why = None
        if finding.cause == "unknown" and not unknown:
            why = "it can't be told how it stands; --unknown accepts that, too"
        elif run.mask(finding.title) != finding.title or "***" in finding.title:
            why = f"its title holds a secret, and {FILE} goes into git"
        elif len(finding.title) > LONGEST["title"]:
            why = "its title is too long"
        if why is None:
            found.setdefault(finding.identity, finding)
        else:
            run.emit(Notice(f"{finding.host}: {finding.type} {finding.title} isn't waived: {why}", warning=True))
    return list(found.values())


def chosen(run: Run, names: tuple[str | None, str | None, str | None], *, ended: bool) -> list[Waiver]:
    """The waivers that the command line names.

    Raises:
        UsageError: None is named, or there's no such waiver.
    """
    waivers = load_waivers(run.project, run.environment.name)
    if ended:
        if any(names):
            raise UsageError("either --ended, or HOST TYPE TITLE")
        now = today(run)
        return [waiver for waiver in waivers if waiver.until < now]
    if not all(names):
        raise UsageError("which waiver?", hint="HOST TYPE TITLE as `cdconf waiver list` shows them, or --ended")
    found = [waiver for waiver in waivers if waiver.names == names]
    if not found:
        words = {" ".join(waiver.names) for waiver in waivers}
        wanted = " ".join(str(name) for name in names)
        raise UsageError(
            f"there is no waiver of {wanted}", hint=did_you_mean(wanted, words) or "see `cdconf waiver list`"
        )
    return found


def keep(run: Run, waivers: Sequence[Waiver]) -> None:
    """Writes waivers down; those of the same host, type and title are replaced.

    Raises:
        InvalidFile: The file can't be changed safely; nothing was changed.
        CdconfError: It can't be written.
    """
    names = {waiver.names for waiver in waivers}
    with _held(run):
        before = load_waivers(run.project, run.environment.name)
        old = [waiver for waiver in before if waiver.names in names]
        if len(before) - len(old) + len(waivers) > MOST:
            raise UsageError(
                f"that would be more than {MOST} waivers", hint="repair the differences, or change the roles"
            )
        if waivers:
            text = without_waivers(_text(run), old, _shown(run)) if old else _text(run)
            _write(run, with_waivers(text, waivers, _shown(run)))
    _say(run, waivers, "waived", f"was changed{_commit(run)}")


def drop(run: Run, waivers: Sequence[Waiver]) -> None:
    """Removes waivers; for errors see `keep`."""
    if waivers:
        with _held(run):
            _write(run, without_waivers(_text(run), waivers, _shown(run)))
    _say(run, waivers, "removed", f"was changed{_commit(run)}")


def _say(run: Run, waivers: Sequence[Waiver], word: str, end: str) -> None:
    run.extra["waivers"] = [
        {"host": waiver.host, "type": waiver.type, "title": waiver.title, "until": waiver.until.isoformat()}
        for waiver in waivers
    ]
    for waiver in waivers[:_SHOWN]:
        run.emit(Notice(f"{word}: {' '.join(waiver.names)}, until {waiver.until}"))
    if len(waivers) > _SHOWN:
        run.emit(Notice(f"{word}: {len(waivers) - _SHOWN} more"))
    run.emit(Notice(f"{_shown(run)} {end}" if waivers else f"nothing was {word}"))


def _commit(run: Run) -> str:
    return ": commit it" if run.environment.throwaway is None else ""


def _held(run: Run) -> AbstractContextManager[None]:
    """Two that change the file at once wait for each other: each reads what the other has written."""
    from cdconf.errors import ArtifactError
    from cdconf.file_lock import held

    return held(run.project.data / f"waivers-{run.environment.name}.lock", ArtifactError)


def _shown(run: Run) -> str:
    return f"{run.project.shown_folder(run.environment.name)}/{FILE}"


def _text(run: Run) -> str:
    path = waivers_path(run.project, run.environment.name)
    return read_exactly(path, _shown(run), run.project.root) if is_there(path) else ""


def _write(run: Run, text: str) -> None:
    from cdconf.agent import files
    from cdconf.agent.errors import Failed

    path = waivers_path(run.project, run.environment.name)
    try:
        files.write_atomic(str(path.resolve()), text.encode("utf-8"))
    except Failed as error:
        raise CdconfError(error.message) from error
