"""Secrets in the keyring of a laptop: GNOME's or KDE's, the Keychain of macOS, by the library `keyring`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdconf.errors import SecretError
from cdconf.secrets.sources.apart import ask_apart
from cdconf.secrets.sources.source import SecretRequest


class Keyring:
    """`keyring: "{project} {environment}"`: the service; the secret's name is the user of the entry."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, str) or not given:
            raise ValueError("it must be a text, the service under which the keyring has them: '{project}'")
        if "{name}" in given or "{NAME}" in given:
            raise ValueError("it's the service alone: the secret's name is the user of the entry")
        self._service = given

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`."""
        return ask_apart("keyring", {"service": wanted.placed(self._service, "")}, wanted.names, wanted.within)


def values(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The entries of a service that the keyring has, by their users.

    Raises:
        SecretError: There's no keyring, it's locked, or it fails.
    """
    try:
        import keyring
        from keyring.backends import fail, null
        from keyring.errors import KeyringError
    except ImportError:
        message = "the library `keyring` isn't installed"
        raise SecretError(message, hint="pip install 'cdconf[keyring]'") from None
    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        off = isinstance(backend, null.Keyring)
        message = "the keyring is switched off on this machine" if off else "there is no keyring on this machine"
        raise SecretError(message, hint="`keyring diagnose` says which ones were looked for; `pass` needs no desktop")
    try:
        found = {name: backend.get_password(given["service"], name) for name in names}
    except KeyringError as error:
        message = f"the keyring ({backend.name}) fails: {error or type(error).__name__}"
        raise SecretError(message, hint="is it locked? `keyring get SERVICE NAME` shows whether it works") from None
    return {name: value for name, value in found.items() if value}
