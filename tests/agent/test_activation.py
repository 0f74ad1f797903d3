"""What brings an app's services to a release, in which order, and what counts as running from it."""

import os
from types import SimpleNamespace

import pytest

from cdconf.agent.commands.execute import Result
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.release import activation, app_services
from cdconf.agent.release import works_in as release_of
from tests.agent.test_agent_releases import Host

RELEASE, CURRENT = "/srv/app/releases/2", "/srv/app/current"


class Systemd:
    """Notes what systemctl is told; `states` says of units what systemd would."""

    def __init__(self, monkeypatch):
        self.told, self.states = [], {}
        monkeypatch.setattr(activation, "run", self.run)
        monkeypatch.setattr(app_services, "systemctl", lambda verb, name: self.told.append(f"{verb} {name}"))
        monkeypatch.setattr(app_services, "show", self.show)
        monkeypatch.setattr(app_services, "journal", lambda name: "")
        monkeypatch.setattr(activation.units, "resolve", activation.units.unit)

    def run(self, words, timeout):
        if words[1] == "is-active":
            name = words[-1].removesuffix(".service")
            return Result(0 if self.states.get(name, {}).get("ActiveState", "active") == "active" else 3, "", "")
        if words[1] == "kill":
            self.told.append(" ".join(words[1:]))
        return Result(0, "", "")

    def show(self, names, properties=""):
        whole = {"LoadState": "loaded", "ActiveState": "active", "Result": "success", "MainPID": "7"}
        return {name: {**whole, **self.states.get(name, {})} for name in names}


@pytest.fixture
def systemd(monkeypatch):
    return Systemd(monkeypatch)


def app_of(*names, stops=(), **activation):
    hows = {name.replace("_", "."): how for name, how in activation.items()}
    return {"name": "app", "path": "/srv/app", "services": list(names), "activation": hows, "stops": list(stops)}


def test_services_are_brought_to_a_release_in_their_order_each_in_its_own_way(systemd):
    app = app_of("app.socket", "proxy", "app", "seldom", "worker", app_socket="none", proxy="reload", seldom="none")
    app["activation"]["app"] = "signal USR2"
    for name in app["services"]:
        activation.bring(app, name)
    assert systemd.told == [
        "start app.socket",
        "reload proxy",
        "kill --kill-who=main --signal=USR2 -- app.service",
        "restart worker",
    ]


@pytest.mark.parametrize(
    ("there", "waited"),
    [
        ([{7, 8}, {7, 8, 9}, {7, 8, 9}, {7, 9}], 0.3),  # 8 was the worker of before
        ([{7}], 0.0),  # it's alone, and reads its files anew
        ([{7, 8}, {7, 8}], 2.1),  # it keeps its workers
        ([{7, 8}, {7, 8, 9}], 5.1),  # one that ends a long request is waited for no longer
    ],
)
def test_a_reload_waits_for_the_workers_that_it_replaces(systemd, monkeypatch, there, waited):
    now = [0.0]
    monkeypatch.setattr(app_services.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(app_services.time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(release_of, "pids_of", lambda full: set(there.pop(0) if len(there) > 1 else there[0]))
    activation.bring(app_of("app", app="reload"), "app")
    assert systemd.told == ["reload app"]
    assert now[0] == pytest.approx(waited, abs=0.15)


@pytest.mark.parametrize("how", ["reload", "signal HUP"])
def test_a_service_that_does_not_run_is_started_whatever_it_is_told_else(systemd, how):
    systemd.states["app"] = {"ActiveState": "inactive"}
    activation.bring(app_of("app", app=how), "app")
    assert systemd.told == ["restart app"]


def test_a_socket_takes_the_port_from_a_service_that_has_it(systemd):
    systemd.states["app.socket"] = {"ActiveState": "inactive", "Triggers": "app.service"}
    activation.bring(app_of("app.socket", app_socket="none"), "app.socket")
    assert systemd.told == ["stop app.service", "start app.socket"]


def test_what_starts_others_is_stopped_first(systemd):
    activation.stop(["app", "worker", "app.socket"])
    assert systemd.told == ["stop app.socket", "stop app", "stop worker"]


@pytest.mark.parametrize(
    ("how", "state", "works_in", "problem"),
    [
        ("reload", "active", ["1"], "still works in 1 alone"),
        ("signal HUP", "active", ["1", ".replaced-2"], "still works in"),
        ("reload", "active", ["1", "2"], None),  # those that end their requests may be there for a while
        ("reload", "active", [], None),  # a web server works in no release
        ("reload", "active", None, None),
        ("reload", "reloading", ["2"], "is reloading"),
        ("reload", "failed", ["2"], "is failed"),
        ("none", "active", ["1"], None),
        ("none", "inactive", [], None),
        ("none", "failed", [], "is failed"),
    ],
)
def test_what_counts_as_running_from_a_release(systemd, monkeypatch, how, state, works_in, problem):
    systemd.states["app"] = {"ActiveState": state, "Result": "exit-code"}
    monkeypatch.setattr(release_of, "places", lambda name, releases: works_in)
    if problem is None:
        app_services.verify(app_of("app", app=how), RELEASE, CURRENT, 1.0, within=0)
        return
    with pytest.raises(Failed, match=problem) as caught:
        app_services.verify(app_of("app", app=how), RELEASE, CURRENT, 1.0, within=0)
    assert caught.value.kind == "release"


def test_a_socket_must_be_active(systemd):
    systemd.states["app.socket"] = {"ActiveState": "inactive"}
    with pytest.raises(Failed, match="is inactive"):
        app_services.verify(app_of("app.socket", app_socket="none"), RELEASE, CURRENT, 1.0, within=0)


def test_the_releases_in_which_a_service_works_are_seen_by_its_processes(tmp_path, monkeypatch):
    place = tmp_path / "releases" / "2"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr(release_of.processes, "unit", lambda pid: "app.service" if pid == os.getpid() else None)
    assert release_of.places("app", str(tmp_path / "releases")) == ["2"]
    assert release_of.places("other", str(tmp_path / "releases")) == []
    monkeypatch.setattr(release_of.processes, "seen", lambda pids, look: dict.fromkeys(pids))
    assert release_of.places("app", str(tmp_path / "releases")) is None
    shown = activation.shown(app_of("app", "app.socket", app_socket="none"), str(tmp_path / "releases"))
    assert shown == {
        "app": {"activate": "restart", "works_in": None},
        "app.socket": {"activate": "none", "works_in": []},
    }


class Scene:
    """A host that runs release 1, verified, and is given release 2; `worker` must not see the migration."""

    def __init__(self, folder, systemd, monkeypatch):
        self.host, self.systemd = Host(folder), systemd
        monkeypatch.setattr(app_services, "verify", lambda app, *about, **more: self.verified.append(app["services"]))
        self.verified = []
        lease = SimpleNamespace(check=lambda: None, by=dict, run="r1", fence=1)
        self.agent = SimpleNamespace(store=self.host.ledger.store, lease=lease, proceed=lambda: None)
        self.app = app_of("app", "worker", stops=["worker"]) | {"path": str(self.host.path)}
        for name in "12":
            self.host.stage(name, {"a": name.encode()})
        deploy_calls.activate(self.agent, self.app, "1")
        deploy_calls.confirm(self.agent, self.app, "1", 5)
        systemd.told.clear()

    @property
    def page(self):
        return deploy_calls.status(self.agent, self.app)


@pytest.fixture
def scene(tmp_path, systemd, monkeypatch):
    return Scene(tmp_path, systemd, monkeypatch)


def test_workers_stop_before_a_migration_and_start_in_their_place(scene):
    deploy_calls.stop(scene.agent, scene.app, "2")
    assert scene.systemd.told == ["stop worker"]
    assert scene.page["activating"]["stopped"] == ["worker"]
    scene.verified.clear()
    page = scene.page
    assert (page["linked"], page["problem"]) == ("1", None)
    assert scene.verified == [["app"]], "a worker that's stopped for a migration isn't unwell"
    deploy_calls.activate(scene.agent, scene.app, "2")
    assert scene.systemd.told == ["stop worker", "restart app", "restart worker"]
    assert "stopped" not in scene.page["activating"]


def test_a_migration_that_fails_starts_the_workers_again_and_touches_nothing_else(scene):
    deploy_calls.stop(scene.agent, scene.app, "2")
    assert deploy_calls.roll_back(scene.agent, scene.app) == {"release": "1"}
    assert scene.systemd.told == ["stop worker", "start worker"]
    assert (scene.page["linked"], scene.page["activating"]) == ("1", None)


def test_a_worker_that_did_not_run_is_not_started(scene):
    scene.systemd.states["worker"] = {"ActiveState": "inactive"}
    deploy_calls.stop(scene.agent, scene.app, "2")
    deploy_calls.roll_back(scene.agent, scene.app)
    assert scene.systemd.told == []


def test_after_an_activation_that_was_left_half_done_all_services_are_restarted(scene):
    deploy_calls.activate(scene.agent, scene.app, "2")
    scene.systemd.told.clear()
    deploy_calls.stop(scene.agent, scene.app, "2")
    assert "stopped" not in scene.page["activating"]
    deploy_calls.roll_back(scene.agent, scene.app)
    assert scene.systemd.told == ["stop worker", "restart app", "restart worker"]
