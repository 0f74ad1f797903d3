"""The project's Ed25519 keys, outside of its repository. Which of them are trusted is in `trust`.

~/.config/cdconf/keys/PROJECT      the private key (PKCS #8 in PEM, 0600), or the file that $CDCONF_SIGNING_KEY names

A key's id is its fingerprint as `ssh-keygen -l` shows it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts.believed import LARGEST
from cdconf.atomic import make_private
from cdconf.errors import ArtifactError
from cdconf.own_files import content_of
from cdconf.user import user_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from cdconf.inventory import Project

_OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True)
class PublicKey:
    """A public key: its fingerprint, its line for people, and the key itself."""

    id: str
    text: str
    key: Ed25519PublicKey

    @property
    def name(self) -> str:
        """Whose it is: what stands behind the key."""
        return " ".join(self.text.split()[2:])


def private_file(project: Project) -> Path:
    """Where the private key is."""
    named = os.environ.get("CDCONF_SIGNING_KEY")
    return Path(named) if named else Path("~/.config/cdconf/keys").expanduser() / project.name


def new(project: Project) -> PublicKey:
    """Makes the project's key pair; raises what `make` raises."""
    return make(private_file(project))


def make(path: Path) -> PublicKey:
    """Makes a key pair.

    Raises:
        ArtifactError: There is one.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text = fresh.private_bytes(encoding, form, serialization.NoEncryption())
    if not make_private(path, text):
        hint = "`cdconf key show` prints its public part; move the file away if it must be replaced"
        raise ArtifactError(f"there is a key already: {path}", hint=hint)
    return public_of(fresh)


def own(project: Project) -> Ed25519PrivateKey | None:
    """This operator's private key; None when there's none.

    Raises:
        ArtifactError: The file isn't an Ed25519 key, or others can read it; it isn't where $CDCONF_SIGNING_KEY says.
    """
    path = private_file(project)
    found = read(path)
    if found is None and os.environ.get("CDCONF_SIGNING_KEY"):
        raise ArtifactError(f"$CDCONF_SIGNING_KEY names {path}, which isn't there")
    return found


def read(path: Path) -> Ed25519PrivateKey | None:
    """The private key in a file; None when there's no file.

    Raises:
        ArtifactError: The file isn't an Ed25519 key, or others can read it.
    """
    try:
        text, mode = content_of(path, LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(f"can't read the signing key {path}: {error.strerror}") from error
    if mode & _OPEN_TO_OTHERS:
        raise ArtifactError(f"others can read or write the signing key {path}", hint=f"chmod 600 {path}")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ArtifactError(f"{path} isn't a private key (PEM, without a passphrase)") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ArtifactError(f"{path} isn't an Ed25519 key", hint="make one with `cdconf key new`")
    return key


def public_of(key: Ed25519PrivateKey) -> PublicKey:
    """A private key's public part, named after this user and machine."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    text = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    return parse(f"{text} {user_name()}@{socket.gethostname()}", "the key")


def parse(text: str, where: str) -> PublicKey:
    """A line such as `ssh-ed25519 AAAA… name` (RFC 4253, section 6.6; RFC 8709).

    Raises:
        ArtifactError: It's something else.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    words = text.split()
    try:
        blob = base64.b64decode("".join(words[1:2]), validate=True)  # the library leaves out what isn't Base64
        key = load_ssh_public_key(" ".join(words[:2]).encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ArtifactError(f"{where} isn't a public key of Ed25519: 'ssh-ed25519 AAAA… name'")
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return PublicKey(f"SHA256:{digest}", " ".join(words), key)
