"""What is remembered of an environment's machines: Vagrant's own ids of them, and what cdconf has learnt beside.

Vagrant keeps a directory for each machine, `.vagrant/machines/MACHINE/PROVIDER/`, with its `id`; a machine that's made
anew gets another one. cdconf keeps `vagrant.json` beside the environment's keys: how each machine was last reached,
and the ssh host key that it showed when it was new.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdconf.atomic import write_private
from cdconf.own_files import read_bytes, read_json

_FILE = "vagrant.json"


@dataclass(frozen=True)
class MadeMachine:
    """A machine that Vagrant has made. `provider` is Vagrant's own: virtualbox, libvirt, docker; `since` in seconds."""

    id: str
    provider: str
    since: float


@dataclass(frozen=True)
class KnownMachine:
    """A machine that cdconf has met: its id, its ssh host key (`ssh-ed25519 AAAA…`), and how it was last reached."""

    id: str
    key: str
    address: str
    port: int
    user: str
    identity_file: str | None


def machine_name(environment: str, host: str) -> str:
    """What Vagrant calls a host: its environments share one directory of machines."""
    return f"{environment}.{host}"


def machines_folder(root: Path) -> Path:
    """Where Vagrant keeps its machines' directories."""
    return root / (os.environ.get("VAGRANT_DOTFILE_PATH") or ".vagrant") / "machines"


def folders(root: Path, environment: str) -> dict[str, Path]:
    """Host -> its machine's directory, also for hosts that have left the inventory."""
    prefix = machine_name(environment, "")
    found = {path.name.removeprefix(prefix): path for path in machines_folder(root).glob("*") if path.is_dir()}
    return {host: path for host, path in found.items() if "." not in host and path.name == f"{prefix}{host}"}


def made(root: Path, environment: str) -> dict[str, MadeMachine]:
    """Host -> its machine, as far as Vagrant has made any."""
    found = {}
    for host, folder in folders(root, environment).items():
        for path in sorted(folder.glob("*/id")):
            with contextlib.suppress(OSError):
                if text := read_bytes(path).decode("utf-8", "replace").strip():
                    found[host] = MadeMachine(text, path.parent.name, path.stat().st_mtime)
    return found


def recall(folder: Path) -> dict[str, KnownMachine]:
    """Host -> what was learnt of its machine; nothing where the file is missing or isn't of this form."""
    try:
        entries = read_json(folder / _FILE)
        return {host: _known(entry) for host, entry in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _known(entry: Mapping[str, Any]) -> KnownMachine:
    known = KnownMachine(**entry)
    texts = (known.id, known.key, known.address, known.user, known.identity_file or "")
    if not all(isinstance(text, str) and text.isprintable() for text in texts) or type(known.port) is not int:
        raise ValueError("it isn't a machine that cdconf has met")
    return known


def remember(folder: Path, known: Mapping[str, KnownMachine]) -> None:
    """Replaces what is remembered, and the file of known host keys that ssh reads."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries = {host: dataclasses.asdict(machine) for host, machine in sorted(known.items())}
    write_private(folder / _FILE, json.dumps(entries, indent=1) + "\n")
    write_private(folder / "known_hosts", "".join(sorted(known_line(machine) for machine in known.values())))


def known_line(machine: KnownMachine) -> str:
    """The line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    place = machine.address if machine.port == 22 else f"[{machine.address}]:{machine.port}"
    return f"{place} {machine.key}\n"
