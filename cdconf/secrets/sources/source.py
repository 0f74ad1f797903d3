"""What a source of secrets is; packages name theirs among their entry points, group `cdconf.secret_sources`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class SecretRequest:
    """What's asked of a source, in one call.

    Attributes:
        project: The project's name.
        environment: The environment's name.
        names: The secrets' names.
        within: After how many seconds it must have answered.
        root: The project's directory.
    """

    project: str
    environment: str
    names: Sequence[str]
    within: float
    root: Path

    def placed(self, pattern: str, name: str) -> str:
        """A pattern with the words that an operator may use: {project}, {environment}, {name}, {NAME}."""
        words = {"project": self.project, "environment": self.environment, "name": name, "NAME": name.upper()}
        for word, value in words.items():
            pattern = pattern.replace("{" + word + "}", value)
        return pattern


class SecretSource(Protocol):
    """A source. Its factory is called with what the operator's file has beside its name, which it checks."""

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """The values of those that it has; the others are left out.

        Raises:
            SecretError: It can't be asked, or doesn't say whether it has one.
        """


class Factory(Protocol):
    """Makes a source."""

    def __call__(self, given: Any) -> SecretSource:
        """The source.

        Args:
            given: The value behind the source's name in the operator's file.

        Raises:
            ValueError: It's not of the right form; its text says what that would be.
        """
