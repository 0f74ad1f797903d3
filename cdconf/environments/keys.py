"""SSH keys of an environment that a provider makes."""

from __future__ import annotations

from pathlib import Path

from cdconf.secrets.store import write_private


def new_key(comment: str) -> tuple[str, str]:
    """A fresh Ed25519 key pair: the private one in OpenSSH's format, and the public line."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
    public = key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} {comment}"


def client_key(folder: Path, comment: str) -> tuple[Path, str]:
    """The environment's client key, made once: the private key's file (0600) and the public line."""
    private, public = folder / "id_ed25519", folder / "id_ed25519.pub"
    if not public.is_file():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret, line = new_key(comment)
        write_private(private, secret)
        write_private(public, line + "\n")
    return private, public.read_text(encoding="utf-8").strip()
