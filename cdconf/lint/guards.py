"""What's suspicious about the guard of a `command`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.roles import Declared

_TRUE = re.compile(r"(/bin/|/usr/bin/)?true|:|exit 0|exit")
_FALSE = re.compile(r"(/bin/|/usr/bin/)?false|exit [1-9][0-9]*")
_WRITES = re.compile(
    r"(^|[;&|(]\s*|\bsudo\s+)(rm|mv|cp|touch|mkdir|install|chmod|chown|tee|ln|useradd|usermod|userdel|dd|kill|reboot"
    r"|apt-get (install|remove|update)|systemctl (start|stop|restart|reload|enable|disable|mask))\b"
)
_REDIRECT = re.compile(r"(?<![0-9<&=-])[0-9]?>{1,2}\s*(?!&|/dev/null|\s|=)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_PASSING = ("/tmp/", "/var/tmp/", "/run/", "/var/run/", "/dev/shm/")  # noqa: S108  nothing is written there


def problem(declared: Declared) -> tuple[str, str] | None:
    """What's wrong with a command's guard, and what to do; None when nothing is.

    Args:
        declared: A resource of type `command`.
    """
    unless, creates = declared.fields.get("unless"), declared.fields.get("creates")
    if isinstance(unless, str):
        return _unless(unless.strip(), str(declared.title).strip())
    if isinstance(creates, str) and creates.startswith(_PASSING):
        return f"'{creates}' doesn't outlive a reboot, so the command will run again", "let it create a lasting file"
    return None


def _unless(unless: str, command: str) -> tuple[str, str] | None:
    if _TRUE.fullmatch(unless):
        return f"'{unless}' is always true, so the command never runs", "remove the command, or mend its guard"
    if _FALSE.fullmatch(unless):
        return f"'{unless}' is never true, so the command runs every time", "guard it with what shows that it's done"
    if unless == command:
        return "the guard is the command itself, and guards run in check mode too", "guard it with something that reads"
    plain = _QUOTED.sub("''", unless)
    if _WRITES.search(plain) or _REDIRECT.search(plain):
        return "this guard seems to change the host, and guards run in check mode too", "guards must only read"
    return None
