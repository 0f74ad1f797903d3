"""The private keys of offices: keys/PROJECT.OFFICE under ~/.config/cdconf, or in $CDCONF_SIGNING_KEY_DIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts import keys
from cdconf.artifacts.keys import PublicKey
from cdconf.errors import ArtifactError
from cdconf.promotion.offices import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cdconf.inventory import Project

DIRECTORY = "CDCONF_SIGNING_KEY_DIR"


@dataclass(frozen=True)
class OfficeKey:
    """A private key of an office, and its id."""

    office: str
    id: str
    key: Ed25519PrivateKey


def private_file(project: Project, office: str) -> Path:
    """Where an office's private key is."""
    named = os.environ.get(DIRECTORY)
    folder = Path(named) if named else Path("~/.config/cdconf/keys").expanduser()
    return folder / f"{project.name}.{office}"


def new(project: Project, office: str) -> PublicKey:
    """Makes an office's key pair.

    Raises:
        ArtifactError: There is one.
    """
    return keys.make(private_file(project, office))


def own(project: Project, office: str) -> OfficeKey | None:
    """The private key of an office on this machine; None when there's none.

    Raises:
        ArtifactError: The file isn't an Ed25519 key, or others can read it.
    """
    found = keys.read(private_file(project, office))
    return None if found is None else OfficeKey(office, keys.public_of(found).id, found)


def needed(project: Project, office: str) -> OfficeKey:
    """The same, where nothing can be done without it.

    Raises:
        ArtifactError: There is none.
    """
    found = own(project, office)
    if found is None:
        raise ArtifactError(
            f"there is no key of the office {shown(office)} here: {private_file(project, office)}",
            hint=f"run this where it is, or make one: `cdconf key new --office {shown(office)}`",
        )
    return found
