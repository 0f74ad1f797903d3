"""Who's asked before newer files are taken back."""

import sys
from types import SimpleNamespace

import click
import pytest

from cdconf.cli.older_files import comparison
from cdconf.errors import OlderFiles
from cdconf.events import Asking
from tests.conftest import git


@pytest.fixture
def run(tmp_path):
    """A run from the older of two commits, and the newer one."""
    git(tmp_path, "init", "-q")
    for number in range(2):
        git(tmp_path, "commit", "-qm", str(number), "--allow-empty")
    newer = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "reset", "-q", "--hard", "HEAD~1")
    events = []
    project = SimpleNamespace(root=tmp_path, groups={})
    environment = SimpleNamespace(hosts={"web1": None, "db1": None})
    about = {"project": project, "environment": environment, "work_tree": None, "extra": {}}
    made = SimpleNamespace(**about, emit=events.append, mask=str, events=events)
    made.applied = {"web1": {"commit": newer, "dirty": False, "owner": None}}
    return made


def terminal(monkeypatch, answer):
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", lambda question, err: answer)


def test_without_a_terminal_nothing_is_asked_and_nothing_is_done(run):
    with pytest.raises(OlderFiles):
        comparison(run).check(run.applied, run.emit)


def test_older_says_that_it_is_meant(run):
    comparison(run, older=True).check(run.applied, run.emit)
    assert [one.warning for one in run.events] == [True], "it's said all the same"
    assert run.extra["applied_from"]["web1"]["newer"] == 1


def test_a_yes_goes_on_and_the_live_display_pauses(run, monkeypatch):
    terminal(monkeypatch, answer=True)
    comparison(run).check(run.applied, run.emit)
    assert [one.begins for one in run.events if isinstance(one, Asking)] == [True, False]


def test_a_no_ends_the_run(run, monkeypatch):
    terminal(monkeypatch, answer=False)
    with pytest.raises(OlderFiles):
        comparison(run).check(run.applied, run.emit)
