"""age (https://age-encryption.org/v1): recipients in the project, identities in the operator's home."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import SecretError
from cdconf.own_files import read_bytes, reason
from cdconf.yamlfile import is_there, read_text

if TYPE_CHECKING:
    from cdconf.inventory import Project

PREFIX = "age:"
_HEADER = b"age-encryption.org/v1\n"


def identity_file() -> Path:
    """Where this operator's private keys are: $CDCONF_AGE_IDENTITY, or ~/.config/cdconf/age.txt."""
    named = os.environ.get("CDCONF_AGE_IDENTITY")
    return Path(named) if named else Path("~/.config/cdconf/age.txt").expanduser()


def identities() -> list[Any]:
    """The operator's private keys.

    Raises:
        SecretError: There is no file, or no key in it.
    """
    import pyrage

    path = identity_file()
    try:
        lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    except OSError as error:
        there = "there is no age identity" if isinstance(error, FileNotFoundError) else "the age identity can't be read"
        raise SecretError(f"{there}: {path}: {reason(error)}", hint="make one with `cdconf secret key`") from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise SecretError(f"{path} holds no age identity", hint="remove it, and make one with `cdconf secret key`")
    try:
        return [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError as error:
        raise SecretError(f"{path} holds something that isn't an age identity") from error


def make_identity() -> str:
    """Makes the operator's identity when there is none; returns the public key of the first one."""
    import pyrage

    path = identity_file()
    if not path.is_file():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = pyrage.x25519.Identity.generate()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(f"# public key: {identity.to_public()}\n{identity}\n")
    return str(identities()[0].to_public())


def recipients(project: Project, environment: str) -> list[Any]:
    """Who can read an environment's secrets, each once: inventories/ENV/recipients.txt.

    Of a throw-away copy without any, it's whoever sets one.

    Raises:
        SecretError: There are none, or one isn't an age public key.
    """
    import pyrage

    shown = f"{project.shown_folder(environment)}/recipients.txt"
    path = project.root / shown
    lines = read_text(path, shown, project.root).splitlines() if is_there(path) else []
    keys = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not keys and environment in project.throwaways():
        keys = [(0, make_identity())]
    if not keys:
        raise SecretError(
            "there are no recipients to encrypt for",
            file=shown,
            hint=f"write your public key into it: `cdconf secret key >> {shown}`",
        )
    result: dict[str, Any] = {}
    for number, key in keys:
        try:
            recipient = pyrage.x25519.Recipient.from_str(key)
            result[str(recipient)] = recipient
        except pyrage.RecipientError as error:
            raise SecretError("this isn't an age public key (age1…)", file=shown, line=number) from error
    return list(result.values())


def encrypt(value: str, to: list[Any]) -> str:
    """`age:` and the base64 of the ciphertext."""
    import pyrage

    return PREFIX + base64.b64encode(pyrage.encrypt(str.__str__(value).encode("utf-8"), to)).decode("ascii")


def ciphertext(text: str, name: str, file: str, line: int) -> bytes:
    """What `encrypt`'s text holds; whether it can be decrypted isn't looked at.

    Raises:
        SecretError: It's damaged.
    """
    try:
        data = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise SecretError(f"the secret '{name}' is damaged: not base64", file=file, line=line) from error
    if not data.startswith(_HEADER):
        hint = "restore it from git, or set it again"
        raise SecretError(f"the secret '{name}' is damaged: not encrypted with age", file=file, line=line, hint=hint)
    return data


def decrypt(text: str, name: str, file: str, line: int) -> str:
    """The value of `encrypt`'s text.

    Raises:
        SecretError: It's damaged, or none of the operator's identities can read it.
    """
    import pyrage

    data = ciphertext(text, name, file, line)
    try:
        plain: bytes = pyrage.decrypt(data, identities())
    except pyrage.DecryptError as error:
        raise SecretError(
            f"the secret '{name}' can't be decrypted with {identity_file()}: {error}",
            file=file,
            line=line,
            hint="ask someone who can to add your public key to recipients.txt and run `cdconf secret rekey`",
        ) from error
    return plain.decode("utf-8")
