"""What a container shows of this machine: programs and what they need; only the account's home can be written to."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from cdconf.isolation import sight
from cdconf.isolation.variables import scrubbed

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
# Of /etc: what tools need, and nothing in which a password may stand.
_SETTINGS = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts",
    "group", "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic",
    "mime.types", "networks", "nsswitch.conf", "os-release", "passwd", "perl", "pki", "protocols",
    "python3", "python3.10", "python3.11", "python3.12", "python3.13", "redhat-release", "rpc", "services", "shells",
    "ssl", "terminfo", "timezone",
)  # fmt: skip
# Where keys, sockets and other people's files are: none of it comes along because PATH names it.
_NEVER = ("/", "/boot", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys")
_LOOKED_AT = 100  # files of a directory that a variable names
_NEVER_BELOW = ("/dev", "/etc", "/proc", "/run", "/sys", "/var/run")


def mounts(folder: Path, home: Path, hidden: Sequence[Path], mountinfo: str = "/proc/self/mountinfo") -> list[str]:
    """Arguments of `docker run`.

    Args:
        folder: The account's directory.
        home: Its home in there.
        hidden: Directories that are emptied where they lie below something that's shown.
        mountinfo: Where the kernel tells what is mounted.
    """
    private = [*hidden, *filter(Path.is_absolute, [Path(os.path.expanduser("~"))])]  # noqa: PTH111  knows no home, too
    programs = [Path(one) for one in (*_PROGRAMS, *(f"/etc/{name}" for name in _SETTINGS)) if Path(one).exists()]
    wanted = [*sight.python_paths(), *sight.tools(os.environ.get("PATH", ""))]
    shown = _topmost([*programs, *(one for one in wanted if _may_be_shown(one, private))])
    # What's mounted below a directory would be shown with it, and not read-only on all engines.
    shown += [one for one in _mounted(mountinfo) if any(one != each and one.is_relative_to(each) for each in shown)]
    arguments = [_bind(path, "readonly") for path in (*shown, folder)]
    arguments.append(_bind(home))
    found = [one for pair in arguments for one in ("--mount", pair)]
    for path in dict.fromkeys(private):
        if path.is_dir() and any(path.is_relative_to(one) for one in shown):
            found += ["--tmpfs", str(path)]
            inner = [one for one in wanted if one.is_relative_to(path) and _may_be_shown(one, private)]
            found += [one for each in inner for one in ("--mount", _bind(each, "readonly"))]
    return found


def private_places() -> list[Path]:
    """Files and sockets that this user's variables name, no code gets to know of, and nobody else can read."""
    passed = scrubbed(os.environ)
    named = [part for name, value in os.environ.items() if name not in passed for part in value.split(os.pathsep)]
    paths = [Path(one.removeprefix("//")) for one in named if one.startswith("/") and "\0" not in one]  # unix:///…
    found: list[Path] = []
    for path in paths:
        with contextlib.suppress(OSError):
            inside = itertools.islice(path.iterdir(), _LOOKED_AT) if path.is_dir() else ()
            found += [one for one in (path, *inside) if _is_private(one)]
    return found


def _may_be_shown(path: Path, private: Iterable[Path]) -> bool:
    real = path.resolve()
    if str(real) in _NEVER or any(real.is_relative_to(one) for one in _NEVER_BELOW):
        return False
    return not any(one.resolve().is_relative_to(real) for one in private)


def _is_private(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISSOCK(mode) or (stat.S_ISREG(mode) and not mode & (stat.S_IRWXG | stat.S_IRWXO | stat.S_IXUSR))


def _topmost(paths: Iterable[Path]) -> list[Path]:
    """Those that don't lie below another one."""
    found: list[Path] = []
    for path in sorted(dict.fromkeys(paths), key=lambda one: len(one.parts)):
        if not any(path.is_relative_to(one) for one in found):
            found.append(path)
    return found


def _mounted(mountinfo: str) -> list[Path]:
    lines = Path(mountinfo).read_text("utf-8", "surrogateescape").splitlines()
    return [Path(line.split()[4].replace("\\040", " ")) for line in lines]


def _bind(path: Path, *options: str) -> str:
    """A value of `--mount`: CSV, in which a path may have a comma or a quotation mark."""
    quoted = str(path).replace('"', '""')
    return ",".join(["type=bind", f'"source={quoted}"', f'"target={quoted}"', *options])
