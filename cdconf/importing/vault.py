"""Ansible Vault, decrypted: `$ANSIBLE_VAULT;1.1;AES256` and `;1.2;AES256;LABEL`.

The format, as https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html describes it
("Format of files encrypted with Ansible Vault"): after the header line, hex digits of three lines, each of them hex
again: salt, HMAC-SHA256 of the ciphertext, ciphertext. PBKDF2-HMAC-SHA256 with 10,000 rounds gives 80 bytes: the
cipher's key (32), the HMAC's key (32), and the first counter (16) of AES-256-CTR. The text is padded as PKCS#7 says.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import SecretError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = "$ANSIBLE_VAULT;"
_ROUNDS = 10_000


@dataclass(frozen=True)
class Hidden:
    """A value that was encrypted.

    Attributes:
        plain: Text, number or boolean; None when there was no password.
        cipher: The encrypted text; several values of one encrypted file share it.
    """

    plain: str | int | float | bool | None = field(repr=False)
    cipher: str = field(default="", repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hidden):
            return NotImplemented
        if self.plain is None or other.plain is None:
            return self.plain is other.plain and self.cipher == other.cipher
        return type(self.plain) is type(other.plain) and self.plain == other.plain

    def __hash__(self) -> int:
        return hash(self.cipher if self.plain is None else self.plain)


class Passwords:
    """The passwords that may open a vault; each is tried, whatever label the vault has."""

    def __init__(self, passwords: Sequence[str] = ()) -> None:
        self._passwords = tuple(passwords)

    @classmethod
    def read(cls, files: Sequence[str]) -> Passwords:
        """Reads password files as Ansible does: all of the text, without white space around it.

        Raises:
            UsageError: One can't be read, is empty, or is a program.
        """
        passwords = []
        for name in files:
            path = Path(name)
            if path.is_file() and path.stat().st_mode & 0o111:
                hint = f"use --vault-password-file <({name})"
                raise UsageError(f"{name} is a program, which isn't run", hint=hint)
            try:
                password = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"the password file {name} can't be read: {error}") from error
            if not password:
                raise UsageError(f"the password file {name} is empty")
            passwords.append(password)
        return cls(passwords)

    def open(self, text: str, file: str, line: int) -> str | None:
        """The decrypted text; None when no password was given.

        Raises:
            SecretError: The vault is damaged, or no password fits.
        """
        salt, digest, cipher = _parts(text, file, line)
        for password in self._passwords:
            plain = _decrypt(password, salt, digest, cipher)
            if plain is not None:
                try:
                    return plain.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise SecretError("the encrypted value isn't text", file=file, line=line) from error
        if self._passwords:
            _, *label = text.split("\n", 1)[0].strip().split(";")[2:]
            hint = f"its label is '{label[0]}'; --vault-password-file may be given more than once" if label else None
            raise SecretError("no password given fits this vault", file=file, line=line, hint=hint)
        return None


def _parts(text: str, file: str, line: int) -> tuple[bytes, bytes, bytes]:
    header, *rest = text.strip().splitlines()
    fields = header.strip().split(";")
    if fields[1:2] not in (["1.1"], ["1.2"]) or fields[2:3] != ["AES256"]:
        hint = "`ansible-vault rekey` writes today's format"
        raise SecretError(f"this vault's format isn't known: {header.strip()}", file=file, line=line, hint=hint)
    try:
        inner = binascii.unhexlify("".join(one.strip() for one in rest))
        salt, digest, cipher = (binascii.unhexlify(one) for one in inner.split(b"\n", 2))
    except (binascii.Error, ValueError) as error:
        raise SecretError("this vault is damaged", file=file, line=line) from error
    return salt, digest, cipher


def _decrypt(password: str, salt: bytes, digest: bytes, cipher: bytes) -> bytes | None:
    """None when the password doesn't fit."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, hmac, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    keys = PBKDF2HMAC(hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS).derive(password.encode())
    check = hmac.HMAC(keys[32:64], hashes.SHA256())
    check.update(cipher)
    try:
        check.verify(digest)
    except InvalidSignature:
        return None
    decryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:80])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(cipher) + decryptor.finalize()) + unpadder.finalize()
