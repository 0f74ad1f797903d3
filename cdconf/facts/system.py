"""The names that inventories give to operating systems: `debian-12`, `ubuntu-24.04`, `rocky-9`, `alpine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def system_name(about: Mapping[str, Any]) -> str:
    """A host's system as an inventory would name it: `debian-12`, `arch`.

    Args:
        about: The fact `os`.
    """
    name, version = str(about.get("id") or "unknown"), str(about.get("version") or "")
    return f"{name}-{version}" if version else name


def is_system(name: str, about: Mapping[str, Any]) -> bool:
    """Whether a host's system is the one that an inventory names.

    The version may be given in full, by its first parts (`rocky-9` is 9.4 as well), by its code name, or not at all.

    Args:
        name: The inventory's.
        about: The fact `os`.
    """
    name, found = name.lower(), str(about.get("id") or "").lower()
    if not found:
        return False
    if name == found:
        return True
    if not name.startswith(f"{found}-"):
        return False
    wanted = name[len(found) + 1 :]
    version, codename = (str(about.get(key) or "").lower() for key in ("version", "codename"))
    return wanted == codename or f"{version}.".startswith(f"{wanted}.")
