"""`pipeline run` where nothing is deployed: what's run, said and kept, who waits for whom, and what's refused."""

import base64
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cdconf.artifacts.backends import place_of
from cdconf.inventory import load_project
from cdconf.pipeline.record import read_runs
from cdconf.pipeline.run import run_pipeline
from tests import verbs_as_forks
from tests.conftest import begun, cdconf, git, write

LINT = "{stage: lint, run: sh lint.sh, inputs: [lint.sh], needs: []}"
COMMIT = "{stage: commit, run: sh check.sh, inputs: [check.sh], build: APPS, needs: []}"
BUILD = "{stage: commit, build: APPS, needs: []}"
LATE = "{stage: late, run: sh late.sh, inputs: [late.sh]}"
WHOLE = (LINT, COMMIT, LATE.replace("}", ", needs: [lint, commit]}"))
SHORT = (BUILD, LATE)  # each verb of a stage is a process of half a second: two of them will do for most
FILES = {
    "cdconf.yml": """
        project: demo
        store: STORE
        groups: {web: [site]}
        apps:
          one: {groups: [web], path: /srv/one, build: sh build.sh one, artifact: "dist/one-*.tar.gz"}
          two: {groups: [web], path: /srv/two, build: sh build.sh two, artifact: "dist/two-*.tar.gz"}
        pipeline:
          concurrency: CONCURRENCY
          stop: STOP
          stages: [STAGES]
    """,
    "roles/site/role.yml": "resources:\n  - directory: /srv/site\n",
    "inventories/production/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "lint.sh": "echo linted\n",
    "check.sh": "echo checked\n",
    "late.sh": "echo late\n",
    "build.sh": """
        set -e
        echo built >> "$LOG/builds"
        mkdir -p dist out
        echo "$1 $CDCONF_VERSION" > out/app
        tar -C out -czf "dist/$1-$CDCONF_VERSION.tar.gz" .
    """,
    ".gitignore": ".cdconf/\nstore/\n",
}


def configured(apps="one", concurrency="queue", stop="artifact", stages=WHOLE):
    text = FILES["cdconf.yml"].replace("STAGES", ", ".join(stages)).replace("APPS", apps)
    return text.replace("CONCURRENCY", concurrency).replace("STOP", stop).replace("STORE", "store")


class Line:
    """A project with keys for all stages, or for some."""

    def __init__(self, root, log, keys=("lint", "commit", "late"), stages=SHORT, **about):
        self.root, self.log = root, log
        self.stages = len(stages)
        keys = [one for one in keys if any(f"stage: {one}," in stage for stage in stages)]
        text = configured(stages=stages, **about)
        write(root, {**FILES, "cdconf.yml": text})
        (root / "store").mkdir()
        git(root, "init", "-q", "-b", "main")
        self.commit("begin")
        for stage in keys:
            assert cdconf(root, "key", "new", "--office", f"stage:{stage}").returncode == 0

    def commit(self, what, **files):
        write(self.root, {name.replace("_", "."): text for name, text in files.items()} | {"note": what})
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", what)
        return git(self.root, "rev-parse", "HEAD")

    def __call__(self, *arguments, code=0):
        done = cdconf(self.root, "pipeline", "run", *arguments, LOG=str(self.log))
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr

    def document(self, *arguments, code=0):
        done = cdconf(self.root, "pipeline", "run", "--json", *arguments, LOG=str(self.log))
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def begun(self, *arguments, until=None):
        """A run in the background, once it has said something."""
        environment = {**os.environ, "LOG": str(self.log)}
        process = begun(self.root, "pipeline", "run", *arguments, stderr=subprocess.PIPE, env=environment)
        said = []
        while until is not None:
            line = process.stderr.readline()
            said.append(line)
            assert line, f"it never said '{until}': {''.join(said)}"
            if until in line:
                break
        return process

    @property
    def builds(self):
        path = self.log / "builds"
        return path.read_text().count("built") if path.exists() else 0

    def said(self):
        """What the statements say: (stage, app, result, commit), sorted. One that's found by two names counts once."""
        found = []
        paths = {path.name.rpartition("-")[2]: path for path in (self.root / "store/attested").rglob("statement-*")}
        for path in paths.values():
            statement = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
            if statement["predicateType"].endswith("/stage/v1"):
                about = statement["predicate"]
                found.append((about["stage"], about["app"], about["result"], about["commit"]))
        return sorted(found)

    def stops(self):
        found = []
        for path in (self.root / "store/attested").rglob("stop-*"):
            about = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))["predicate"]
            found.append((about["app"], about["version"], about["stage"]))
        return found

    def runs(self, commit=None):
        project = load_project(self.root)
        return read_runs(place_of(project), "demo", time.time(), commit=commit)

    def left(self):
        data = self.root / ".cdconf"
        found = [one.name for one in (data / "pipeline").iterdir() if one.name != "copies"]
        return found + [one.name for one in (self.root / "store").glob("pipe[lb]ea*")]


@pytest.fixture
def make(tmp_path, tmp_path_factory, home):
    return lambda **about: Line(tmp_path, tmp_path_factory.mktemp("log"), **about)


@pytest.fixture
def line(make):
    return make()


@pytest.fixture
def whole(make):
    return make(stages=WHOLE)


def go(path):
    """A command that waits for a file."""
    return f"echo waits; while [ ! -e {path} ]; do sleep 0.05; done\n"


def test_a_commit_passes_all_stages_whatever_the_work_tree_is_like(whole):
    line = whole
    commit = git(line.root, "rev-parse", "HEAD")
    write(line.root, {"check.sh": "exit 1\n", "lint.sh": "exit 1\n", "new": "x\n", "cdconf.yml": "broken: [\n"})
    text = line()
    assert "linted" in text
    assert "checked" in text
    said = [(stage, "one", "passed", commit) for stage in ("commit", "late", "lint")]
    assert line.said() == said
    git(line.root, "checkout", "-q", "cdconf.yml")
    (run,) = line.runs(commit)
    assert (run.ended.verdict, run.ended.code, run.began.subject) == ("passed", 0, "begin")
    assert {name: one.state for name, one in run.stages.items()} == dict.fromkeys(("lint", "commit", "late"), "passed")
    log = place_of(load_project(line.root)).read([run.stages["commit"].log])
    assert b"checked" in next(iter(log.values()))
    assert line.left() == []
    again = line.document()
    assert {name: one["why"] for name, one in again["stages"].items()} == dict.fromkeys(
        ("lint", "commit", "late"), "it had passed before"
    )
    assert (line.said(), line.builds) == (said, 1)
    assert (line.root / "check.sh").read_text() == "exit 1\n"


def test_modules_of_the_commit_are_not_imported_where_the_keys_are(line, monkeypatch):
    """A project may well have a directory `cdconf`, and a commit may hold a `click.py` that reads keys."""
    monkeypatch.setenv(verbs_as_forks.VARIABLE, "1")
    files = dict.fromkeys(("click.py", "cdconf/__init__.py", "sitecustomize.py"), "raise SystemExit('imported')\n")
    write(line.root, files)
    line.commit("modules")
    assert "imported" not in line()


def test_a_red_stage_says_who_changed_what_and_stops_the_artifact(line):
    line()
    green = git(line.root, "rev-parse", "HEAD")
    line.commit("change something")
    bad = line.commit("break it", late_sh="echo FAILED tests/test_a.py::test_b; exit 1\n")
    text = line(code=1)
    shown = text[text.index("error: stage") :]
    assert "error: stage 'late' is red: cdconf.yml:" in shown
    assert "test: tests/test_a.py::test_b" in shown
    assert f"since {green[:10]}, the last green one" in shown
    assert (": break it" in shown, ": change something" in shown, ": begin" in shown) == (True, True, False)
    assert ("late", "one", "failed", bad) in line.said()
    assert line.stops() == [("one", bad[:10], "late")]
    stopped = line(code=3)
    assert f"cdconf pipeline resume one@{bad[:10]} --note WHY" in stopped
    line.commit("mend it", late_sh="echo fine\n")
    line()
    found = line.document("--commit", bad, code=3)
    assert found["verdict"] == "stopped"


def test_with_stop_app_a_red_commit_stops_the_line_also_without_an_artifact(make):
    line = make(stop="app", stages=(COMMIT, LATE))
    line.commit("break it", check_sh="exit 1\n")
    found = line.document(code=1)
    assert found["red"]["stage"] == "commit"
    assert (line.stops(), line.builds) == ([("one", None, "commit")], 0)
    line.commit("mend it", check_sh="exit 0\n")
    assert "one is stopped" in line(code=3)
    assert cdconf(line.root, "pipeline", "resume", "--note", "it's mended").returncode == 0
    line()


def test_several_apps_pass_a_stage_all_or_none(make):
    line = make(apps="[one, two]")
    line.commit("break the second", build_sh=FILES["build.sh"].replace("set -e", "set -e; [ $1 = one ] || exit 5"))
    (log,) = set(re.findall(r"the whole log is in ([^;\s]+)", line(code=1)))
    assert Path(log).is_file()
    assert not [one for one in line.said() if one[2] == "passed"]
    commit = line.commit("mend it", build_sh=FILES["build.sh"])
    line()
    passed = [(one[0], one[1]) for one in line.said() if one[3] == commit]
    assert passed == [(stage, app) for stage in ("commit", "late") for app in ("one", "two")]


def test_two_racing_runs_end_in_the_same_verdict_with_one_build(line):
    processes = [line.begun() for _ in range(3)]
    said = [one.communicate(timeout=120)[1] for one in processes]
    assert [one.returncode for one in processes] == [0, 0, 0], said
    assert (line.builds, len(line.said())) == (1, line.stages)
    line.commit("break it", late_sh="sleep 1; exit 1\n")
    processes = [line.begun(), line.begun()]
    said = [one.communicate(timeout=120)[1] for one in processes]
    assert [one.returncode for one in processes] == [1, 1], said
    assert (line.builds, len(line.stops())) == (2, 1)
    assert line.left() == []


@pytest.mark.parametrize("moment", ["lint: run", "commit: build", "late: run"])
def test_a_killed_run_is_gone_on_with_at_once(whole, tmp_path_factory, moment):
    line = whole
    path = tmp_path_factory.mktemp("go") / "go"
    commit = line.commit("slow", late_sh=go(path), lint_sh=go(path))
    if moment != "lint: run":
        line.commit("slow at the end", lint_sh="echo linted\n")
        commit = git(line.root, "rev-parse", "HEAD")
    process = line.begun(until=moment)
    process.kill()
    process.communicate()
    path.touch()
    line()
    assert line.builds == 1
    assert [one[0] for one in line.said() if one[3] == commit] == ["commit", "late", "lint"]
    assert line.left() == []
    assert sorted(one.ended.verdict for one in line.runs(commit)) == ["interrupted", "passed"]


def test_a_commit_that_a_forced_push_takes_away_stays_while_it_is_run(line, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "go"
    commit = line.commit("slow", late_sh=go(path))
    process = line.begun(until="waits")
    git(line.root, "reset", "-q", "--hard", "HEAD~1")
    git(line.root, "reflog", "expire", "--expire=now", "--all")
    git(line.root, "gc", "-q", "--prune=now")
    path.touch()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert {one[-1] for one in line.said()} == {commit}
    assert git(line.root, "for-each-ref", "refs/cdconf") == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_not_red(line, tmp_path_factory, number, code):
    path = tmp_path_factory.mktemp("go") / "go"
    commit = line.commit("slow", late_sh=go(path))
    process = line.begun(until="waits")
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert (line.stops(), line.left()) == ([], [])
    (run,) = line.runs(commit)
    assert (run.stages["late"].state, run.ended.code) == ("interrupted", code)
    path.touch()
    line()
    assert line.builds == 1


def test_what_a_stage_runs_ends_when_the_run_is_killed(line, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "pid"
    line.commit("slow", late_sh=f"echo $$ > {path}; echo waits; sleep 600\n")
    process = line.begun(until="waits")
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{path.read_text().strip()}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{path.read_text().strip()}").exists()


@pytest.fixture
def other(line, tmp_path_factory):
    """Another clone, with the same store."""
    root = tmp_path_factory.mktemp("other") / "clone"
    git(line.root, "clone", "-q", ".", str(root))
    (root / "store").symlink_to(line.root / "store")
    found = Line.__new__(Line)
    found.root, found.log = root, line.log
    return found


def test_another_machine_waits_for_the_result(line, other, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "go"
    line.commit("slow", late_sh=go(path))
    git(other.root, "pull", "-q")
    first = line.begun(until="waits")
    second = other.begun(until="its result is waited for")
    path.touch()
    assert [one.communicate(timeout=60) and one.returncode for one in (first, second)] == [0, 0]
    assert (line.builds, len(line.said()), line.left(), other.left()) == (1, line.stages, [], [])


def test_another_machine_takes_over_from_a_dead_one(line, other, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "go"
    commit = line.commit("slow", late_sh=go(path))
    git(other.root, "pull", "-q")
    process = line.begun(until="waits")
    process.kill()
    process.communicate()
    path.touch()
    for one in (line.root / "store").glob("pipe[lb]ea*"):
        os.utime(one, (time.time() - 100, time.time() - 100))
    other()
    assert (line.builds, len(line.said()), other.left()) == (1, line.stages, [])
    assert sorted(one.ended.verdict for one in line.runs(commit)) == ["interrupted", "passed"]


def test_who_slept_while_another_machine_took_over_ends_with_that(line, other, tmp_path_factory):
    path = tmp_path_factory.mktemp("go") / "go"
    line.commit("slow", late_sh=go(path))
    git(other.root, "pull", "-q")
    slept = line.begun(until="waits")
    slept.send_signal(signal.SIGSTOP)
    for one in (line.root / "store").glob("pipe[lb]ea*"):
        os.utime(one, (time.time() - 100, time.time() - 100))
    heir = other.begun(until="late: running")
    slept.send_signal(signal.SIGCONT)
    _, said = slept.communicate(timeout=60)
    assert slept.returncode == 3, said
    assert "error: stage 'late' was ended: another run has taken over" in said
    path.touch()
    heir.communicate(timeout=60)
    assert heir.returncode == 0
    assert (line.builds, len(line.said()), other.left()) == (1, line.stages, [])


def test_newer_commits_supersede_those_that_wait(make, tmp_path_factory):
    line = make(concurrency="batch")
    path = tmp_path_factory.mktemp("go") / "go"
    line.commit("slow", late_sh=go(path))
    first = line.begun(until="waits")
    second_commit = line.commit("second")
    second = line.begun(until="late: waiting")
    third_commit = line.commit("third")
    third = line.begun(until="late: waiting")
    _, said = second.communicate(timeout=60)
    assert second.returncode == 3
    assert f"superseded by commit {third_commit[:10]}" in said
    path.touch()
    assert [one.communicate(timeout=60) and one.returncode for one in (first, third)] == [0, 0]
    (run,) = line.runs(second_commit)
    assert (run.stages["late"].superseded_by, run.ended.verdict) == (third_commit, "superseded")


def test_a_newer_commit_cancels_what_runs_where_that_is_wanted(make, tmp_path_factory):
    line = make(concurrency="cancel")
    path = tmp_path_factory.mktemp("go") / "go"
    line.commit("slow", late_sh=go(path))
    first = line.begun(until="waits")
    line.commit("newer", late_sh="echo fine\n")
    line()
    _, said = first.communicate(timeout=60)
    assert first.returncode == 3
    assert "superseded by commit" in said
    assert line.stops() == []


def test_a_stage_that_is_not_what_the_policy_says_ends_the_run_before_it_begins(make, tmp_path, monkeypatch):
    policy = tmp_path / "policy.yml"
    policy.write_text("version: 1\nstages: {late: {run: sh acceptance.sh}}\n")
    policy.chmod(0o600)
    monkeypatch.setenv("CDCONF_POLICY", str(policy))
    line = make()
    text = line(code=3)
    assert "stops before stage 'late'" in text
    assert "stage 'late' runs 'sh late.sh' (cdconf.yml:" in text
    assert f"and {policy}:2 says that it runs 'sh acceptance.sh'" in text
    assert "late | late" not in text
    assert [one[0] for one in line.said()] == ["commit"]


def test_a_stage_whose_key_is_elsewhere_stops_the_run_and_is_said_before(make):
    line = make(keys=("lint", "commit"), stages=WHOLE)
    text = line(code=3)
    assert text.index("stage 'late' can't be passed here") < text.index("linted")
    assert "cdconf key new --office stage:late" in text
    assert [one[0] for one in line.said()] == ["commit", "lint"]


def test_what_cannot_be_run_is_said_before_anything_is(make, tmp_path):
    line = make(keys=(), stages=WHOLE)
    text = line(code=1)
    assert "stage 'lint' can't be passed here" in text
    assert "linted" not in text
    assert "'nothing' is no revision" in line("--commit", "nothing", code=1)
    write(line.root, {"cdconf.yml": configured().partition("        pipeline")[0]})
    git(line.root, "commit", "-qam", "no pipeline")
    assert "has no `pipeline`" in line(code=1)
    assert line.builds == 0


def test_without_git_there_is_nothing_to_take(tmp_path, home):
    write(tmp_path, {**FILES, "cdconf.yml": configured()})
    done = cdconf(tmp_path, "pipeline", "run")
    assert done.returncode == 1
    assert "isn't in a git repository" in done.stderr


def test_a_red_stage_is_told_before_its_record_says_so(line):
    """Else nobody would ever tell, if the run were killed in between: the next one takes it for told."""
    commit = line.commit("break it", late_sh="echo FAILED tests/test_a.py::test_b; exit 1\n")
    told = []

    def red(run, stage, outcome, environment):
        (record,) = line.runs(commit)
        told.append((run == record.id, stage, outcome.state, outcome.tests, environment, record.stages[stage].state))

    result = run_pipeline(load_project(line.root), commit, lambda event: None, red=red)
    assert result.ended.verdict == "failed"
    assert told == [(True, "late", "failed", ("tests/test_a.py::test_b",), None, "running")]
