"""Checks what's in an artifact for the packages that hosts install for its releases."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from cdconf.agent.errors import Failed
from cdconf.agent.packages.locked import LIMIT, requirements
from cdconf.agent.release import shared_paths
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cdconf.inventory import App

_WRITE = {
    "venv": "`uv pip compile --generate-hashes` or `pip-compile --generate-hashes` writes such files",
    "npm": "`npm install --package-lock-only`, of npm 7 or newer, writes it",
}


def check_packages(app: App, release: str, manifest: Sequence[dict[str, Any]]) -> None:
    """Finds what in an artifact keeps hosts from installing its packages.

    Args:
        app: The app.
        release: What the error calls the artifact.
        manifest: Its tree, see `cdconf.agent.release.tree`.

    Raises:
        ArtifactError: A lock file isn't in it, or something of its own is where the packages are to be.
    """
    there = {entry["path"]: entry["kind"] for entry in manifest}
    for one in app.prepare:
        wanted = [one.lock]
        wanted += [posixpath.join(posixpath.dirname(one.lock), "package.json")] if one.kind == "npm" else []
        for path in wanted:
            if there.get(path) != "file":
                hint = "let `build` put it into the artifact, or take it out of `prepare`"
                text = f"{release} has no file '{path}', by which app '{app.name}' is prepared"
                raise ArtifactError(text, file=app.file, line=app.line, hint=hint)
        wheels = one.options.get("wheels")
        if wheels and there.get(wheels, "directory") != "directory":
            raise ArtifactError(f"'{wheels}' of {release} is no directory of wheels", file=app.file, line=app.line)
        found = shared_paths.conflict(manifest, (one.path,))
        if found is not None:
            raise ArtifactError(
                f"{release} has '{found[0]}' of its own, where hosts install '{one.path}' for app '{app.name}'",
                file=app.file,
                line=app.line,
                hint="leave it out of the artifact (`tar --exclude`), or take it out of `prepare`",
            )


def check_lock_files(app: App, release: str, folder: Path) -> None:
    """Finds what hosts would refuse of the lock files.

    Args:
        app: The app.
        release: What the error calls the artifact.
        folder: Its tree, which `check_packages` has found nothing wrong with.

    Raises:
        ArtifactError: A lock file can't be read, or names a package without its hash.
    """
    for one in app.prepare:
        why = _problem(one.kind, one.lock, folder / one.lock)
        if why is not None:
            text = f"hosts can't install the packages of {release}: {why}"
            raise ArtifactError(text, file=app.file, line=app.line, hint=_WRITE[one.kind])


def _problem(kind: str, name: str, path: Path) -> str | None:
    if path.stat().st_size > LIMIT:
        return f"'{name}' is larger than {LIMIT >> 20} MiB"
    text = path.read_bytes().decode("utf-8", "replace")
    if kind == "venv":
        try:
            requirements(text, name)
        except Failed as error:
            return str(error)
        return None
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"'{name}' isn't JSON: {error}"
    if not isinstance(lock, dict) or not isinstance(lock.get("packages"), dict):
        return f"'{name}' is no lock file of version 2 or 3"
    return None
