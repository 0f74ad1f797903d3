"""Writes a new project from the template beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cdconf.authoring.schemas import modeline
from cdconf.errors import CdconfError, UsageError

_TEMPLATE = Path(__file__).parent / "template"
_SUFFIX = ".tmpl"
_MARK = re.compile(r"@(name|modeline ([a-z]+))@")
_PROJECT = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True)
class WrittenProject:
    """What was done: files that are new, and files that were there and were left as they are; relative, sorted."""

    new: tuple[str, ...]
    kept: tuple[str, ...]


def files(name: str) -> dict[str, str]:
    """The new project's files: path relative to it -> text."""
    found = {}
    for path in sorted(_TEMPLATE.rglob(f"*{_SUFFIX}")):
        relative = path.relative_to(_TEMPLATE).as_posix().removesuffix(_SUFFIX)
        found[relative] = _filled(path.read_text(encoding="utf-8"), name, relative)
    return found


def _filled(text: str, name: str, relative: str) -> str:
    return _MARK.sub(lambda mark: name if mark[1] == "name" else modeline(mark[2], relative), text)


def name_for(folder: Path) -> str:
    """A project's name made of its directory's."""
    words = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:40].strip("-")
    return words or "project"


def write_project(folder: Path, name: str) -> WrittenProject:
    """Writes a new project; a file that exists is kept, whatever is in it.

    Raises:
        UsageError: The directory is a project already, or the name can't be one.
        CdconfError: It can't be written.
    """
    if not _PROJECT.match(name):
        raise UsageError(f"'{name}' can't be a project's name", hint="use a-z, 0-9 and -, at most 63")
    if (folder / "cdconf.yml").exists():
        raise UsageError(f"{folder} is a project already: it has a cdconf.yml", hint="choose another directory")
    new, kept = [], []
    try:
        for relative, text in files(name).items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("x", encoding="utf-8") as stream:
                    stream.write(text)
                new.append(relative)
            except FileExistsError:
                kept.append(relative)
    except OSError as error:
        raise CdconfError(f"can't write {error.filename}: {error.strerror}") from error
    return WrittenProject(tuple(new), tuple(kept))


def vagrantfile() -> bytes:
    """The Vagrantfile of a new project, which is the same for all."""
    return (_TEMPLATE / f"Vagrantfile{_SUFFIX}").read_bytes()
