"""The dashboard's systemd unit: root's for the system, everybody else's for themselves."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cdconf
from cdconf.errors import UsageError
from cdconf.pipeline.watch.install import InstalledWatch, is_own, unit_folder, write_unit
from cdconf.pipeline.watch.unit import FOR_ALL, FOR_THE_SYSTEM, PASSED_ON, escaped, quoted
from cdconf.web.binding import UNIX

if TYPE_CHECKING:
    from cdconf.inventory import Project

MARK = "# Written by `cdconf serve --install`"
# It reads: the whole file system is there only to be read, but for its own temporary files.
READS = """\
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
UMask=0077
"""
_OWN = ("/tmp", "/var/tmp")  # noqa: S108  what `PrivateTmp` hides


def install(project: Project, options: Sequence[str]) -> InstalledWatch:
    """Writes the unit, in place of an older one of the same checkout.

    Args:
        project: The project.
        options: Those of `serve`.

    Raises:
        UsageError: Another checkout's dashboard has the name.
        CdconfError: It can't be written.
    """
    is_system = os.geteuid() == 0
    name = f"cdconf-serve-{project.name}.service"
    command = [sys.executable, "-P", "-m", "cdconf", "serve", "--project", str(project.root), *options]
    sockets = [Path(option.removeprefix(UNIX)).parent for option in options if option.startswith(UNIX)]
    try:
        text = unit(project, command, sockets, is_system=is_system)
    except ValueError as error:
        raise UsageError(str(error)) from error
    path = unit_folder(is_system=is_system) / name
    if not is_own(path, MARK, project.root):
        refused = f"{path} is there already, and isn't that of this checkout's dashboard"
        raise UsageError(refused, hint="remove it, or run the dashboard from the checkout that it names")
    write_unit(path, text)
    manager = "systemctl" if is_system else "systemctl --user"
    journal = "journalctl" if is_system else "journalctl --user"
    starts = (f"{manager} daemon-reload", f"{manager} enable --now {name}", f"{journal} -u {name} -n 5")
    return InstalledWatch(path, text, secrets_file(project), starts)


def secrets_file(project: Project) -> Path:
    """The file that may hold further variables, such as the database's password."""
    return Path("~").expanduser() / ".config/cdconf" / f"serve-{project.name}.env"


def removal(made: InstalledWatch) -> str:
    """The command that ends the service and removes what was written."""
    manager = made.commands[0].removesuffix(" daemon-reload")
    return f"{manager} disable --now {made.path.name}; rm {shlex.quote(str(made.path))}; {manager} daemon-reload"


def unit(project: Project, command: Sequence[str], sockets: Sequence[Path] = (), *, is_system: bool) -> str:
    """The unit's text.

    Args:
        project: The project.
        command: What it starts, as an argument list.
        sockets: The directories of unix sockets, the only ones outside of its own that the service writes to.
        is_system: Whether it's the system's; else it's a user's.

    Raises:
        ValueError: A path can't be told to systemd.
    """
    variables = {one: os.environ[one] for one in PASSED_ON if os.environ.get(one)}
    told = "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in variables.items())
    system = FOR_THE_SYSTEM.replace("ProtectSystem=full\n", "")
    places = (project.root, Path(sys.prefix), Path(cdconf.__file__).parents[1])
    hidden = [path for path in dict.fromkeys(places) if any(path.is_relative_to(top) for top in _OWN)]
    writes = "".join(f"BindReadOnlyPaths={quoted(str(path))}\n" for path in hidden)
    writes += "".join(f"ReadWritePaths={quoted(str(socket))}\n" for socket in sockets)
    return f"""\
{MARK}; written anew by it.
[Unit]
Description=cdconf dashboard of {escaped(project.name)}

[Service]
Type=exec
WorkingDirectory={escaped(str(project.root))}
ExecStart={" ".join(quoted(one).replace("$", "$$") for one in command)}
{told}EnvironmentFile=-{escaped(str(secrets_file(project)))}
Restart=always
RestartSec=10s
SuccessExitStatus=130 143
{READS + writes if is_system else ""}{FOR_ALL}{system if is_system else ""}
[Install]
WantedBy={"multi-user.target" if is_system else "default.target"}
"""
