"""`Include` in ssh's configuration, as ssh_config(5) has it: Paramiko reads one file at a time, and passes it over."""

from __future__ import annotations

import glob
import os
import re
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.own_files import opened_to_look

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1024 * 1024  # characters of a file
DEPTH = 16  # files that include each other, as OpenSSH counts them
_SETTING = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*\Z")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class IncludeRefused(Exception):
    """OpenSSH wouldn't read a file either."""


def lines(path: Path, *, is_users: bool) -> Iterator[str]:
    """The lines of a configuration with those of the files that it includes in their places.

    What's included within a `Host` or `Match` holds under that condition, whatever the file says itself; behind it the
    condition goes on.

    Args:
        path: The file; one that isn't there has no lines.
        is_users: It's ~/.ssh/config: names are relative to ~/.ssh, and nobody else may write to it.

    Raises:
        IncludeRefused: A file belongs to somebody else or others can write to it, or is too large; or files include
            each other without end.
        OSError: A file can't be read.
    """
    yield from _lines(path, [], is_users, is_users, 0)


def _lines(path: Path, outer: list[str], is_users: bool, is_checked: bool, depth: int) -> Iterator[str]:
    if depth > DEPTH:
        raise IncludeRefused(f"{path}: files include each other more than {DEPTH} times")
    try:
        descriptor = opened_to_look(path)
    except (FileNotFoundError, IsADirectoryError):
        return
    with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape") as stream:
        if is_checked:
            _check(path, os.fstat(descriptor))
        text = stream.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise IncludeRefused(f"{path}: it has more than {LARGEST} characters")
    current = outer
    for line in text.split("\n"):
        found = _SETTING.match(line)
        key, value = (found[1].lower(), found[2]) if found else ("", "")
        if key == "include":
            for file in _files(value, is_users, path):
                yield from _lines(file, current, is_users, True, depth + 1)
                yield _header(current)
        elif key in ("host", "match"):
            current = [*outer, f"{key} {value}"]
            yield _header(current)
        else:
            yield line


def _check(path: Path, status: os.stat_result) -> None:
    """As OpenSSH does; Debian's lets the user's own group write, which is nobody else's."""
    own_group = status.st_gid == os.getgid() and status.st_uid == os.getuid() != 0
    writable = status.st_mode & (stat.S_IWOTH | (0 if own_group else stat.S_IWGRP))
    if status.st_uid not in (0, os.getuid()) or writable:
        raise IncludeRefused(f"{path}: it belongs to somebody else, or others can write to it (`chmod go-w {path}`)")


def _files(value: str, is_users: bool, path: Path) -> list[Path]:
    """The files that an `Include` names, in ssh's order; patterns that fit nothing name none."""
    try:
        words = shlex.split(value, comments=True)
    except ValueError as error:
        raise IncludeRefused(f"{path}: Include {value}: {error}") from None
    found: list[Path] = []
    for word in words:
        name = _VARIABLE.sub(lambda match: os.environ.get(match[1], ""), word)
        if name.startswith("~") and not is_users:
            raise IncludeRefused(f"{path}: Include {value}: `~` is for ~/.ssh/config alone")
        base = Path("~/.ssh").expanduser() if is_users else Path("/etc/ssh")
        found += [Path(one) for one in sorted(glob.glob(str(base / Path(name).expanduser())))]  # noqa: PTH207
    return found


def _header(conditions: list[str]) -> str:
    """The line that begins a block under all of some conditions."""
    if len(conditions) < 2:
        return conditions[0] if conditions else "Host *"
    criteria = [one for condition in conditions for one in _criteria(condition)]
    return f"Match {' '.join(criteria)}" if criteria else "Host *"


def _criteria(condition: str) -> list[str]:
    """A `Host` or `Match` line as criteria of a `Match`; `all` needs none."""
    key, _, value = condition.partition(" ")
    words = shlex.split(value)
    if key == "host":
        return ["originalhost", shlex.quote(",".join(words))]
    return [] if words in (["all"], ["final", "all"]) else [shlex.quote(word) for word in words]
