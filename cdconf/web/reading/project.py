"""The project as the dashboard reads it: nothing in `.cdconf/` is made because somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.inventory import Project, load_project

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class LookedAt(Project):
    """A project of which nothing is made."""

    @property
    def data(self) -> Path:
        """`.cdconf/`, whether or not it's there."""
        return self.data_if_any

    @property
    def checkout(self) -> str:
        """This checkout's id; one that no checkout has where it has none yet."""
        return super().checkout if (self.data / "checkout").is_file() else "-"


@dataclass(frozen=True)
class _Elsewhere(Project):
    """A project whose own data lies in another directory."""

    own: Path = Path()

    @property
    def data(self) -> Path:
        """The directory that it's given."""
        return self.own


def elsewhere(project: Project, folder: Path) -> Project:
    """The same project, where what's made for sessions goes into another directory than `.cdconf/`."""
    return _Elsewhere(**{field.name: getattr(project, field.name) for field in fields(Project)}, own=folder)


def look_at(root: Path) -> LookedAt:
    """Reads cdconf.yml.

    Raises:
        InvalidFile: It breaks a rule.
        UsageError: There is none.
    """
    found = load_project(root, needs_roles=False)
    return LookedAt(**{field.name: getattr(found, field.name) for field in fields(found)})


def files_of(project: Project) -> Iterator[Path]:
    """The files of which an inventory is made, whose change is a reason to read it again."""
    yield project.root / project.file
    yield from sorted(project.root.glob("inventories/*/hosts.yml"))
    yield from sorted(project.root.glob("inventories/*/waivers.yml"))
    yield from sorted(project.root.glob("inventories/*/group_vars/*.yml"))
