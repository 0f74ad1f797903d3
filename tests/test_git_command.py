"""git is never given a repository that a commit has brought, nor what that one's configuration names to be run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cdconf
from cdconf.artifacts.build import commits
from cdconf.errors import ArtifactError, CdconfError
from cdconf.git_command import git_command, planted
from cdconf.history.journal import head
from cdconf.history.worktree import WorkTree
from cdconf.promotion.procedure import procedure
from tests.conftest import git, write

FILES = {
    "shop/cdconf.yml": """
        project: demo
        groups: {web: [web]}
        apps: {shop: {groups: [web], path: /srv/shop}}
    """,
    "shop/roles/web/role.yml": "resources: []\n",
}


@pytest.fixture
def project(tmp_path):
    """A project below its repository's own directory, as in a repository of several."""
    root = tmp_path / "repository"
    write(root, FILES)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root / "shop"


def plant(folder, own, ran):
    """What a commit may have in any directory: a repository's files, which name a program and show another tree."""
    for name in ("objects", "refs"):
        shutil.copytree(own / name, folder / name)
    shutil.copy(own / "HEAD", folder / "HEAD")
    text = f'[core]\n bare = false\n worktree = {folder}/shown\n fsmonitor = "touch {ran}; false"\n'
    (folder / "config").write_text(text)
    (folder / "shown").mkdir()


@pytest.mark.parametrize("above", [0, 1])
def test_a_repository_that_a_commit_has_brought_is_refused(project, tmp_path, above):
    ran, top = tmp_path / "ran", project.parent
    if above:
        (top / "between").mkdir()
        project = project.rename(top / "between/shop")
    folder = project.parent if above else project
    plant(folder, top / ".git", ran)
    with pytest.raises(CdconfError, match=f"{folder} has HEAD and objects, so that git would take it for a repository"):
        procedure(project, "HEAD", "shop")
    with pytest.raises(ArtifactError, match="has HEAD and objects"):
        commits(project)
    assert WorkTree(project).changes() is None
    assert head(project) is None
    assert not ran.exists()


def test_objects_may_lie_elsewhere(project, tmp_path):
    """A work tree's repository says in `commondir` where they are."""
    plant(project, project.parent / ".git", tmp_path / "ran")
    for name in ("objects", "refs"):
        (project / name).rename(project / "shown" / name)
    (project / "commondir").write_text("shown\n")
    assert planted(project) == project
    with pytest.raises(CdconfError, match="has HEAD and objects"):
        procedure(project, "HEAD", "shop")
    assert not (tmp_path / "ran").exists()


def test_the_repository_s_own_directory_may_have_such_names(project):
    top = project.parent
    (top / "HEAD").write_text("nothing\n")
    (top / "objects").mkdir()
    assert planted(project) is None
    assert procedure(project, "HEAD", "shop").commit == git(top, "rev-parse", "HEAD")


def test_a_linked_work_tree_is_a_repository_as_any_other(project, tmp_path):
    git(project, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert planted(tmp_path / "linked/shop") is None
    assert procedure(tmp_path / "linked/shop", "HEAD", "shop").digest == procedure(project, "HEAD", "shop").digest


def test_git_is_called_in_this_way_everywhere():
    """Elsewhere it makes a repository, or runs on a host."""
    root = Path(cdconf.__file__).parent
    calling = {
        path.relative_to(root).as_posix() for path in root.rglob("*.py") if re.search(r"\[\"git\"", path.read_text())
    }
    assert calling == {"git_command.py", "pipeline/checkout.py", "resources/git/agent.py"}
    assert git_command(Path("/x"), "status")[:3] == ["git", "--no-optional-locks", "--no-replace-objects"]


def test_in_a_hook_every_command_reads_the_repository_of_its_own_project(tmp_path):
    """git says to its hooks which repository they're of; `build` would take that one's HEAD for the project's."""
    for name in ("project", "other"):
        about = {"cdconf.yml": "project: demo\ngroups: {web: []}\n", "README": name, ".gitignore": ".cdconf/\n"}
        if name == "project":
            app = 'groups: [web], path: /srv/app, build: "tar czf app-1.tar.gz README", artifact: "app-*.tar.gz"'
            about["cdconf.yml"] += f"apps: {{app: {{{app}}}}}\n"
        write(tmp_path / name, about)
        for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", name)):
            git(tmp_path / name, *arguments)
    of_hook = {"GIT_DIR": str(tmp_path / "other/.git"), "GIT_WORK_TREE": str(tmp_path / "other")}
    command = [sys.executable, "-m", "cdconf", "build", "app", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path / "project", env={**os.environ, **of_hook}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "project", "rev-parse", "HEAD") in done.stdout
