"""The environment and the user of every command that the agent starts."""

import os
import pwd

from cdconf.agent.errors import Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(extra: "Mapping[str, str | bytes] | None" = None) -> "dict[str, str | bytes]":
    """The environment of every command: a fixed path and a UTF-8 locale, nothing from whoever logged in."""
    env: "dict[str, str | bytes]" = {
        "PATH": PATH,
        "HOME": os.environ.get("HOME", "/root"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }
    env.update(extra or {})
    return env


def as_user(name: "str") -> "tuple[Callable[[], None] | None, str]":
    """A function that gives a child process that user's identity, and that user's home directory."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Missing("user", name)

    def become() -> "None":
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return (None if os.geteuid() == entry.pw_uid else become), entry.pw_dir
