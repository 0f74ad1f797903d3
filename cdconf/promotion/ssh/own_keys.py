"""The keys that somebody on this machine can sign with: in files, and in the ssh-agent."""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cdconf.errors import UsageError
from cdconf.own_files import content_of
from cdconf.promotion.ssh.keys import SshKey, key_of, key_of_line
from cdconf.promotion.ssh.wire import Malformed, WireReader

_LONGEST_LISTING = 10.0  # seconds for the agent to say which keys it has
_LARGEST = 64 * 1024  # bytes of a key's file
_PRIVATE = re.compile(
    rb"-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END OPENSSH PRIVATE KEY-----"
)
_MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True)
class OwnKey:
    """A key that may sign here.

    Attributes:
        key: Its public part.
        file: Its file, private or public; None when only the agent has it.
        shown: For people: the file, or what the agent calls it.
    """

    key: SshKey
    file: Path | None
    shown: str


def key_in(path: Path) -> OwnKey:
    """The key whose private or public part is in a file.

    Raises:
        UsageError: There's no such file, or it holds no key that could approve.
    """
    try:
        content, _ = content_of(path, _LARGEST)
    except OSError as error:
        hint = "--key takes the file of your SSH key, or its .pub when the key is in the ssh-agent"
        raise UsageError(f"can't read the key {path}: {error.strerror or error}", hint=hint) from error
    try:
        found = _public_part(content) if b"PRIVATE KEY-----" in content else key_of_line(_text(content))
    except Malformed as error:
        raise UsageError(f"the key {path} {error}") from error
    if found is None:
        beside = path.with_name(f"{path.name}.pub")
        if not beside.is_file():
            hint = f"`ssh-keygen -y -f {path} > {beside}` writes it"
            raise UsageError(f"the key {path} doesn't say what its public part is, and {beside} isn't there", hint=hint)
        return OwnKey(key_in(beside).key, path, str(path))
    return OwnKey(found, path, str(path))


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("isn't a key") from error


def _public_part(content: bytes) -> SshKey | None:
    """The public part of a private key, which OpenSSH's own format has in the open; None for other formats."""
    match = _PRIVATE.search(content)
    if match is None:
        return None
    try:
        reader = WireReader(base64.b64decode(b"".join(match[1].split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise Malformed("isn't a private key") from error
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise Malformed("isn't a private key")
    for _ in ("cipher", "kdf", "options"):
        reader.string()
    if reader.number() != 1:
        raise Malformed("holds several keys")
    return key_of(reader.string())


def keys_here() -> list[OwnKey]:
    """The keys of the agent, and those of ~/.ssh; what can't approve is left out."""
    found = [*_of_agent(), *_of_files()]
    return list({key.key.id: key for key in reversed(found)}.values())[::-1]


def _of_files() -> list[OwnKey]:
    found = []
    for path in sorted(Path("~/.ssh").expanduser().glob("id_*.pub")):
        private = path.with_suffix("")
        try:
            found.append(OwnKey(key_in(path).key, private if private.is_file() else path, str(private)))
        except UsageError:
            continue
    return found


def _of_agent() -> list[OwnKey]:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return []
    try:
        listed = subprocess.run(
            ["ssh-add", "-L"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_LONGEST_LISTING, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for line in listed.stdout.decode("utf-8", "replace").splitlines() if listed.returncode == 0 else ():
        try:
            found.append(OwnKey(key_of_line(line), None, f"the ssh-agent's {' '.join(line.split()[2:]) or 'key'}"))
        except Malformed:
            continue
    return found
