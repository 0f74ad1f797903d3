"""Which artifact a word on the command line names."""

from __future__ import annotations

import fnmatch
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.agent.release.tree import sha256_file
from cdconf.artifacts import Artifact, ArtifactStore, commits
from cdconf.errors import ArtifactError, UsageError, did_you_mean, nearest_or_all
from cdconf.events import Emit, Notice
from cdconf.user import user_name

if TYPE_CHECKING:
    from cdconf.inventory import App, Project


def choose(project: Project, reference: str, emit: Emit) -> Artifact:
    """The artifact that a word names.

    Args:
        project: The project.
        reference: An app (the nearest ancestor's build), a file, `app@version`, or a digest prefix; looked for in
            this order.
        emit: Gets a notice of what was chosen where the word leaves it open.

    Raises:
        ArtifactError, UsageError: None does, its metadata can't be read, or its app is no longer in cdconf.yml.
    """
    found = _find(project, reference, emit)
    if found.app not in project.apps:
        raise UsageError(
            f"{found.label} can't be deployed: cdconf.yml has no app '{found.app}'",
            hint=nearest_or_all(found.app, project.apps),
        )
    return found


def named_app(project: Project, name: str | None) -> App:
    """The app of this name; the only one when no name is given.

    Raises:
        UsageError: There's none, or several.
    """
    apps = project.apps
    if name is None and len(apps) != 1:
        raise UsageError("which app?", hint=f"there are: {', '.join(apps) or 'none'}")
    chosen = name or next(iter(apps))
    if chosen not in apps:
        raise UsageError(f"cdconf.yml has no app '{chosen}'", hint=nearest_or_all(chosen, apps))
    return apps[chosen]


def _find(project: Project, reference: str, emit: Emit) -> Artifact:
    store = ArtifactStore(project, emit=emit)
    if reference in project.apps:
        ancestors = commits(project.root)
        found = store.nearest(reference, ancestors)
        broken = [] if found is not None and found.commit == ancestors[0] else store.unreadable(reference)
        if broken:  # it may be the build of a nearer commit
            raise ArtifactError(
                f"which build of '{reference}' is the nearest isn't known: {broken[0].error.message}",
                file=broken[0].error.file,
                hint=f"move it away, or name what you want: `cdconf deploy {reference}@VERSION`",
            )
        if found is None:
            raise UsageError(
                f"no ancestor of HEAD has a build of '{reference}'", hint=f"run `cdconf build {reference}`"
            )
        emit(Notice(f"{found.label}, built from commit {(found.commit or '')[:10]}, sha256 {found.archive[:12]}"))
        if found.commit != ancestors[0]:
            emit(Notice(f"HEAD is {ancestors[0][:10]}, and has no build of {reference}: `cdconf build {reference}`"))
        return found
    file = Path(reference)
    if file.is_file():
        return _of_file(project, store, file, emit)
    if "/" in reference:
        raise UsageError(f"there is no file '{reference}'", hint="`cdconf build APP` makes one; then name the app")
    if "@" not in reference and len(reference) < 8:
        short = re.fullmatch("[0-9a-f]+", reference) and "of a digest, give 8 digits or more"
        hint = did_you_mean(reference, project.apps) or short or nearest_or_all(reference, project.apps)
        raise UsageError(f"there is no app '{reference}'", hint=hint)
    return store.find(reference)


def _of_file(project: Project, store: ArtifactStore, file: Path, emit: Emit) -> Artifact:
    """The stored artifact with the file's digest, else the file itself, taken into the store."""
    archive = sha256_file(str(file))
    known = store.with_archive(archive)
    if known is not None:
        emit(Notice(f"{known.label}, sha256 {archive[:12]}"))
        return add_file(store, known.app, known.version, file)
    app, version = app_of_file(project, file)
    found = add_file(store, app, version, file)
    emit(Notice(f"added {found.label}, sha256 {archive[:12]}; its commit isn't known, so it can't be promoted"))
    return found


def app_of_file(project: Project, file: Path) -> tuple[str, str]:
    """The app whose `artifact:` pattern the file's name matches, and what its `*` stands for.

    Raises:
        UsageError: None or several match.
    """
    found = [(name, version) for name in project.apps if (version := version_of_file(project, name, file)) is not None]
    if len(found) != 1:
        which = ", ".join(f"'{name}'" for name, _ in found) or "no app"
        raise UsageError(
            f"the file name '{file.name}' matches the `artifact` of {which}",
            hint=f"say what it is: `cdconf artifact add APP {file} --version VERSION`, then deploy APP@VERSION",
        )
    return found[0]


def version_of_file(project: Project, app: str, file: Path) -> str | None:
    """What the `*` of the app's `artifact:` stands for in the file's name; None when the name doesn't match."""
    pattern = Path(project.apps[app].artifact or "").name
    before, star, after = pattern.partition("*")
    if star and fnmatch.fnmatchcase(file.name, pattern) and len(file.name) > len(before) + len(after):
        return file.name[len(before) : len(file.name) - len(after)]
    return None


def add_file(store: ArtifactStore, app: str, version: str, file: Path) -> Artifact:
    """Takes in an artifact that was built elsewhere: it has no commit. One that's there only gets its archive back.

    Raises:
        ArtifactError: See `ArtifactStore.add`.
    """
    return store.add(
        app,
        version,
        file,
        commit=None,
        commit_time=None,
        built_at=round(time.time(), 3),
        duration_s=0.0,
        builder=f"{user_name()} (added)",
        dirty=False,
    )
