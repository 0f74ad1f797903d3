"""A commit in the hands of a run can't be collected by git; what a killed run left goes, another checkout's stays."""

import pytest

from cdconf.inventory import load_project
from cdconf.pipeline import commit_lock
from cdconf.pipeline.kept_commit import REFS, kept
from tests.conftest import git, write


@pytest.fixture
def home(tmp_path):
    root = write(tmp_path, {"cdconf.yml": "project: demo\ngroups: {web: []}\n", ".gitignore": ".cdconf/\n"})
    git(root, "init", "-q", "-b", "main")
    for message in ("one", "two"):
        git(root, "add", "-A")
        git(root, "commit", "-q", "--allow-empty", "-m", message)
    return load_project(root)


def refs(home):
    return git(home.root, "for-each-ref", "--format=%(objectname)", REFS).split()


def collect(home):
    git(home.root, "reflog", "expire", "--expire=now", "--all")
    git(home.root, "gc", "-q", "--prune=now")


def test_it_stays_until_the_end_and_not_longer(home):
    commit = git(home.root, "rev-parse", "HEAD")
    with kept(home, commit):
        git(home.root, "reset", "-q", "--hard", "HEAD~1")
        collect(home)
        assert git(home.root, "cat-file", "-t", commit) == "commit"
    assert refs(home) == []
    with pytest.raises(KeyboardInterrupt), kept(home, commit):
        raise KeyboardInterrupt
    assert refs(home) == []


def test_what_a_killed_run_left_goes_and_who_lives_keeps_its_own(home):
    first, second = git(home.root, "rev-list", "HEAD").split()
    dead = kept(home, first)
    dead.__enter__()
    with commit_lock.locked(home, second), kept(home, second):
        assert refs(home) == [second]
        with commit_lock.locked(home, first), kept(home, first):
            assert sorted(refs(home)) == sorted([first, second])
        assert refs(home) == [second]
    assert refs(home) == []


def test_another_checkout_s_is_left_alone(home):
    commit = git(home.root, "rev-parse", "HEAD")
    git(home.root, "update-ref", f"{REFS}/{'0' * 12}/{commit}", commit)
    with kept(home, commit):
        assert len(refs(home)) == 2
    assert refs(home) == [commit]


def test_a_repository_that_cannot_be_written_to_is_no_hindrance(home):
    commit = git(home.root, "rev-parse", "HEAD")
    (home.root / ".git/refs/cdconf").write_text("in the way")
    with kept(home, commit):
        pass
