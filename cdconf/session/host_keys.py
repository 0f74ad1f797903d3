"""Whether a server is who it was: its host key against the known_hosts files, decided as OpenSSH does."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdconf.session.known_hosts import AUTHORITY, REVOKED, HostKey, KnownHosts

_RSA = ("rsa-sha2-512", "rsa-sha2-256")  # the algorithms that sign with a key of type ssh-rsa


class KeyRefused(Exception):
    """The server's host key isn't one to trust.

    Args:
        message: What's wrong with it: continues "its ssh host key …".
        hint: What to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class KnownKeys:
    """What the known_hosts files say of one server.

    Attributes:
        name: As known_hosts has it.
        files: Where they were looked for.
        own: The lines of that name.
        portless: The lines of the name without its port, which OpenSSH lets count where that one has none.
        pinned: They are the inventory's: nothing is written to them.
    """

    name: str
    files: tuple[Path, ...]
    own: tuple[HostKey, ...]
    portless: tuple[HostKey, ...]
    pinned: bool = False

    def first(self, algorithms: Iterable[str]) -> list[str]:
        """Algorithms of host keys, those of keys that are known first, so that the server shows one of these."""
        plain = [key for key in self.own if not key.marker] or [key for key in self.portless if not key.marker]
        kinds = {key.kind for key in plain}
        return sorted(algorithms, key=lambda one: ("ssh-rsa" if one in _RSA else one) not in kinds)

    def check(self, kind: str, key: bytes, fingerprint: str) -> None:
        """Raises what's wrong with the key that the server has shown.

        Args:
            kind: The key's type.
            key: As it went over the wire.
            fingerprint: What people compare.

        Raises:
            KeyRefused: It's revoked, or another key is known.
            UnknownKey: No line has the server's key, nor another one in its place.
        """
        both = (*self.own, *self.portless)
        revoked = next((host_key for host_key in both if host_key.marker == REVOKED and host_key.key == key), None)
        if revoked is not None:
            raise KeyRefused(
                f"is revoked by {revoked.file}:{revoked.line} ({kind} {fingerprint})",
                "whoever has this key may pose as the host: give the host a new one (`ssh-keygen -A` after removing "
                "/etc/ssh/ssh_host_*) and add that to known_hosts",
            )
        mine = [host_key for host_key in self.own if not host_key.marker]
        if any(host_key.key == key for host_key in mine or self.portless if not host_key.marker):
            return
        if mine:
            raise KeyRefused("is not the one that is known", self._how_to_replace(mine))
        raise UnknownKey(f"is unknown ({kind} {fingerprint})", self._how_to_add(both))

    def _how_to_replace(self, known: Sequence[HostKey]) -> str:
        begin = "someone may be in between; if the host was reinstalled, "
        if all(key.alone for key in known):
            files = dict.fromkeys(key.file for key in known)
            commands = (f"ssh-keygen -R {shlex.quote(self.name)} -f {shlex.quote(file)}" for file in files)
            return f"{begin}remove its old key ({_places(known)}): {'; '.join(commands)}"
        return f"{begin}put its new key in place of the old one: {_places(known)}"

    def _how_to_add(self, lines: Sequence[HostKey]) -> str:
        authority = next((line for line in lines if line.marker == AUTHORITY), None)
        if authority is not None:
            return (
                f"{_places([authority])} trusts a certificate authority for it ({AUTHORITY}); cdconf doesn't follow "
                f"certificates of hosts: compare the fingerprint and add the host's own key to {self.files[-1]}"
            )
        unseen = "" if self.pinned else "; --accept-new-host-keys does so unseen"
        return f"compare the fingerprint and add the key to {self.files[-1]}{unseen}"


class UnknownKey(KeyRefused):
    """A host key that no known_hosts file has, of a server of which none has another."""


def _places(keys: Sequence[HostKey]) -> str:
    return ", ".join(f"{key.file}:{key.line}" for key in keys)


def known_keys(known: KnownHosts, files: Sequence[Path], server: tuple[str, int, str | None]) -> KnownKeys:
    """What the files say of a server.

    Args:
        known: The run's files.
        files: The ones to look into.
        server: Its name or address, its port, and ssh's own `HostKeyAlias`: the name to look for instead.

    Raises:
        InvalidFile: A file can't be read, or has a line that's no host key.
    """
    host, port, alias = server
    name = alias or (host if port == 22 else f"[{host}]:{port}")
    portless = tuple(known.keys_of(host, files)) if not alias and port != 22 else ()
    return KnownKeys(name, tuple(files), tuple(known.keys_of(name, files)), portless)


class HostKeyPolicy:
    """Checks the key of every server: Paramiko's MissingHostKeyPolicy, of a client that knows no key itself.

    Args:
        known: The run's files.
        keys: What they say of the server.
        learn: The file into which an unknown key is written; None: it's refused.
    """

    def __init__(self, known: KnownHosts, keys: KnownKeys, learn: Path | None) -> None:
        self._known = known
        self._keys = keys
        self._learn = learn

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        data = key.asbytes()
        try:
            self._keys.check(key.get_name(), data, key.fingerprint)
        except UnknownKey:
            if self._learn is None:
                raise
            self._known.learn(self._learn, self._keys.name, key.get_name(), data)
