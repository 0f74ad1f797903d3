"""Servers before OpenSSH 7.2 sign with `ssh-rsa`, which means SHA-1: Paramiko knows that no more.

Only connections whose inventory, or ssh's own configuration, allows it are made of these: nothing changes for others.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from paramiko import RSAKey, Transport

from cdconf.session.ssh_tunnels import Tunnels

_NAME = "ssh-rsa"


class _Sha1Key(RSAKey):
    """An RSA key that may sign with SHA-1, and whose signatures may be of SHA-1."""

    HASHES = {**RSAKey.HASHES, _NAME: hashes.SHA1}  # type: ignore[misc]  # noqa: RUF012


class _OldServer(Transport):
    """A connection on which `ssh-rsa` counts, as the last of all: for the server's key, and for the user's."""

    _preferred_keys = (*Transport._preferred_keys, _NAME)  # type: ignore[attr-defined]
    _key_info = {**Transport._key_info, _NAME: _Sha1Key}  # type: ignore[attr-defined]  # noqa: RUF012

    @property
    def preferred_pubkeys(self) -> Any:
        """A server that tells nothing of its algorithms is older than the better ones: RFC 8332, 3.3."""
        known = super().preferred_pubkeys
        extensions = self.server_extensions  # type: ignore[attr-defined]
        return (*known, _NAME) if "server-sig-algs" in extensions else (_NAME, *known)

    def auth_publickey(self, username: str, key: Any, event: Any = None) -> Any:
        """Logs in with a key; see Paramiko."""
        if type(key) is RSAKey:
            fresh = _Sha1Key(key=key.key)
            fresh.public_blob = key.public_blob
            key = fresh
        return super().auth_publickey(username, key, event)


class _OldJumpHost(_OldServer, Tunnels):
    """The same of a jump host."""


def old(kind: type[Transport]) -> type[Transport]:
    """The class of connections that stands for `kind`, with servers that sign with SHA-1 only."""
    return _OldJumpHost if issubclass(kind, Tunnels) else _OldServer
