"""Builds an app's artifact from a clean export of the commit, exactly once."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import keys
from cdconf.artifacts.artifact import Artifact
from cdconf.artifacts.git_ownership import distrust
from cdconf.artifacts.store import ArtifactStore
from cdconf.errors import ArtifactError, BuildFailed
from cdconf.events import Emit, Notice, OwnCodeRan, Step
from cdconf.file_lock import held
from cdconf.git_command import git_command, refusal
from cdconf.inside import leads_outside
from cdconf.isolation import Account, GuardProcess, account, scrubbed
from cdconf.isolation.group import end_group
from cdconf.no_code import check_code
from cdconf.user import user_name

if TYPE_CHECKING:
    from cdconf.inventory import App, Project

_LAST_LINES = 20
_LOOK = 0.05  # seconds between looks at a build: who writes without end writes 100 MB in that time
LARGEST_LOG = 64 * 1024 * 1024  # bytes
_NAMED = 10  # untracked files that are named


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
        ArtifactError: The tree is dirty, the build failed or left no single artifact; its version was built from
            another commit; the signing key can't be used.
    """
    if app.build is None or app.artifact is None:
        raise ArtifactError(f"app '{app.name}' has no `build` and `artifact`", file=app.file, line=app.line)
    root = project.root
    commit = _git(root, "rev-parse", "--verify", "HEAD^{commit}")
    check_code(f"the build of app '{app.name}'", app.file, app.line)
    # Untracked files don't count: they aren't in the export either.
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no", "--", "."))
    if dirty and not allow_dirty:
        raise ArtifactError(
            "the working tree has changes that aren't committed", hint="commit them, or use --allow-dirty for a trial"
        )
    if not dirty:
        _warn_of_untracked(root, emit)
    store = ArtifactStore(project, emit=emit)
    keys.own(project)  # a key that can't be used is found now, not after the build
    lock = project.data / f"build-{app.name}.lock"
    with held(lock, ArtifactError):  # a second build of it finds the first one's artifact
        known = None if dirty else store.nearest(app.name, [commit])
        if known is not None and store.has_archive(known):
            return known, False
        if known is not None:
            emit(Notice(f"the archive of {known.label} is missing from the store, so it's built again", warning=True))
        emit(Step(f"building {app.name} from commit {commit[:10]}{' and uncommitted changes' if dirty else ''}"))
        if dirty:
            return _run(project, app, store, None, commit, emit), True
        with account(f"build-{app.name}", [root]) as builder:
            export(root, commit, builder.home / "tree", emit)
            builder.give(builder.home / "tree")
            try:
                artifact = _run(project, app, store, builder, commit, emit)
            except ArtifactError:
                known = store.nearest(app.name, [commit])  # another machine built the same commit meanwhile
                if known is None or not store.has_archive(known):
                    raise
                return known, False
    if artifact.commit != commit:
        raise ArtifactError(
            f"{artifact.label} was built from commit {(artifact.commit or 'unknown')[:10]}, not {commit[:10]}",
            hint="a version belongs to one commit: make a new tag instead of moving one",
        )
    return artifact, True


def _warn_of_untracked(root: Path, emit: Emit) -> None:
    """Names the files that git knows nothing of, and that aren't ignored: somebody may think that they're built in."""
    listed = _git(root, "ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory")
    names = [name for name in listed.split("\0") if name]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        shown = ", ".join(names[:_NAMED]) + more
        emit(Notice(f"not in git, so not in the build either: {shown} (`git add` them, or ignore them)", warning=True))


def commits(root: Path, limit: int = 1000) -> list[str]:
    """HEAD and its ancestors, nearest first."""
    return _git(root, "rev-list", f"--max-count={limit}", "HEAD").split()


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(git_command(root, *arguments), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ArtifactError(
            "git isn't installed", hint="builds are found by their commits: install git, or deploy a file"
        ) from error
    refused = refusal(root) or distrust(root, result.stderr)
    if refused is not None:
        raise ArtifactError(refused[0], hint=refused[1])
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ArtifactError(f"git {arguments[0]}: {reason}", hint="builds need a git repository with a commit")
    return result.stdout.strip()


def export(root: Path, commit: str, folder: Path, emit: Emit) -> None:
    """Writes a commit's files, and nothing else; piped, since a repository may be larger than memory.

    Args:
        root: The project; only what's below it is written.
        commit: The commit's full id.
        folder: Where; it's made.
        emit: Gets a warning of what's left out.

    Raises:
        ArtifactError: git or tar failed.
    """
    if (root / ".gitmodules").is_file():
        emit(Notice("git leaves submodules out of the export that is built", warning=True))
    folder.mkdir(mode=0o700)
    command = git_command(root, "archive", "--format=tar", commit, ".")
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL) as archive,
    ):
        tar = subprocess.run(
            ["tar", "-x", "-C", str(folder)], stdin=archive.stdout, capture_output=True, text=True, check=False
        )
        archive.stdout.close()  # type: ignore[union-attr]  # so that git ends too when tar has ended early
        if archive.wait() not in (0, -signal.SIGPIPE):
            errors.seek(0)
            raise ArtifactError(f"git archive: {errors.read().decode('utf-8', 'replace').strip()}")
    if tar.returncode != 0:
        raise ArtifactError(f"the commit can't be exported: {tar.stderr.strip()}")


def _run(
    project: Project, app: App, store: ArtifactStore, builder: Account | None, commit: str, emit: Emit
) -> Artifact:
    """Builds in the builder's export of the commit; without a builder, in the work tree, as this user."""
    began = time.time()
    commit_time = float(_git(project.root, "show", "-s", "--format=%ct", commit))
    described = _git(project.root, "describe", "--always", "--tags", "--abbrev=10", commit)
    version = re.sub(r"[^A-Za-z0-9_.+~-]", "-", described)  # a tag may be called release/1.4
    if builder is None:
        version = f"{version}-dirty.{int(began)}"
    data = project.data.resolve() if project.data.is_symlink() else project.data  # a pipeline's checkout goes
    log = data / f"build-{app.name}.log"  # stays here when the build fails
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"  # the Python that runs cdconf comes first
    variables = {"PATH": path, "CDCONF_VERSION": version, "SOURCE_DATE_EPOCH": str(int(commit_time))}
    folder = builder.home / "tree" if builder is not None else project.root
    isolated = _shell(app, folder, variables, log, builder)
    emit(OwnCodeRan(f"the build of {app.name}", isolated, builder.why if builder is not None else ""))
    file, found_version = _result(app, folder, version, began)
    made = store.add(
        app.name,
        found_version,
        builder.take(file) if builder is not None else file,
        command=command_line(app),
        log=log,
        isolated=isolated,
        commit=commit,
        commit_time=commit_time,
        built_at=round(time.time(), 3),
        duration_s=round(time.time() - began, 3),
        builder=f"{user_name()}@{socket.gethostname()}",
        dirty=builder is None,
    )
    emit(Notice(f"built {made.label} ({made.size / 1e6:.1f} MB, sha256 {made.archive[:12]})"))
    if keys.own(project) is None:
        emit(Notice(f"{made.label} isn't signed: there's no key (`cdconf key new` makes one)"))
    return made


def command_line(app: App) -> str:
    """What a build runs, as the artifact's provenance says it."""
    before = app.hooks.before_build
    return f"{before} && {app.build}" if before is not None else str(app.build)


def _words(app: App) -> list[str]:
    """The program of a build, with its arguments; the hook before it is a shell of its own, and says that it failed."""
    before = app.hooks.before_build
    if before is None:
        return ["/bin/sh", "-c", str(app.build)]
    text = 'sh -c "$1" || { status=$?; echo "the before_build hook failed" >&2; exit $status; }; exec sh -c "$2"'
    return ["/bin/sh", "-c", text, "sh", before, str(app.build)]


def _shell(app: App, folder: Path, variables: dict[str, str], log: Path, builder: Account | None) -> bool:
    """Runs the build's own command line, all of which dies with us; returns whether it couldn't reach any key.

    Raises:
        ArtifactError: It failed.
    """
    with log.open("wb") as output, GuardProcess() if builder is None else nullcontext() as guard:
        command = _words(app)
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        if builder is None:
            mark = guard.mark if guard is not None else {}
            options |= {"env": {**scrubbed(os.environ), **mark, **variables}, "start_new_session": True}
            process = subprocess.Popen(command, cwd=folder, **options)
        else:
            builder.lend(output.fileno())
            process = builder.start(command, folder, variables, **options)
        try:
            status = _ended(process, app, output.fileno())
        except BaseException:
            end_group(process)
            watching = builder.guard if builder is not None else guard
            if watching is not None:  # also what has begun a session of its own
                watching.end()
            raise
        finally:
            if builder is not None:
                builder.end()
                os.fchown(output.fileno(), os.geteuid(), os.getegid())
            if os.fstat(output.fileno()).st_size > LARGEST_LOG:
                os.ftruncate(output.fileno(), LARGEST_LOG)
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        kept_away = builder is not None and builder.isolated
        hint = f"the whole log is in {log}"
        if kept_away:
            hint += (
                "; it ran as another user, without your variables and files. Whether that's the cause, a run with "
                "CDCONF_ISOLATION=off tells: it has them, so set it only for a commit that you trust"
            )
        raise BuildFailed(
            f"the build of '{app.name}' failed with exit status {status}",
            file=app.file,
            line=app.line,
            hint=hint,
            detail="\n".join(lines[-_LAST_LINES:]),
        )
    return builder is not None and builder.isolated


def _ended(process: subprocess.Popen[Any], app: App, log: int) -> int:
    """Waits for a build; returns its exit status.

    Raises:
        BuildFailed: It takes too long, or writes too much; it may be running still.
    """
    deadline = time.monotonic() + app.build_within
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(min(_LOOK, max(0.0, deadline - time.monotonic())))
        if time.monotonic() >= deadline:
            why = f"was still running after {app.build_within:g} s, and was ended"
            hint = "`build_within` of the app says how long it may take"
        elif os.fstat(log).st_size > LARGEST_LOG:
            why = f"had written more than {LARGEST_LOG // 1024**2} MiB, and was ended"
            hint = "does it ask something again and again? What it has to keep belongs into a file"
        else:
            continue
        raise BuildFailed(f"the build of '{app.name}' {why}", file=app.file, line=app.line, hint=hint)


def _result(app: App, folder: Path, version: str, began: float) -> tuple[Path, str]:
    """The one file that the glob finds; with several (a dirty tree's older ones) the version's own."""
    pattern = str(app.artifact)
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    before, _, after = Path(pattern).name.partition("*")
    own = [path for path in found if path.name == f"{before}{version}{after}"]
    chosen = own or found
    if len(chosen) != 1:
        left = f"left {', '.join(path.name for path in chosen[:_NAMED])}" if chosen else "left none"
        new = [] if chosen else _new_files(folder, began)
        hint = f"new since it began: {', '.join(new)}" if new else None
        text = f"the build of '{app.name}' must leave one file {pattern}, and {left}"
        raise BuildFailed(text, file=app.file, line=app.line, hint=hint)
    reason = leads_outside(chosen[0], folder)
    if reason is not None:
        raise BuildFailed(f"the artifact of '{app.name}' can't be read: {reason}", file=app.file, line=app.line)
    name = chosen[0].name
    return chosen[0], name[len(before) : len(name) - len(after)]


def _new_files(folder: Path, began: float) -> list[str]:
    """Files that a build has made or changed, relative to its tree; the first of them, and of what's looked at."""
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in (".git", ".cdconf"))
        for name in sorted(files):
            path = Path(parent, name)
            with suppress(OSError):
                if path.lstat().st_mtime >= began:
                    found.append(str(path.relative_to(folder)))
        if len(found) >= _NAMED:
            break
    return found[:_NAMED]
