"""Secrets for a look at the files: none is made, and one that can't be read has a stand-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cdconf.errors import SecretError
from cdconf.secrets.store import SecretStore
from cdconf.secrets.taint import Secret

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project


class OfflineSecrets(SecretStore):
    """The secrets of an environment, of which nothing is written down.

    Attributes:
        unread: Those that nobody here can decrypt, by name.
        unset: Those that aren't there yet.
    """

    def __init__(self, project: Project, environment: Environment) -> None:
        super().__init__(project, environment)
        self.unread: dict[str, SecretError] = {}
        self.unset: set[str] = set()

    def fetch(self, names: Iterable[str]) -> list[Secret]:
        """Nobody is asked for a look at the files."""
        return []

    def get(self, name: str) -> Secret | None:
        try:
            return super().get(name)
        except SecretError as error:
            self.unread[name] = error
            return Secret(f"<secret {name}>")

    def generate(self, name: str, length: int) -> Secret:
        self.unset.add(name)
        return Secret(("secret" * length)[:length])

    def readable(self) -> Iterator[Secret]:
        """Every secret that can be decrypted here."""
        for name in self.names():
            value = self.get(name)
            if value is not None and name not in self.unread:
                yield value

    def notices(self) -> list[str]:
        """What people should know about secrets that can't be read."""
        if not self.unread:
            return []
        reason = next(iter(self.unread.values())).message
        shown = ", ".join(sorted(self.unread))
        return [f"the secrets {shown} of {self._environment.name} aren't compared: {reason}"]
