"""Finds resource types: the folders beside this file, the project's own, and those of packages that it names."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING

from cdconf.errors import InvalidFile, did_you_mean
from cdconf.inside import check_inside
from cdconf.no_code import check_code
from cdconf.resources.spec import ResourceType
from cdconf.yamlfile import load, shown

if TYPE_CHECKING:
    from cdconf.resources.elsewhere import Elsewhere

ENTRY_POINTS = "cdconf.resources"
_FILE = "cdconf.yml"
_OWN = Path(__file__).parent


def type_folders(project_root: Path | None, packages: Sequence[str] = ()) -> dict[str, Path]:
    """Every type's folder by name.

    Args:
        project_root: Where the project's own types are, in `resources/<type>/`.
        packages: Installed distributions whose types the project uses. Each has entry points of the group
            `cdconf.resources`: a type's name, and the Python package that is its folder.

    Raises:
        InvalidFile: Two types have the same name, a file of one leads out of the project, or a package isn't
            installed or has no types.
    """
    folders = {path.parent.name: path.parent for path in _OWN.glob("*/spec.py")}
    for package in packages:
        try:
            found = _of_package(package)
            twice = next((name for name in found if name in folders), None)
            if twice is not None:
                raise _refused(f"resource type '{twice}' of the package '{package}' exists already")
        except InvalidFile as error:
            if project_root is not None:
                error.line = load(project_root / _FILE, project_root).where("type_packages")[1]
            raise
        folders |= found
    for path in _of_project(project_root) if project_root else ():
        name = path.parent.name
        if name in folders:
            raise InvalidFile(f"resource type '{name}' exists already", file=f"resources/{name}/spec.py", line=1)
        folders[name] = path.parent
    return folders


def _of_project(root: Path) -> list[Path]:
    """The spec.py of each of the project's own types, sorted."""
    found = sorted(root.glob("resources/*/spec.py"))
    for path in found:
        for one in (path, *sorted(path.parent.rglob("*.py"))):
            check_inside(one, root, one.relative_to(root).as_posix())
    return found


def _of_package(package: str) -> dict[str, Path]:
    from importlib import metadata

    check_code(f"the package '{package}' of resource types")
    try:
        points = metadata.distribution(package).entry_points.select(group=ENTRY_POINTS)
    except metadata.PackageNotFoundError:
        names = [str(distribution.metadata["Name"]) for distribution in metadata.distributions()]
        hint = did_you_mean(package, names) or f"install it beside cdconf: pip install {package}"
        raise _refused(f"the package {shown(package)} isn't installed", hint) from None
    except ValueError:
        raise _refused(f"{shown(package)} can't be a package's name") from None
    found = {}
    for point in points:
        try:
            spec = importlib.util.find_spec(point.value)
        except (Exception, SystemExit) as error:  # it imports the packages around it, which may do anything
            message = f"the type '{point.name}' of the package '{package}' can't be imported: {error}"
            raise _refused(message) from error
        place = next(iter(spec.submodule_search_locations or ()), None) if spec else None
        if place is None or not (Path(place) / "spec.py").is_file():
            message = f"the type '{point.name}' of the package '{package}' has no folder with a spec.py"
            raise _refused(message)
        found[point.name] = Path(place)
    if not found:
        raise _refused(f"the package '{package}' has no entry points '{ENTRY_POINTS}'")
    return found


def _refused(message: str, hint: str | None = None) -> InvalidFile:
    return InvalidFile(message, file=_FILE, line=1, hint=hint)


@cache
def own_types() -> frozenset[str]:
    """The names of cdconf's own types."""
    return frozenset(path.parent.name for path in _OWN.glob("*/spec.py"))


def is_own(folder: Path) -> bool:
    """Whether a type's folder is cdconf's own."""
    return folder.parent == _OWN


class Types(Mapping[str, ResourceType]):
    """All types by name; a type's spec is imported when it's first asked for.

    Args:
        project_root: See `type_folders`.
        packages: See `type_folders`.
        ran: Told of each type of the project that's loaded whether its code can't reach any key.
    """

    def __init__(
        self,
        project_root: Path | None = None,
        packages: Sequence[str] = (),
        ran: Callable[[bool], None] | None = None,
    ) -> None:
        self._root = project_root
        self._ran = ran
        self._elsewhere: Elsewhere | None = None
        self._folders = type_folders(project_root, packages)
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

    def elsewhere(self) -> Elsewhere | None:
        """Where the code of the project's own types runs; None where there are none."""
        if self._elsewhere is None and self._root is not None and (self._root / "resources").is_dir():
            from cdconf.resources.elsewhere import Elsewhere

            self._elsewhere = Elsewhere(self._root)
        return self._elsewhere

    def folder(self, name: str) -> Path:
        """Where a type lives."""
        return self._folders[name]

    def _load(self, name: str, folder: Path) -> ResourceType:
        if self._root is not None and folder.is_relative_to(self._root / "resources"):
            check_code(f"the resource type '{name}'", self._shown(folder / "spec.py"))
            found = self._load_projects(name, folder / "spec.py")
            if found is not None:
                return found
        if not is_own(folder):
            check_code(f"the resource type '{name}'", self._shown(folder / "spec.py"))
        module = importlib.import_module(f"cdconf.resources.{name}.spec") if is_own(folder) else None
        module = module or self._import(name, folder / "spec.py")
        kind = getattr(module, "TYPE", None)
        if not isinstance(kind, ResourceType) or kind.name != name:
            shown = self._shown(folder / "spec.py")
            raise InvalidFile(f"must define TYPE, a ResourceType named '{name}'", file=shown, line=1)
        return kind

    def _load_projects(self, name: str, spec: Path) -> ResourceType | None:
        """A type of the project, which runs elsewhere; None where it can't."""
        from cdconf.resources.elsewhere import Broken

        try:
            found = self.elsewhere().load(name)  # type: ignore[union-attr]  # there's a type
        except Broken as error:
            raise InvalidFile(str(error), file=self._shown(spec), line=error.line) from error
        if self._ran is not None:
            self._ran(found is not None)
        return found

    def _shown(self, path: Path) -> str:
        inside = self._root is not None and path.is_relative_to(self._root)
        return path.relative_to(self._root).as_posix() if inside and self._root else str(path)

    def _import(self, name: str, path: Path) -> ModuleType:
        try:
            return import_spec(name, path)
        except InvalidFile as error:
            raise InvalidFile(error.message, file=self._shown(path), line=error.line) from error


def import_spec(name: str, path: Path) -> ModuleType:
    """Imports a type's spec.py.

    Raises:
        InvalidFile: It can't be imported, for whatever reason.
    """
    spec = importlib.util.spec_from_file_location(f"cdconf_type_{name}", path)
    if spec is None or spec.loader is None:
        raise InvalidFile("can't be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        line = next((frame.lineno for frame in reversed(extract_tb(error.__traceback__))), None)
        line = error.lineno if isinstance(error, SyntaxError) else line
        raise InvalidFile(f"can't be imported: {error}", line=line or 1) from error
    return module
