"""A stage's own command: its output, its end, its time, and nothing of it is left."""

import os
import time

import pytest

from cdconf.errors import CommandFailed
from cdconf.events import OwnCodeRan, Printed
from cdconf.inventory.pipeline import Stage
from cdconf.isolation import account
from cdconf.pipeline.command import LONGEST_LINE, run_command
from tests.conftest import git, write
from tests.hosts.live import eventually


@pytest.fixture
def run(tmp_path, monkeypatch):
    write(tmp_path, {"here": "the commit's\n", "sub/cdconf.yml": "x\n", "sub/file": "y\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    write(tmp_path, {"here": "not committed\n", "new": "not committed\n"})
    monkeypatch.setenv("SECRET_TOKEN", "hidden")

    def run(line, within=30.0, root=tmp_path, **variables):
        told = []
        stage = Stage("test", run=line, within=within, line=7)
        try:
            ran = run_command(root, git(root, "rev-parse", "HEAD"), stage, variables, told.append)
        except CommandFailed as error:
            ran = error
        lines = [one.message for one in told if isinstance(one, Printed)]
        isolated = [one.isolated for one in told if isinstance(one, OwnCodeRan)]
        assert len(isolated) == 1
        return ran, lines

    run.root = tmp_path
    return run


def test_it_runs_in_the_commit_s_files_and_is_told_what_it_needs(run):
    ran, lines = run("cat here; ls; echo $CDCONF_STAGE ${SECRET_TOKEN:-none} $MORE", MORE="more")
    assert lines == ["the commit's", "here", "sub", "test none more"]
    assert not isinstance(ran, CommandFailed)
    _, lines = run("ls", root=run.root / "sub")
    assert lines == ["cdconf.yml", "file"]


@pytest.mark.parametrize(
    ("line", "words"), [("exit 3", "failed with exit status 3"), ("kill -9 $$", "was ended by signal 9")]
)
def test_it_is_red(run, line, words):
    error, _ = run(f"echo out; echo err >&2; {line}")
    assert words in error.message
    assert error.detail == "out\nerr"
    assert (error.file, error.line, error.exit_code) == ("cdconf.yml", 7, 1)


@pytest.mark.parametrize("isolation", ["on", "off"])
def test_it_is_ended_as_a_whole_when_its_time_is_over(run, tmp_path_factory, monkeypatch, isolation):
    monkeypatch.setenv("CDCONF_ISOLATION", isolation)
    error, lines = run("echo $$; (trap '' TERM; while :; do sleep 0.1; done) & echo $!; sleep 60", within=1.5)
    assert "was still running after 1.5 s" in error.message
    assert len(lines) == 2
    assert eventually(lambda: not any(_lives(int(one)) for one in lines), within=20)


def test_what_it_leaves_running_does_not_keep_it_and_ends_with_it(run):
    began = time.monotonic()
    _, lines = run("sleep 300 & echo $!", within=200)
    assert time.monotonic() - began < 100
    assert eventually(lambda: not _lives(int(lines[0])), within=20)


@pytest.mark.parametrize("isolation", ["on", "off"])
def test_what_leaves_its_session_ends_with_it(run, monkeypatch, isolation):
    monkeypatch.setenv("CDCONF_ISOLATION", isolation)
    _, lines = run("setsid sh -c 'echo $$; exec sleep 300' & sleep 0.5; echo end")
    assert lines[1:] == ["end"]
    assert eventually(lambda: not _lives(int(lines[0])), within=20)


def test_what_it_leaves_printing_does_not_keep_it_either(run):
    ran, lines = run("yes & echo $!", within=60)
    assert ran.duration_s < 40
    (number,) = {one for one in lines if one.isdigit()}
    assert eventually(lambda: not _lives(int(number)), within=20)


def test_it_may_close_its_output_and_go_on(run):
    ran, lines = run("echo one; exec >&- 2>&-; sleep 0.3; exit 0")
    assert lines == ["one"]
    assert ran.duration_s >= 0.3


def test_lines_are_cut_and_odd_bytes_shown(run):
    _, lines = run(f"head -c {LONGEST_LINE * 2 + 5} /dev/zero | tr '\\0' x; echo; printf 'a\\377b'")
    assert [len(one) for one in lines] == [LONGEST_LINE, LONGEST_LINE, 5, 3]
    assert lines[3] == "a\ufffdb"


def test_words_are_not_cut_in_two(run):
    _, lines = run(
        f"head -c {LONGEST_LINE - 10} /dev/zero | tr '\\0' x; echo ' a-long-secret-word'; sleep 0.2; echo end"
    )
    assert [one[-20:].strip("x") for one in lines] == ["", " a-long-secret-word", "end"]


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stream:  # noqa: PTH123
        return stream.read().rpartition(")")[2].split()[0] != "Z"


def test_a_container_hides_the_project_from_it(run, monkeypatch):
    """It might lie below what a container shows, such as a directory of programs."""
    asked = []

    def seen(kind, hidden=()):
        asked.extend(hidden)
        return account(kind, hidden)

    monkeypatch.setattr("cdconf.pipeline.command.account", seen)
    run("true")
    assert asked == [run.root]
