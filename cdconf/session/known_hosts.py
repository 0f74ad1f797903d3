"""known_hosts files as OpenSSH reads them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

They're indexed: each is read once a run, unless it changes. Paramiko would read all of them for each connection.
"""

from __future__ import annotations

import binascii
import hmac
import re
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import InvalidFile
from cdconf.own_files import read_bytes, reason

if TYPE_CHECKING:
    from collections.abc import Iterable

REVOKED, AUTHORITY = "@revoked", "@cert-authority"
_HASHED = "|1|"
_Version = tuple[int, int, int] | None
_HINT = "a line is names, type and key, as `ssh-keyscan` prints it; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT"


@dataclass(frozen=True)
class HostKey:
    """A line of a known_hosts file.

    Attributes:
        file: Where it is.
        line: Counted from 1.
        marker: `REVOKED`, `AUTHORITY`, or "".
        kind: The key's type, such as `ssh-ed25519`.
        key: The public key as it goes over the wire.
        alone: The line is for hosts that it names one by one: `ssh-keygen -R` can take one of them out.
    """

    file: str
    line: int
    marker: str
    kind: str
    key: bytes
    alone: bool


@dataclass
class _Index:
    """One file. `named` has plain names; the others must be tried one by one."""

    named: dict[str, list[HostKey]] = field(default_factory=dict)
    hashed: list[tuple[bytes, bytes, HostKey]] = field(default_factory=list)
    patterns: list[tuple[re.Pattern[str], re.Pattern[str] | None, HostKey]] = field(default_factory=list)

    def keys_of(self, name: str) -> list[HostKey]:
        found = list(self.named.get(name, ()))
        data = name.encode()
        found += [key for salt, digest, key in self.hashed if hmac.digest(salt, data, "sha1") == digest]
        found += [
            key
            for wanted, unwanted, key in self.patterns
            if wanted.fullmatch(name) and not (unwanted and unwanted.fullmatch(name))
        ]
        return sorted(found, key=lambda host_key: host_key.line)


class KnownHosts:
    """The known_hosts files of one run; safe for threads."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[_Version, _Index]] = {}
        self._lock = threading.Lock()

    def keys_of(self, name: str, files: Iterable[Path]) -> list[HostKey]:
        """The lines of these files that are about a host, in their order; a file that isn't there has none.

        Args:
            name: As known_hosts has it: `web1`, or `[web1]:2222` where the port isn't 22.
            files: The files.

        Raises:
            InvalidFile: One can't be read, or has a line that's no host key.
        """
        wanted = name.lower()
        return [key for path in files for key in self._index(path).keys_of(wanted)]

    def _index(self, path: Path) -> _Index:
        """A provider may add the hosts that it has made in mid-run."""
        with self._lock:
            version = _version(path)
            known = self._files.get(path)
            if known is None or known[0] != version:
                known = self._files[path] = (version, _read(path) if version else _Index())
            return known[1]

    def learn(self, path: Path, name: str, kind: str, key: bytes) -> None:
        """Adds a line to a file, and makes the file where there is none."""
        line = f"{name} {kind} {binascii.b2a_base64(key, newline=False).decode()}\n"
        with self._lock:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("a+b") as stream:
                size = stream.tell()
                if size:
                    stream.seek(size - 1)
                    line = line if stream.read() == b"\n" else f"\n{line}"
                stream.write(line.encode())


def _version(path: Path) -> _Version:
    """What changes when a file is written; None where there's no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _read(path: Path) -> _Index:
    index = _Index()
    try:
        lines = read_bytes(path).splitlines()
    except OSError as error:
        raise InvalidFile(f"this known_hosts file can't be read: {reason(error)}", file=str(path)) from error
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not words[0].startswith(b"#") and not _is_of_version_1(words):
            _add(index, str(path), number, [word.decode("utf-8", "replace") for word in words])
    return index


def _is_of_version_1(words: list[bytes]) -> bool:
    """SSH's first version has numbers after the names; nothing speaks it any more."""
    return len(words) >= 4 and all(word.isdigit() for word in words[1:4])


def _add(index: _Index, file: str, number: int, words: list[str]) -> None:
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", REVOKED, AUTHORITY):
        hint = f"there are {REVOKED} and {AUTHORITY}; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT"
        raise InvalidFile(f"this line's marker isn't known: {marker}", file=file, line=number, hint=hint)
    try:
        names, kind, text = words[:3]
        key = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise InvalidFile("this line is no host key", file=file, line=number, hint=_HINT) from error
    if key[4 : 4 + int.from_bytes(key[:4], "big")] != kind.encode():
        raise InvalidFile(f"this line's key isn't of the type {kind}", file=file, line=number, hint=_HINT)
    listed = names.lower().split(",") if not names.startswith(_HASHED) else [names]
    wanted = [one for one in listed if one and not one.startswith("!")]
    unwanted = [one[1:] for one in listed if one.startswith("!")]
    are_patterns = bool(unwanted) or any(sign in one for one in wanted for sign in "*?")
    entry = HostKey(file, number, marker, kind, key, alone=not are_patterns)
    if names.startswith(_HASHED):
        index.hashed.append((*_salt_and_digest(names, file, number), entry))
    elif are_patterns:
        index.patterns.append((_pattern(wanted), _pattern(unwanted) if unwanted else None, entry))
    else:
        for one in set(wanted):
            index.named.setdefault(one, []).append(entry)


def _salt_and_digest(name: str, file: str, number: int) -> tuple[bytes, bytes]:
    try:
        salt, digest = (binascii.a2b_base64(part) for part in name.removeprefix(_HASHED).split("|"))
    except ValueError as error:
        raise InvalidFile("this line's hashed name can't be read", file=file, line=number, hint=_HINT) from error
    return salt, digest


def _pattern(patterns: list[str]) -> re.Pattern[str]:
    """Any of OpenSSH's patterns: `*` and `?` alone mean something in them."""
    signs = {"*": ".*", "?": "."}
    one_of = ("".join(signs.get(sign) or re.escape(sign) for sign in one) for one in patterns)
    return re.compile("|".join(one_of), re.DOTALL)
