"""Writes the watch's systemd unit: root's for the system, everybody else's for themselves."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.atomic import write_public
from cdconf.errors import CdconfError, UsageError
from cdconf.pipeline.watch.unit import MARK, PASSED_ON, escaped, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.inventory import Project

SYSTEM = Path("/etc/systemd/system")


@dataclass(frozen=True)
class InstalledWatch:
    """What was written.

    Attributes:
        secrets: The file that may hold further variables.
        commands: What starts it, and what shows how it does.
    """

    path: Path
    text: str
    secrets: Path
    commands: tuple[str, ...]


def install(project: Project, options: Sequence[str]) -> InstalledWatch:
    """Writes the unit, in place of an older one of the same checkout.

    Args:
        project: The project.
        options: Those of `pipeline watch`.

    Raises:
        UsageError: Another checkout's watch has the name.
        CdconfError: It can't be written.
    """
    is_system = os.geteuid() == 0
    name = f"cdconf-watch-{project.name}.service"
    secrets = Path("~").expanduser() / ".config/cdconf" / f"watch-{project.name}.env"
    command = [sys.executable, "-P", "-m", "cdconf", "pipeline", "watch", "--project", str(project.root), *options]
    variables = {one: os.environ[one] for one in PASSED_ON if os.environ.get(one)}
    try:
        text = unit(project.name, project.root, command, variables, secrets, is_system=is_system)
    except ValueError as error:
        raise UsageError(str(error)) from error
    path = unit_folder(is_system=is_system) / name
    if not is_own(path, MARK, project.root):
        refused = f"{path} is there already, and isn't that of this checkout's watch"
        raise UsageError(refused, hint="remove it, or run the watch from the checkout that it names")
    write_unit(path, text)
    manager = "systemctl" if is_system else "systemctl --user"
    stays = () if is_system else (f"loginctl enable-linger {shlex.quote(getpass.getuser())}",)
    shown = ("journalctl" if is_system else "journalctl --user") + f" -f -u {name}"
    starts = (f"{manager} daemon-reload", f"{manager} enable --now {name}")
    return InstalledWatch(path, text, secrets, (*stays, *starts, shown))


def unit_folder(*, is_system: bool) -> Path:
    """Where units are written: the system's, or this user's own."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~").expanduser() / ".config")
    return SYSTEM if is_system else configuration / "systemd/user"


def is_own(path: Path, mark: str, root: Path) -> bool:
    """Whether a unit may be replaced: it isn't there, or was written by cdconf for this checkout.

    Args:
        path: The unit.
        mark: What its first line begins with.
        root: The checkout.

    Raises:
        CdconfError: It can't be read.
    """
    try:
        there = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True
    except OSError as error:
        raise CdconfError(f"{path} can't be read: {error.strerror}") from error
    return there.startswith(mark) and f"WorkingDirectory={escaped(str(root))}\n" in there


def write_unit(path: Path, text: str) -> None:
    """Puts a unit in place whole.

    Raises:
        CdconfError: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_public(path, text)
    except OSError as error:
        raise CdconfError(f"{path} can't be written: {error.strerror}") from error
