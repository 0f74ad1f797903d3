"""What the name of an operating system tells of it, before any host is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cdconf.errors import did_you_mean

_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "debian": ("debian", "ubuntu", "raspbian", "devuan", "kali", "linuxmint", "pop"),
        "rhel": ("rhel", "rocky", "almalinux", "centos", "fedora", "ol", "amzn"),
        "suse": ("opensuse-leap", "opensuse-tumbleweed", "sles"),
        "arch": ("arch", "manjaro"),
        "alpine": ("alpine",),
        "gentoo": ("gentoo",),
        "void": ("void",),
    }
)
_CODENAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "debian": {"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky"},
        "ubuntu": {"18.04": "bionic", "20.04": "focal", "22.04": "jammy", "24.04": "noble", "26.04": "resolute"},
    }
)


def os_facts(name: str) -> dict[str, Any] | None:
    """The fact `os` of a host whose inventory gives this name; None where the name doesn't tell all of it.

    What people are shown as the system's name is made up: nothing should be decided by it.
    """
    about, version = _parts(name)
    if about not in _CODENAMES or version not in _CODENAMES[about]:
        return None
    codename = _CODENAMES[about][version]
    like = ["debian"] if about != "debian" else []
    shown = f"{about.title()} {version} ({codename})"
    return {"id": about, "version": version, "codename": codename, "name": shown, "family": "debian", "like": like}


def unknown_os(name: str) -> tuple[str, str | None] | None:
    """Why nobody knows an operating system of this name, and what may be meant; None when it's known."""
    about, version = _parts(name)
    known = sorted(one for several in _FAMILIES.values() for one in several)
    if about not in known:
        return f"there's no operating system '{name}' that cdconf knows", _meant(name, known)
    names = _CODENAMES.get(about, {})
    if version and not version[0].isdigit() and names and version not in names.values():
        return f"{about} has no version '{version}'", did_you_mean(version, names.values())
    return None


def _meant(name: str, known: Sequence[str]) -> str:
    """What somebody may mean by an unknown name: `debian12` is `debian-12`."""
    about = max((one for one in known if name.lower().startswith(one)), key=len, default="")
    version = name.lower()[len(about) :].strip("-_ .")
    if about and version[:1].isdigit():
        return f"did you mean '{about}-{version}'?"
    return did_you_mean(name.partition("-")[0], known) or f"there are: {', '.join(known)}, each with a version, if any"


def _parts(name: str) -> tuple[str, str]:
    """The distribution's id and what stands behind it: a version, a code name, or nothing."""
    lowered = name.lower()
    ids = sorted((one for several in _FAMILIES.values() for one in several), key=len, reverse=True)
    for one in ids:
        if lowered == one or lowered.startswith(f"{one}-"):
            return one, lowered[len(one) + 1 :]
    about, _, version = lowered.partition("-")
    return about, version
