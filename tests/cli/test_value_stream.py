"""`value-stream` and `history mark`: on a project with a history of deployments, no host and no pipeline's record."""

import json
import subprocess
import time

import pytest

from cdconf.history import journal_file
from tests.conftest import cdconf

NOW = float(int(time.time()))  # git counts whole seconds
DAY = 86400


class History:
    """A project in git, whose history gets deployments."""

    def __init__(self, project):
        self.project = project
        self.git("init", "-q", "-b", "main")
        (project / ".gitignore").write_text(".cdconf/\n")
        self.git("add", "-A")

    def git(self, *words, at=NOW):
        env = {f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env |= {f"GIT_{who}_DATE": f"@{int(at)} +0000" for who in ("AUTHOR", "COMMITTER")}
        done = subprocess.run(["git", "-C", self.project, *words], env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def deploy(self, number, days_ago, message="", **about):
        """A commit of an hour before, and its deployment of a minute; returns the row's id."""
        began = NOW - days_ago * DAY
        self.git("commit", "-q", "--allow-empty", "-m", f"change {number}\n\n{message}", at=began - 3600)
        identity = f"{number:012x}-{number:012x}"
        (self.project / ".cdconf").mkdir(exist_ok=True)
        record = {"id": identity, "run": f"run{number:08x}", "command": "deploy", "environment": "dev", "app": "app"}
        record |= {"version": str(number), "artifact": f"{number:064x}", "built_from": self.git("rev-parse", "HEAD")}
        record |= {"started_at": began, "duration_s": 60.0, "exit_code": 0, "committed_at": began + 60, "hosts": {}}
        journal_file.append(self.project / ".cdconf", record | about)
        return identity


@pytest.fixture
def history(project):
    return History(project)


def asked(project, *words, code=0):
    done = cdconf(project, *words)
    assert done.returncode == code, done.stderr
    return done


def stream(project, *words):
    return json.loads(asked(project, "value-stream", "--to", "dev", "--json", *words).stdout)["value_stream"]["apps"][
        "app"
    ]


def test_deployments_by_hand(history):
    for number in range(1, 8):
        history.deploy(number, 10 - number)
    history.deploy(8, 2.5, exit_code=1, verdict=True, committed_at=None)  # a canary
    history.deploy(1, 2.4, id="again", run="again")  # it was there before
    history.git("commit", "-q", "--allow-empty", "-m", "not yet", at=NOW - 7200)
    found = stream(history.project)
    assert found["lead_time_s"] == {"n": 7, "p50": 3660, "p85": 3660}
    assert found["bottleneck"]["share"] == pytest.approx(3600 / 3660, abs=1e-6)
    assert [one["version"] for one in found["releases"]] == ["7", "6", "5", "4", "3", "2", "1"]
    assert [one["version"] for one in found["dora"]["stopped_before_the_commit_point"]] == ["8"]
    assert found["waiting"][0]["subject"] == "not yet"
    assert found["waiting"][0]["age_s"] == pytest.approx(time.time() - NOW + 7200, abs=120)
    for change in (change for release in found["releases"] for change in release["changes"]):
        parts = sum(one["ends"] - one["begins"] for one in change["parts"])
        assert parts == pytest.approx(change["lead_time_s"], abs=1)
    for value in ("change_lead_time", "deployment_frequency", "change_fail_rate", "deployment_rework_rate"):
        assert found["dora"][value]["source"].startswith("https://dora.dev/")
        assert found["dora"][value]["definition"]


def test_marks_and_trailers(history):
    first, second = history.deploy(1, 9), history.deploy(2, 8)
    history.deploy(3, 7, message="Fixes-Deployment: run00000002")
    mark = ("history", "mark")
    said = "2020-01-01 12:00"
    asked(history.project, *mark, first[:14], "--failed", "--at", said, "--why", "wrong\x1b[31m prices")
    metrics = stream(history.project)["dora"]
    failed = {one["version"]: one for one in metrics["failed_deployment_recovery_time"]["failed"]}
    assert failed.keys() == {"1", "2"}
    assert (failed["1"]["failed_at"], failed["1"]["is_assumed"]) == (1577880000.0, True)
    assert failed["2"]["recovered_at"] - failed["2"]["failed_at"] == pytest.approx(DAY, abs=1)
    assert len(metrics["deployment_rework_rate"]["rework"]) == 1
    assert "\x1b" not in asked(history.project, "value-stream", "--to", "dev").stdout
    asked(history.project, *mark, "app@1", "--not-failed")
    asked(history.project, *mark, second, "--fixes", "app@1")
    metrics = stream(history.project)["dora"]
    failed = {one["version"]: one for one in metrics["failed_deployment_recovery_time"]["failed"]}
    assert failed.keys() == {"2"}  # what was said of 1 by itself wins


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("history", "mark", "app@1"), "no mark is given"),
        (("history", "mark", "app@9", "--failed"), "'app@9' names no deployment"),
        (("history", "mark", "app@1", "--fixes", "app@1"), "app@1 can't repair itself"),
        (("history", "mark", "app@1", "--failed", "--at", "soon"), "--at 'soon' is no time"),
        (("history", "mark", "app@1", "--failed", "--at", "2999-01-01"), "isn't in the past"),
        (("history", "mark", "app@1", "--at", "2020-01-01", "--fixes", "app@2"), "--at needs --failed"),
        (("value-stream",), "the pipeline names no environment"),
        (("value-stream", "--to", "dve"), "there is no environment 'dve'"),
        (("value-stream", "--to", "dev", "--app", "ap"), "there is no app 'ap'"),
        (("value-stream", "--to", "dev", "--since", "yesterday"), "neither a length of time nor a date"),
        (("value-stream", "--to", "dev", "--since", "2999-01-01"), "isn't in the past"),
        (("value-stream", "--to", "dev", "--svg", "/nowhere/a.svg"), "/nowhere/a.svg can't be written"),
    ],
)
def test_what_cannot_be_meant(history, words, text):
    history.deploy(1, 2)
    history.deploy(2, 1)
    assert text in asked(history.project, *words, code=1).stderr


def test_a_picture_and_a_page(history, tmp_path):
    history.deploy(1, 2)
    asked(history.project, "value-stream", "--to", "dev", "--svg", tmp_path / "a.svg", "--html", tmp_path / "a.html")
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")
    assert "<h2>Stages</h2>" in (tmp_path / "a.html").read_text()


def test_outside_of_git(project):
    assert "isn't in a git repository" in asked(project, "value-stream", "--to", "dev", code=1).stderr
