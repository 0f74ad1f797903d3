"""A run that waits for another one takes its result, at whatever moment that comes."""

import contextlib
import shutil
import time

import pytest

from cdconf.artifacts.backends import place_of
from cdconf.inventory import load_project
from cdconf.pipeline import commit_lock, joining, store_lease
from cdconf.pipeline.entries import RunBegan, RunEnded
from cdconf.pipeline.joining import holder_is_dead, told_of
from cdconf.pipeline.record import RunRecorder
from cdconf.pipeline.run import run_pipeline
from tests.conftest import git, write

KEY = "a" * 32


@pytest.fixture
def home_project(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "PAUSE", 0.0)
    text = "project: demo\ngroups: {web: []}\npipeline: [{stage: one, run: 'false', inputs: [cdconf.yml]}]\n"
    write(tmp_path, {"cdconf.yml": text, ".gitignore": ".cdconf/\n"})
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return load_project(tmp_path)


def test_a_run_that_ends_just_before_it_gives_the_commit_back_is_not_repeated(home_project, monkeypatch):
    commit = git(home_project.root, "rev-parse", "HEAD")
    other = RunRecorder(place_of(home_project), "demo", commit)
    other.note(RunBegan(other.now(), commit, "main", "one", "A <a@x>", "ci@one", ()))
    locked, asked = commit_lock.locked, []

    @contextlib.contextmanager
    def late(home, name):
        asked.append(name)
        if len(asked) == 1:
            yield None
            return
        other.end(RunEnded(other.now(), "failed", 1, "stage 'one' is red"))
        with locked(home, name) as lock:
            yield lock

    monkeypatch.setattr(commit_lock, "locked", late)
    found = run_pipeline(home_project, commit, lambda event: None)
    assert (found.joined, found.run, found.ended.why) == (True, other.run, "stage 'one' is red")
    assert [path.name for path in (home_project.data / "artifacts").iterdir() if "pipelease" in path.name] == []


def test_of_a_dead_run_only_the_directory_that_has_its_lock_knows(home_project, tmp_path_factory):
    """A copy of it, such as a CI cache makes, has the same id, and another lock."""
    commit = git(home_project.root, "rev-parse", "HEAD")
    place = place_of(home_project)
    assert store_lease.take(place, KEY, told_of(home_project, commit, 0.0), time.time()).beat()
    assert holder_is_dead(place, KEY, home_project, commit)
    copied = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(home_project.root, copied)
    other = load_project(copied)
    assert other.checkout == home_project.checkout
    assert not holder_is_dead(place, KEY, other, commit)


def test_what_lies_beside_the_runs_is_left_alone(home_project):
    folder = home_project.data / commit_lock.FOLDER
    folder.mkdir()
    (folder / ".DS_Store").write_text("x")
    (folder / ("a" * 40)).mkdir()
    (folder / ("a" * 40) / "old.log").write_text("x")
    with commit_lock.locked(home_project, "b" * 40) as lock:
        assert lock is not None
        assert sorted(one.name for one in folder.iterdir()) == [".DS_Store", "b" * 40]
