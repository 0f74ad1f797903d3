"""The private key that can start nothing but a look: the operator's own file, one for each environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.atomic import write_private
from cdconf.errors import CdconfError
from cdconf.own_files import DamagedFile, damaged, own_bytes

if TYPE_CHECKING:
    from cdconf.inventory import Project

_LARGEST = 16 * 1024


def path_of(project: Project, environment: str) -> Path:
    """Where the key lies; its public half is beside it, with `.pub`."""
    return Path("~").expanduser() / ".config/cdconf/look-only" / f"{project.name}.{environment}"


def made(project: Project, environment: str) -> tuple[Path, str]:
    """The private key's file, made where there's none, and the public key's line.

    Raises:
        DamagedFile: What's there is no key, or somebody else could have written it.
        CdconfError: It can't be written.
    """
    path = path_of(project, environment)
    try:
        return path, _public(own_bytes(path, _LARGEST), f"{project.name}.{environment}")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise damaged(path, error, "the look-only key", "move it away; another one is made") from error
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    line = _public(data, f"{project.name}.{environment}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, data.decode())
        write_private(path.with_name(f"{path.name}.pub"), f"{line}\n")
    except OSError as error:
        raise CdconfError(f"{path} can't be written: {error.strerror}") from error
    return path, line


def _public(data: bytes, name: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    key = load_ssh_private_key(data, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it's another kind of key than cdconf makes")  # noqa: TRY004  as for any other content
    return f"{key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} cdconf-look-only-{name}"


def remove(path: Path) -> None:
    """Removes both halves."""
    for one in (path, path.with_name(f"{path.name}.pub")):
        try:
            one.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CdconfError(f"{one} can't be removed: {error.strerror}") from error


__all__ = ["DamagedFile", "made", "path_of", "remove"]
