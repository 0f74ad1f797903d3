"""The systemd unit of a watch.

What a run needs stays open: the network, docker's socket, the operator's keys, and for root what gives the commit's own
code a user of its own (`cdconf.isolation`). Everything else is taken away. A user's manager can't take away files, so
its unit says less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

MARK = "# Written by `cdconf pipeline watch --install`"
# They name files, or say how something is run. What is a secret itself never goes into a unit: everybody can read it.
PASSED_ON = (
    "CDCONF_SIGNING_KEY_DIR",
    "CDCONF_SIGNERS",
    "CDCONF_TRUSTED_KEYS",
    "CDCONF_POLICY",
    "CDCONF_SECRETS",
    "CDCONF_PASS_VARIABLES",
    "CDCONF_ISOLATION",
    "PATH",
)
FOR_ALL = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
"""
FOR_THE_SYSTEM = """\
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
"""


def unit(
    project: str, root: Path, command: Sequence[str], environment: Mapping[str, str], secrets: Path, *, is_system: bool
) -> str:
    """The unit's text.

    Args:
        project: The project's name.
        root: Where the watch works.
        command: What it starts, as an argument list.
        environment: The variables that are written into it.
        secrets: A file of further variables, which needn't be there.
        is_system: Whether it's the system's; else it's a user's.
    """
    network = "Wants=network-online.target\nAfter=network-online.target\n" if is_system else ""
    variables = "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in environment.items())
    return f"""\
{MARK}; written anew by it.
[Unit]
Description=cdconf pipeline of {escaped(project)}
{network}StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={escaped(str(root))}
ExecStart={" ".join(quoted(one).replace("$", "$$") for one in command)}
{variables}EnvironmentFile=-{escaped(str(secrets))}
Restart=always
RestartSec=30s
# The first SIGTERM lets the run in hand end; after this time hosts go back by themselves.
KillMode=mixed
TimeoutStopSec=30min
SuccessExitStatus=130 143
{FOR_ALL}{FOR_THE_SYSTEM if is_system else ""}
[Install]
WantedBy={"multi-user.target" if is_system else "default.target"}
"""


def escaped(text: str) -> str:
    """A text without systemd's specifiers (systemd.unit(5), SPECIFIERS)."""
    return text.replace("%", "%%")


def quoted(text: str) -> str:
    """One word (systemd.syntax(7), QUOTING)."""
    if any(one in text for one in "\n\r\0"):
        raise ValueError(f"systemd can't be told {text!r}")
    return '"' + escaped(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
