"""Secrets in environment variables, as CI has them, and in files of systemd's $CREDENTIALS_DIRECTORY."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdconf.errors import SecretError
from cdconf.secrets.sources.source import SecretRequest

_DIRECTORY = "CREDENTIALS_DIRECTORY"


class EnvironmentVariables:
    """`environment: "SHOP_{NAME}"`: each secret is a variable of that name."""

    def __init__(self, given: Any) -> None:
        self._pattern = pattern_of(given, "SHOP_{NAME}")

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`; an empty variable counts as none."""
        found = {name: os.environ.get(wanted.placed(self._pattern, name), "") for name in wanted.names}
        return {name: value for name, value in found.items() if value}


class Credentials:
    """`credentials: "{name}"`: each secret is a file that systemd has lent to the unit, see systemd.exec(5)."""

    def __init__(self, given: Any) -> None:
        self._pattern = pattern_of(given, "{name}")

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`; a newline at the end is no part of the value."""
        folder = os.environ.get(_DIRECTORY)
        if not folder:
            hint = "cdconf must be started by a unit with `LoadCredential=` or `LoadCredentialEncrypted=`"
            raise SecretError(f"${_DIRECTORY} isn't set", hint=hint)
        found = {}
        for name in wanted.names:
            file = wanted.placed(self._pattern, name)
            if "/" in file or file in ("", ".", ".."):
                raise SecretError(f"'{file}' can't be a credential's name")
            try:
                found[name] = Path(folder, file).read_bytes().decode("utf-8").removesuffix("\n")
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise SecretError(f"the credential '{file}' can't be read: {error}") from None
        return {name: value for name, value in found.items() if value}


def pattern_of(given: Any, example: str) -> str:
    """A pattern of names, which must tell secrets apart.

    Raises:
        ValueError: It's no text, or names every secret alike.
    """
    if not isinstance(given, str) or not ("{name}" in given or "{NAME}" in given):
        raise ValueError(f"it must be a text with {{name}} or {{NAME}} in it, such as {example!r}")
    return given
