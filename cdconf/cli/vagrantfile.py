"""Vagrant runs the commit's Vagrantfile as this user: the one that cdconf writes is known to reach no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.cli.context import Run

_NAME, _PLUGINS = "Vagrantfile", ".vagrantplugins"
WHY = "Vagrant runs the project's {name} as this user; only the Vagrantfile that `cdconf init` writes is known"


def tell_of_vagrantfile(run: Run) -> None:
    """Tells that the commit's own code runs, and isn't isolated, where Vagrant makes the environment's hosts."""
    from cdconf.events import OwnCodeRan

    if run.environment.provider == "vagrant":
        name = unknown_code(run.project.root)
        if name is not None:
            run.emit(OwnCodeRan(f"the {name}", False, WHY.format(name=name)))


def unknown_code(root: Path) -> str | None:
    """The file of Ruby that Vagrant would run and that isn't cdconf's own; None when there's none.

    Args:
        root: The project.
    """
    from cdconf.authoring.new_project import vagrantfile

    if (root / _PLUGINS).exists() or (root / _PLUGINS).is_symlink():
        return _PLUGINS
    try:
        return None if (root / _NAME).read_bytes() == vagrantfile() else _NAME
    except FileNotFoundError:
        return None
    except OSError:
        return _NAME
