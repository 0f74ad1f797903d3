"""A revision's secrets: decrypted with the operator's key, never made, never written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cdconf.errors import SecretError
from cdconf.secrets import Secret, SecretStore, age

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdconf.inventory import Environment, Project


class RevisionSecrets(SecretStore):
    """See `SecretStore`.

    What can't be decrypted here, or isn't made yet, has a stand-in, which is the same for the same thing: of two
    revisions, it tells whether the secret was changed.

    Args:
        project: The project at the revision.
        environment: The environment there.
        checkout: The work tree, which has the secrets that were generated.

    Attributes:
        unread: Names of the secrets that nobody's key here can decrypt -> why.
    """

    def __init__(self, project: Project, environment: Environment, checkout: Path) -> None:
        super().__init__(project, environment, checkout=checkout)
        self.unread: dict[str, str] = {}

    def fetch(self, names: Iterable[str]) -> list[Secret]:
        """Nobody is asked for a look at the files."""
        return []

    def get(self, name: str) -> Secret | None:
        """See `SecretStore.get`; only a damaged secret is an error."""
        if name in self._encrypted and name not in self._plain:
            held = age.ciphertext(self._encrypted[name], name, *self._encrypted.where(name))
            try:
                return super().get(name)
            except SecretError as error:
                self.unread[name] = error.message
                self._plain[name] = _stand_in(held, 64)
        return super().get(name)

    def generate(self, name: str, length: int) -> Secret:
        """The stand-in of a secret that the next `provision` would make; see `SecretStore.generate`."""
        if self._environment.provider == "existing":
            return super().generate(name, length)  # raises
        return _stand_in(name.encode(), length)


def _stand_in(value: bytes, length: int) -> Secret:
    digest = hashlib.sha256(b"cdconf: a secret's stand-in\0" + value).hexdigest()
    return Secret((digest * (length // len(digest) + 1))[:length])
