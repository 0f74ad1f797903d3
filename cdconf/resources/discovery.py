"""Finds resource types: the folders beside this file, and those of the project's `resources/`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from cdconf.errors import InvalidFile
from cdconf.resources.spec import ResourceType

_OWN = Path(__file__).parent


class Types(Mapping[str, ResourceType]):
    """All types by name; a type's spec is imported when it's first asked for.

    Args:
        project_root: Where the project's own types are, in `resources/<type>/`.
    """

    def __init__(self, project_root: Path | None = None) -> None:
        self._folders = {path.parent.name: path.parent for path in _OWN.glob("*/spec.py")}
        own = project_root.glob("resources/*/spec.py") if project_root else ()
        for path in sorted(own):
            name = path.parent.name
            if name in self._folders:
                raise InvalidFile(f"resource type '{name}' exists already in cdconf", file=f"resources/{name}/spec.py")
            self._folders[name] = path.parent
        self._loaded: dict[str, ResourceType] = {}

    def __getitem__(self, name: str) -> ResourceType:
        if name not in self._loaded:
            self._loaded[name] = self._load(name, self._folders[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._folders))

    def __len__(self) -> int:
        return len(self._folders)

    def __contains__(self, name: object) -> bool:
        return name in self._folders

    def folder(self, name: str) -> Path:
        """Where a type lives."""
        return self._folders[name]

    def _load(self, name: str, folder: Path) -> ResourceType:
        if folder.parent == _OWN:
            module = importlib.import_module(f"cdconf.resources.{name}.spec")
        else:
            spec = importlib.util.spec_from_file_location(f"cdconf_project_{name}", folder / "spec.py")
            if spec is None or spec.loader is None:
                raise InvalidFile("can't be imported", file=f"resources/{name}/spec.py")
            module = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except Exception as error:
                raise InvalidFile(f"can't be imported: {error}", file=f"resources/{name}/spec.py") from error
        found = getattr(module, "TYPE", None)
        if not isinstance(found, ResourceType) or found.name != name:
            raise InvalidFile(f"must define TYPE, a ResourceType named '{name}'", file=f"resources/{name}/spec.py")
        return found
