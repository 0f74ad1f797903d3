"""A commit travels through a copy to a host that stays: red ones stop, killed runs go on, racing ones agree."""

import contextlib
import json
import shutil

import pytest

from tests.conftest import cdconf
from tests.pipeline.sweep import rounds
from tests.pipeline.world import PROJECT, Line, checked, forget_snapshots, offices

pytestmark = pytest.mark.hosts
KILLED = ("acceptance | ==> batch 1 of 1: activate", "acceptance | ==> removing", "release | ==> batch 1 of 1: smoke")
HOLD = "roles/app/smoke/test_hold.py"  # a release with it is proven once there's a file
HOLDING = """
    def test_it_may_go_on(host):
        host.check_output("timeout 90 sh -c 'until test -e /srv/app/go; do sleep 0.1; done'")
"""
FOLLOWING = """
        pipeline:
          concurrency: {}
          stages:
            - {{stage: commit, run: sh check.sh, inputs: [check.sh], build: app}}
            - {{stage: release, environment: dev}}
"""
FAILING = PROJECT["cdconf.yml"].replace('{expand: "echo', '{expand: "exit 7; echo')


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in offices(tmp_path_factory.mktemp("offices")).items():
            patch.setenv(name, value)
        one = Line.made(tmp_path_factory.mktemp("line"))
        stack.callback(shutil.rmtree, one.root, ignore_errors=True)
        stack.callback(forget_snapshots)
        stack.callback(cdconf, one.root, "destroy", "dev", "--yes")
        yield one


def test_two_racing_runs_take_a_commit_to_the_host_once(line):
    commit = line.change("race")
    processes = [line.started(forked=False), line.started("--json", forked=False)]
    said = [one.communicate(timeout=240)[0] for one in processes]
    assert [one.returncode for one in processes] == [0, 0], said
    assert checked(line, commit) == []
    told = "".join(said)
    assert f"accepted {commit[:10]} web1 ['web'] True" in told or json.loads(said[1])["joined"] is False
    assert line.on("web1", "curl -sS http://127.0.0.1:8000/") == commit[:10]


@pytest.mark.parametrize(
    ("what", "files", "stage", "words"),
    [
        ("acceptance", {"accept.py": "print('FAILED a.py::b'); exit(3)\n"}, "acceptance", "test: a.py::b"),
        ("migration", {"cdconf.yml": FAILING}, "acceptance", "migration"),
    ],
)
def test_a_red_one_stops_and_reaches_the_host_by_nothing(line, what, files, stage, words):
    served = line.on("web1", "curl -sS http://127.0.0.1:8000/")
    commit = line.change(f"break {what}", **files)
    try:
        text = line("pipeline", "run", code=1).stderr
        shown = text[text.index("error: stage") :]
        assert f"stage '{stage}' is red" in shown
        assert words in shown
        assert line.left() == []
        assert line.proofs(commit[:10])[stage] == 1
        assert "cdconf pipeline resume" in line("pipeline", "run", code=3).stderr
        assert line("deploy", f"app@{commit[:10]}", "--to", "dev", code=3)
        assert line.on("web1", "curl -sS http://127.0.0.1:8000/") == served
    finally:
        line.change(f"mend {what}", **{name: PROJECT[name] for name in files})


class Following:
    """Commits that want one stage at the same time; `runs` are the processes of all runs."""

    def __init__(self, line):
        self.line, self.runs = line, []

    def begun(self, concurrency, until, *, held=False):
        """Commits and runs a change; returns the commit and its run once that says so."""
        (self.line.root / HOLD).unlink(missing_ok=True)
        config = PROJECT["cdconf.yml"].partition("        pipeline:")[0].rstrip() + FOLLOWING.format(concurrency)
        what = f"{len(self.runs)} {concurrency} {until}"
        commit = self.line.change(what, **{"cdconf.yml": config, **({HOLD: HOLDING} if held else {})})
        process = self.line.started()
        self.runs.append(process)
        said = []
        for text in process.stdout:
            said.append(text)
            if until in text:
                return commit, process
        raise AssertionError(f"it never said '{until}': {''.join(said)}")

    def end(self):
        """Ends what's left, and has the project as it was."""
        self.line.on("web1", "touch /srv/app/go")
        for one in self.runs:
            if one.poll() is None:
                one.terminate()
                one.communicate(timeout=240)
        (self.line.root / HOLD).unlink(missing_ok=True)
        self.line.change("as it was", **{"cdconf.yml": PROJECT["cdconf.yml"]})


@pytest.fixture
def following(line):
    one = Following(line)
    yield one
    one.end()


def ends(process, code):
    said = process.communicate(timeout=240)[0]
    assert process.returncode == code, said
    return said


def test_commits_that_follow_each_other_supersede_those_that_wait_or_run(line, following):
    first, running = following.begun("batch", "batch 1 of 1: smoke", held=True)
    second, waiting = following.begun("batch", "release: waiting")
    third, newest = following.begun("batch", "release: waiting")
    assert f"superseded by commit {third[:10]}" in ends(waiting, 3)
    line.on("web1", "touch /srv/app/go")
    ends(running, 0)
    ends(newest, 0)
    assert [line.verified(one[:10]) for one in (first, second, third)] == [1, 0, 1]
    assert line.on("web1", "rm /srv/app/go; curl -sS http://127.0.0.1:8000/") == third[:10]
    ended, running = following.begun("cancel", "batch 1 of 1: smoke", held=True)
    newer, newest = following.begun("cancel", "release: ")
    assert f"superseded by commit {newer[:10]}" in ends(running, 3)
    ends(newest, 0)
    assert [line.verified(one[:10]) for one in (ended, newer)] == [0, 1]
    assert line.on("web1", "curl -sS http://127.0.0.1:8000/") == newer[:10]
    assert line.left() == []


@pytest.mark.once
def test_killed_runs_are_gone_on_with(line):
    assert [problems for _, problems in rounds(line, 3, 1, KILLED)] == [[], [], []]


def test_the_changes_that_travelled_are_a_value_stream_and_a_whole_history(line):
    """One change more, whose way is told; what was killed before left its mark in the history."""
    commit = line.change("be measured")
    line("pipeline", "run")
    stream = json.loads(line("value-stream", "--to", "dev", "--json").stdout)["value_stream"]["apps"]["app"]
    change = next(one for release in stream["releases"] for one in release["changes"] if one["commit"] == commit)
    assert {part["stage"] for part in change["parts"]} >= {"acceptance", "release"}
    assert sum(part["ends"] - part["begins"] for part in change["parts"]) == pytest.approx(
        change["verified_at"] - change["committed_at"], abs=1
    )
    assert line("history", "verify", code=0)
    runs = json.loads(line("history", "--json", "--limit", "50").stdout)["runs"]
    assert "deploy" in {run["command"] for run in runs}
