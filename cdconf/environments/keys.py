"""SSH keys of an environment that a provider makes."""

from __future__ import annotations

import os
from pathlib import Path

from cdconf.atomic import write_private
from cdconf.own_files import damaged, read_text


def new_key(comment: str) -> tuple[str, str]:
    """A fresh Ed25519 key pair: the private one in OpenSSH's format, and the public line."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
    public = key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} {comment}"


def client_key(folder: Path, comment: str) -> tuple[Path, str]:
    """The environment's client key, made once: the private key's file (0600) and the public line.

    Raises:
        DamagedFile: A part of it can't be read; another key would lock out whoever made the hosts.
    """
    private, public = folder / "id_ed25519", folder / "id_ed25519.pub"
    if not os.path.lexists(private) and not os.path.lexists(public):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret, line = new_key(comment)
        write_private(private, secret)
        write_private(public, line + "\n")
    hint = "put it back: the hosts know no other key. Where there are none, remove both parts of it"
    try:
        shown = _public_of(read_text(private), comment)
    except (OSError, ValueError) as error:
        raise damaged(private, error, "the key by which the environment's hosts are reached", hint) from error
    if not os.path.lexists(public):
        write_private(public, shown + "\n")
    try:
        line = read_text(public).strip()
        if line.split()[:2] != shown.split()[:2]:
            raise ValueError("it isn't the public part of the key beside it")
    except (OSError, ValueError) as error:
        hint = f"remove it: it's made again of {private}"
        raise damaged(public, error, "the key by which the environment's hosts are reached", hint) from error
    return private, line


def _public_of(private: str, comment: str) -> str:
    """The public line of a private key; raises `ValueError` where it's none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as forms

    try:
        key = forms.load_ssh_private_key(private.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it isn't a private key") from error
    line = key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    return f"{line.decode()} {comment}"
