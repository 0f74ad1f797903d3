"""Toggles on a host: the file, what is remembered of it, and what a crash leaves."""

import json
import os
import stat
from types import SimpleNamespace

import pytest

from cdconf.agent.commands.execute import Result
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.protocol import toggle_calls
from cdconf.agent.records.store import HostStore
from cdconf.agent.toggles import toggles
from cdconf.agent.toggles.toggles import Toggles


class Host:
    def __init__(self, folder):
        self.store = HostStore("demo", str(folder / "state"))
        self.path = folder / "shared/toggles.json"
        self.agent = SimpleNamespace(
            store=self.store,
            proceed=lambda: None,
            lease=SimpleNamespace(run="r1", owner=lambda: "anna", check=lambda: None),
        )
        self.app = {"name": "app", "path": str(folder), "services": [], "user": "nobody"}
        self.want(new=False, old=True)

    def want(self, **values):
        self.app["toggles"] = {"path": str(self.path), "values": values, "reload": False}

    def __call__(self, name, **arguments):
        return getattr(toggle_calls, name)(self.agent, self.app, **arguments)

    @property
    def values(self):
        return json.loads(self.path.read_text())


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_the_file_is_readable_for_the_apps_group_alone(host):
    assert host("put") == {"changed": True}
    status = host.path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 65534, 0o640)
    assert host.values == {"new": False, "old": True}
    assert host("put") == {"changed": False}
    look = host("look")
    assert look["values"] == look["last"] == {"new": False, "old": True}
    assert look["problem"] is None
    assert look["since"]["new"]["owner"] == "anna"


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda path: path.unlink(), "isn't there"),
        (lambda path: path.write_text("{"), "isn't JSON"),
        (lambda path: path.write_text("[1]"), "isn't a JSON object"),
        (lambda path: path.write_text('{"new": 1}'), "isn't a JSON object"),
        (lambda path: path.write_bytes(b"\xff"), "isn't JSON"),
        (lambda path: path.chmod(0o644), "mode: 0644 -> 0640"),
        (lambda path: os.chown(path, 0, 0), "group: 0 -> 65534"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), "can't be read"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "isn't JSON"),
        (lambda path: (path.unlink(), path.mkdir()), "can't be read|isn't JSON"),
    ],
)
def test_what_someone_did_to_the_file_is_seen_and_put_right(host, harm, problem):
    host("put")
    harm(host.path)
    assert any(part in (host("look")["problem"] or "") for part in problem.split("|"))
    if host.path.is_dir() and not host.path.is_symlink():
        with pytest.raises(Failed, match="is a directory"):
            host("put")
        return
    assert host("put") == {"changed": True}
    assert host("look")["problem"] is None


def test_a_trial_changes_one_toggle_and_is_settled(host):
    host("put")
    assert host("try_out", toggle="new", on=True) == {"changed": True}
    look = host("look")
    assert (look["unproven"], look["trial"]["owner"], look["values"]["new"]) == (["new"], "anna", True)
    host("settle")
    look = host("look")
    assert (look["unproven"], look["trial"], look["values"]) == ([], None, {"new": True, "old": True})
    assert look["last"] == look["values"]


def test_a_trial_is_put_back_to_what_was_there(host):
    host("put")
    host.path.write_text('{"new": false, "old": false}')  # by hand: not this trial's business
    host("try_out", toggle="new", on=True)
    assert host.values == {"new": True, "old": False}
    assert host("put_back") == {"changed": True}
    assert host.values == {"new": False, "old": False}
    assert host("put_back") == {"changed": False}


def test_a_first_trial_that_fails_leaves_no_file(host):
    host("try_out", toggle="new", on=True)
    assert host.values == {"new": True, "old": True}
    host("put_back")
    assert not host.path.exists()


def test_what_an_interrupted_trial_left_isnt_taken_over_by_the_next_one(host):
    host("put")
    host("try_out", toggle="new", on=True)  # and its controller was killed
    host("try_out", toggle="old", on=False)
    assert host.values == {"new": False, "old": False}
    host("put_back")
    assert host.values == {"new": False, "old": True}


def test_provisioning_ends_an_interrupted_trial(host):
    host("put")
    host("try_out", toggle="new", on=True)
    assert host("put") == {"changed": True}
    assert host.values == {"new": False, "old": True}
    assert host("look")["trial"] is None


def test_the_time_of_a_value_is_when_it_was_changed(host, monkeypatch):
    clock = iter([100, 200, 300, 400, 500, 600])
    monkeypatch.setattr(toggles.time, "time", lambda: next(clock))
    host("put")
    host("try_out", toggle="new", on=True)
    host("settle")
    since = host("look")["since"]
    assert since["old"]["at"] < since["new"]["at"]
    host.want(new=True)
    host("put")
    assert set(host("look")["since"]) == {"new"}
    assert host("look")["since"]["new"] == since["new"]


def test_a_file_that_moved_is_gone_from_its_old_place_unless_someone_changed_it(host, tmp_path):
    host("put")
    old, host.path = host.path, tmp_path / "etc/t.json"
    host.want(new=False, old=True)
    host("put")
    assert host.path.exists()
    assert not old.exists()
    kept, host.path = host.path, tmp_path / "t.json"
    kept.write_text('{"new": true}')
    host.want(new=False, old=True)
    host("put")
    assert kept.exists()


def systemctl(monkeypatch, *, can="yes", fails=False):
    calls = []

    def run(argv, **ignored):
        calls.append(argv[1])
        return Result(0, f"CanReload={can}\n", "")

    def verb(name, service):
        calls.append(f"{name} {service}")
        if fails:
            raise Failed("no")

    monkeypatch.setattr(toggles, "run", run)
    monkeypatch.setattr(toggles.app_services, "systemctl", verb)
    monkeypatch.setattr(toggles.app_services, "show", lambda names: {name: {"MainPID": "0"} for name in names})
    return calls


def test_a_reload_that_is_due_survives_a_crash(host, monkeypatch):
    host.app["services"], host.app["toggles"]["reload"] = ["shop"], True
    systemctl(monkeypatch, fails=True)
    with pytest.raises(Failed):
        host("put")
    assert host("look")["reload_due"]
    calls = systemctl(monkeypatch)
    assert host("put") == {"changed": True}
    assert "reload shop" in calls
    assert not host("look")["reload_due"]
    calls.clear()
    assert host("put") == {"changed": False}
    assert calls == []


def test_a_service_that_cant_be_reloaded_is_found_before_anything_changes(host, monkeypatch):
    host.app["services"], host.app["toggles"]["reload"] = ["shop"], True
    systemctl(monkeypatch, can="no")
    with pytest.raises(Failed, match="can't be reloaded"):
        host("try_out", toggle="new", on=True)
    assert not host.path.exists()
    assert host("look")["trial"] is None


def test_an_activation_tries_out_and_its_end_decides(host):
    lease = host.agent.lease
    toggles.begin(host.store, host.app, lease)
    assert host.values == {"new": False, "old": True}
    toggles.settle(host.store, host.app, lease)
    host.want(new=True, old=True)
    toggles.begin(host.store, host.app, lease)
    assert toggles.put_back(host.store, host.app) is None
    assert host.values == {"new": False, "old": True}
    toggles.begin(host.store, {"name": "other", "path": "/x"}, lease)  # an app without toggles
    assert toggles.put_back(host.store, {"name": "other"}) is None


def test_a_user_who_isnt_there_is_found_before_anything_changes(host):
    toggles.check(host.app)
    host.app["user"] = "nosuchuser"
    with pytest.raises(Missing, match="nosuchuser"):
        toggles.check(host.app)


def test_other_apps_pages_stay(host):
    host("put")
    other = dict(host.app, name="other", toggles={"path": str(host.path) + "2", "values": {}, "reload": False})
    Toggles(host.store, other).put({}, host.agent.lease)
    assert host("look")["last"] == {"new": False, "old": True}
