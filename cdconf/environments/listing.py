"""Which environments there are, and how they stand; one whose files are broken doesn't hide the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.environments.choice import provider_for
from cdconf.errors import CdconfError, ProviderError
from cdconf.inventory import load_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdconf.environments.provider import HostCounts
    from cdconf.inventory import Environment, Project


@dataclass(frozen=True)
class ListedEnvironment:
    """One environment.

    Attributes:
        name: Its name.
        is_throwaway: Whether it has no file in inventories/.
        environment: None when its files can't be read.
        standing: How its hosts stand; None when that can't be told.
        error: Why one of these is missing.
    """

    name: str
    is_throwaway: bool
    environment: Environment | None = None
    standing: HostCounts | None = None
    error: CdconfError | None = None


def listed(project: Project) -> Iterator[ListedEnvironment]:
    """All environments of the project that are known here."""
    for name in project.environments():
        is_throwaway = name in project.throwaways()
        try:
            environment = load_environment(project, name)
        except CdconfError as error:
            yield ListedEnvironment(name, is_throwaway, error=error)
            continue
        try:
            standing = provider_for(project, environment).standing()
        except ProviderError as error:
            yield ListedEnvironment(name, is_throwaway, environment, error=error)
        else:
            yield ListedEnvironment(name, is_throwaway, environment, standing)
