"""Builds an app's artifact from a clean export of the commit, exactly once."""

from __future__ import annotations

import fcntl
import getpass
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts.store import Artifact, Store
from cdconf.errors import ArtifactError
from cdconf.events import Emit, Notice, Step

if TYPE_CHECKING:
    from cdconf.inventory import App, Project

_LAST_LINES = 20


def build(project: Project, app: App, emit: Emit, *, allow_dirty: bool = False) -> tuple[Artifact, bool]:
    """The artifact of HEAD: found when it was built before, else built.

    Args:
        project: The project, in git.
        app: The app.
        emit: Gets what happens.
        allow_dirty: Build the working tree as it is; the artifact is marked and can't be promoted.

    Returns:
        The artifact, and whether it was built just now.

    Raises:
        ArtifactError: The tree is dirty, the build failed, or left no single artifact.
    """
    if app.build is None or app.artifact is None:
        raise ArtifactError(f"app '{app.name}' has no `build` and `artifact`", file=app.file, line=app.line)
    root = project.root
    commit = _git(root, "rev-parse", "--verify", "HEAD^{commit}")
    # Untracked files don't count: they aren't in the export either.
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no", "--", "."))
    if dirty and not allow_dirty:
        raise ArtifactError(
            "the working tree has changes that aren't committed", hint="commit them, or use --allow-dirty for a trial"
        )
    store = Store(project)
    with _lock(project.data / f"build-{app.name}.lock"):
        known = None if dirty else store.nearest(app.name, [commit])
        if known is not None:
            return known, False
        emit(Step(f"building {app.name} from commit {commit[:10]}{' and uncommitted changes' if dirty else ''}"))
        if dirty:
            return _run(project, app, store, root, commit, emit, dirty=True), True
        with tempfile.TemporaryDirectory(prefix=f"cdconf-build-{app.name}-") as folder:
            _export(root, commit, Path(folder))
            return _run(project, app, store, Path(folder), commit, emit, dirty=False), True


def commits(root: Path, limit: int = 1000) -> list[str]:
    """HEAD and its ancestors, nearest first."""
    return _git(root, "rev-list", f"--max-count={limit}", "HEAD").split()


def _git(root: Path, *arguments: str) -> str:
    result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ArtifactError(f"git {arguments[0]}: {reason}", hint="builds need a git repository with a commit")
    return result.stdout.strip()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One build of an app at a time; the second one then finds the first one's artifact."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _export(root: Path, commit: str, folder: Path) -> None:
    archive = subprocess.run(
        ["git", "-C", str(root), "archive", "--format=tar", commit, "."], capture_output=True, check=False
    )
    if archive.returncode != 0:
        raise ArtifactError(f"git archive: {archive.stderr.decode('utf-8', 'replace').strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def _run(project: Project, app: App, store: Store, folder: Path, commit: str, emit: Emit, *, dirty: bool) -> Artifact:
    began = time.time()
    commit_time = float(_git(project.root, "show", "-s", "--format=%ct", commit))
    version = _git(project.root, "describe", "--always", "--tags", "--abbrev=10", commit)
    if dirty:
        version = f"{version}-dirty.{int(began)}"
    log = project.data / f"build-{app.name}.log"
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"  # the Python that runs cdconf comes first
    environment = {**os.environ, "PATH": path, "CDCONF_VERSION": version, "SOURCE_DATE_EPOCH": str(int(commit_time))}
    status = _shell(str(app.build), folder, environment, log)
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise ArtifactError(
            f"the build of '{app.name}' failed with exit status {status}",
            file=app.file,
            line=app.line,
            hint=f"the whole log is in {log}",
            detail="\n".join(lines[-_LAST_LINES:]),
        )
    file, found_version = _result(app, folder, version)
    artifact = store.add(
        app.name,
        found_version,
        file,
        commit=commit,
        commit_time=commit_time,
        built_at=time.time(),
        duration_s=round(time.time() - began, 1),
        builder=f"{getpass.getuser()}@{socket.gethostname()}",
        dirty=dirty,
    )
    emit(Notice(f"built {artifact.label} ({artifact.size / 1e6:.1f} MB, sha256 {artifact.archive[:12]})"))
    return artifact


def _shell(command: str, folder: Path, environment: dict[str, str], log: Path) -> int:
    """Runs the build's own command line; its process group dies with us."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise


def _result(app: App, folder: Path, version: str) -> tuple[Path, str]:
    """The one file that the glob finds; with several (a dirty tree's older ones) the version's own."""
    pattern = str(app.artifact)
    found = sorted(folder.glob(pattern))
    before, _, after = Path(pattern).name.partition("*")
    own = [path for path in found if path.name == f"{before}{version}{after}"]
    chosen = own or found
    if len(chosen) != 1:
        names = ", ".join(path.name for path in chosen) or "no file"
        raise ArtifactError(
            f"the build of '{app.name}' must leave one {pattern}, not {names}", file=app.file, line=app.line
        )
    name = chosen[0].name
    return chosen[0], name[len(before) : len(name) - len(after)]
