import os
import time

import pytest

from cdconf.agent.system import gitdir
from tests.conftest import git


@pytest.fixture
def tree(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "ü x").write_text("two\n")
    (tmp_path / "run").write_text("#!\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("a")
    past = time.time() - 60
    for name in ("a", "ü x", "run"):
        os.utime(tmp_path / name, (past, past))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "1")
    git(tmp_path, "remote", "add", "origin", "ssh://git@example.com/a.git")
    return tmp_path


def repository(tree):
    return gitdir.find(str(tree))


def test_reads_head_in_every_form(tree):
    commit = git(tree, "rev-parse", "HEAD")
    assert gitdir.head(repository(tree)) == commit
    git(tree, "pack-refs", "--all")
    assert gitdir.head(repository(tree)) == commit
    git(tree, "checkout", "-q", "--detach")
    assert gitdir.head(repository(tree)) == commit
    assert gitdir.url(repository(tree)) == "ssh://git@example.com/a.git"


def test_a_repository_without_commits_has_no_head(tmp_path):
    git(tmp_path, "init", "-q")
    assert gitdir.head(repository(tmp_path)) is None
    assert gitdir.find(str(tmp_path / "none")) is None


def test_an_untouched_tree_has_no_suspects(tree):
    assert gitdir.suspects(str(tree), repository(tree)) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda tree: (tree / "a").write_text("ONE\n"), "a"),
        (lambda tree: (tree / "ü x").unlink(), "ü x"),
        (lambda tree: (tree / "run").chmod(0o644), "run"),
        (lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("b")), "link"),
        (lambda tree: ((tree / "a").unlink(), (tree / "a").mkdir()), "a"),
    ],
)
def test_changes_are_suspects(tree, change, name):
    change(tree)
    assert gitdir.suspects(str(tree), repository(tree)) == [name]


def test_what_only_git_can_tell(tree):
    git(tree, "update-index", "--index-version", "4")
    with pytest.raises(gitdir.NeedsGit):
        gitdir.suspects(str(tree), repository(tree))


def test_a_submodule_that_is_behind(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q", "-b", "main")
    (other / "f").write_text("x")
    git(other, "add", ".")
    git(other, "commit", "-qm", "1")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    assert gitdir.submodules_behind(str(tree), repository(tree)) == []
    git(tree / "sub", "commit", "-q", "--allow-empty", "-m", "2")
    assert gitdir.submodules_behind(str(tree), repository(tree)) == ["sub"]
