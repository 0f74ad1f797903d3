"""The project as smoke tests see it that run as another user: a copy of what they may need, and of nothing else."""

from __future__ import annotations

from pathlib import Path

from cdconf.isolation.copies import copy

# Besides these: Python files and packages beside cdconf.yml, which tests may import.
_COPIED = ("cdconf.yml", "roles", "templates", "files", "resources")


def copy_checkout(root: Path, target: Path) -> None:
    """Copies it; links out of it are left out.

    Args:
        root: The project.
        target: A directory that is made.

    Raises:
        OSError: Something can't be read or written.
    """
    target.mkdir()
    for path in sorted(root.iterdir()):
        if path.name in _COPIED or path.suffix == ".py" or (path / "__init__.py").is_file():
            copy(path, target / path.name, root)
