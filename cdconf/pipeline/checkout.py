"""A checkout of one commit: what a run of the pipeline works on, whatever the work tree is like.

It's a repository of its own that borrows the other one's objects, and `.cdconf/` of the directory that people work in,
so that hosts, secrets and artifacts are the same from both. Nothing is registered there: it goes with its directory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from cdconf.errors import CdconfError, UsageError
from cdconf.inside import lend
from cdconf.inventory import Project, load_project
from cdconf.inventory.project import FILE
from cdconf.pipeline.partial_clone import check_complete, complete
from cdconf.plans.git import check_repository, git, succeeds
from cdconf.plans.revision import commit_of
from cdconf.yamlfile import expect, loads

_DATA = ".cdconf"
_BORROWED = (_DATA, ".vagrant")  # of the directory's own
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


def commit_to_run(root: Path, name: str) -> str:
    """The full id of what's asked for.

    Raises:
        UsageError: There's no repository, or no such commit.
    """
    check_repository(root, hint="a pipeline takes commits: `git init`, and commit the project")
    return commit_of(root, name)


def home_at(root: Path, commit: str) -> Project:
    """The project in the directory that people work in, by what a commit says: what isn't committed doesn't count.

    It's for its data alone, so that it has neither groups nor apps.

    Args:
        root: The directory.
        commit: The commit's full id.

    Raises:
        UsageError: The commit has no project, or no pipeline.
        InvalidFile: Its cdconf.yml breaks a rule.
    """
    prefix = _prefix(root)
    if not succeeds(root, "cat-file", "-e", f"{commit}:{prefix}{FILE}"):
        raise UsageError(f"commit {commit[:10]} has no {FILE}", hint="name a commit that has the project")
    top = loads(git(root, "cat-file", "blob", f"{commit}:{prefix}{FILE}").decode("utf-8", "replace"), FILE)
    if "pipeline" not in top:
        raise UsageError(f"commit {commit[:10]} has no `pipeline` in {FILE}", hint="see docs/guides/pipeline.md")
    store, database = (expect(top, key, str, FILE, None) for key in ("store", "database"))
    return Project(root, expect(top, "project", str, FILE), {}, {}, 60.0, store=store, database=database)


def check_out(home: Project, commit: str, folder: Path) -> Project:
    """Makes the checkout, and reads the project as the commit has it.

    Args:
        home: The project in the directory that people work in.
        commit: The commit's full id.
        folder: Where; what a run that was killed has left there goes.

    Raises:
        InvalidFile: The commit's cdconf.yml breaks a rule.
        UsageError: The commit has no project, or brings data of its own in place of the directory's.
        CdconfError: git can't.
    """
    shutil.rmtree(folder, ignore_errors=True)
    prefix = _prefix(home.root).rstrip("/")
    _check_data(home.root, commit, prefix)
    complete(home.root, commit)
    _borrow(home.root, folder)
    pattern = re.sub(r"([\\*?\[\] ])", r"\\\1", prefix)  # the directory's name as it is
    with (folder / ".git/info/exclude").open("ab") as stream:
        stream.writelines(os.fsencode(f"{pattern and f'/{pattern}'}/{one}\n") for one in _BORROWED)
    _git("-C", str(folder), "checkout", "--quiet", "--detach", commit)
    check_complete(folder)
    lend(folder, home.root / _BORROWED[0])
    root = folder / prefix
    if (root / "Vagrantfile").exists():  # what vagrant writes down there must outlive the checkout
        (home.root / ".vagrant").mkdir(exist_ok=True)
    for name in _BORROWED:
        own = home.root / name
        if own.is_dir() and not os.path.lexists(root / name):
            (root / name).symlink_to(own, target_is_directory=True)
    return load_project(root)


def _prefix(root: Path) -> str:
    """The project's path in its repository, with a `/` at its end; empty at the top."""
    return os.fsdecode(git(root, "rev-parse", "--show-prefix")).strip("\n")


def _check_data(root: Path, commit: str, prefix: str) -> None:
    """Raises `UsageError` where artifacts, hosts and secrets would be those that the commit brings."""
    path = f"{prefix and f'{prefix}/'}{_DATA}"
    if succeeds(root, "cat-file", "-e", f"{commit}:{path}"):
        raise UsageError(
            f"commit {commit[:10]} has {path} in git, which is one directory's own: its artifacts and secrets",
            hint=f"`git rm -r --cached {_DATA}`, write {_DATA}/ into .gitignore, and commit that",
        )


def _borrow(root: Path, folder: Path) -> None:
    """Makes a repository with another one's objects and tags, also where that is shallow, or has a detached HEAD."""
    common = Path(os.fsdecode(git(root, "rev-parse", "--path-format=absolute", "--git-common-dir")).strip("\n"))
    kind = git(root, "rev-parse", "--show-object-format").decode().strip()
    _git("init", "--quiet", "--template=", f"--object-format={kind}", str(folder))
    own = folder / ".git"
    (own / "info").mkdir(exist_ok=True)
    (own / "objects/info").mkdir(parents=True, exist_ok=True)
    (own / "objects/info/alternates").write_bytes(os.fsencode(f"{common / 'objects'}\n"))
    if (common / "shallow").is_file():
        shutil.copyfile(common / "shallow", own / "shallow")
    (own / "packed-refs").write_bytes(git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"))


def _git(*arguments: str) -> None:
    variables = {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", *_NO_HOOKS, *arguments], capture_output=True, env=variables, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise CdconfError(f"the commit can't be checked out: git {arguments[0]}: {lines[-1]}")
