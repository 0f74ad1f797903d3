"""Switching a toggle with the agent's own code, a directory for each host: what stays after failures and signals."""

import json
from types import SimpleNamespace

import pytest

from cdconf.agent.protocol import toggle_calls
from cdconf.agent.records.store import HostStore
from cdconf.deploy.rollout import Failure
from cdconf.engine import Outcome
from cdconf.errors import CdconfError, GateClosed, HostFailed, InvalidFile, Unreachable
from cdconf.events import Notice
from cdconf.inventory import load_project, load_toggles
from cdconf.toggling import change as toggling
from cdconf.toggling.change import ToggleChange, Toggling
from tests.called import Called
from tests.conftest import write

GONE = Unreachable("doesn't answer", host="b")


class Killed(BaseException):
    """SIGKILL: nothing is cleaned up, since every later call ends so, too."""


class Fleet:
    """Sessions whose calls are the agent's own, on this machine; `script` says what is raised at a call's nth time."""

    def __init__(self, folder, app_path):
        self.folder = folder
        self.app_path = app_path
        self.script = {}
        self.times = {}
        self.activating = None
        self.linked = "1"
        self.resumed = 0
        self.killed = None

    def connected(self, hosts):
        return list(hosts)

    def each(self, hosts, job):
        results, errors = {}, {}
        for host in hosts:
            session = Called(lambda name, host=host, **keys: self.call(host.name, name, keys), host=host)
            try:
                results[host.name] = job(session)
            except CdconfError as error:
                errors[host.name] = error
        return Outcome(results, errors)

    def call(self, host, name, arguments):
        self.times[name, host] = self.times.get((name, host), 0) + 1
        error = self.script.get((name, host, self.times[name, host]))
        self.killed = error if isinstance(error, Killed) else self.killed
        if self.killed is not None:
            raise self.killed
        if error is not None and error is not GONE:
            raise error
        if any(one is GONE and key[1] == host and self.reached(key) for key, one in self.script.items()):
            raise GONE
        if name == "app.status":
            return {"activating": self.activating, "linked": self.linked}
        lease = SimpleNamespace(run="r1", owner=lambda: "anna", check=lambda: None)
        agent = SimpleNamespace(
            store=HostStore("demo", f"{self.folder}/{host}/state"), proceed=lambda: None, lease=lease
        )
        app = arguments["app"]
        app["toggles"] = dict(app["toggles"], path=str(self.file(host)))
        return getattr(toggle_calls, name.removeprefix("toggles."))(agent, **arguments)

    def reached(self, key):
        """Whether a host has fallen silent: from the call in the script on."""
        return self.times.get((key[0], key[1]), 0) >= key[2]

    def file(self, host):
        return self.folder / host / "toggles.json"

    def resume(self):
        self.resumed += 1


class World:
    def __init__(self, root, monkeypatch):
        self.root = write(
            root,
            {
                "cdconf.yml": """
                    project: demo
                    groups: {web: [base], db: [base]}
                    apps:
                      app:
                        groups: [web]
                        path: /srv/app
                        batches: [1, all]
                        toggles: {new: {doc: x}, old: {doc: x, default: on}}
                """,
                "inventories/dev/toggles.yml": "app:\n  new: off  # not yet\n",
            },
        )
        self.fleet = Fleet(root / "hosts", "/srv/app")
        self.red = {}  # host -> what its smoke tests say
        self.smoked = []
        self.said = []
        monkeypatch.setattr(toggling, "smoke", self.smoke)
        for host in "abc":
            (root / "hosts" / host).mkdir(parents=True)

    def smoke(self, project, environment, fleet, hosts, emit, deciding):
        self.smoked.append([host.name for host in hosts])
        return {host.name: self.red[host.name] for host in hosts if host.name in self.red}

    def run(self, name="new", on=True, check=False):
        project = load_project(self.root)
        app, environment = project.apps["app"], SimpleNamespace(name="dev")
        values = load_toggles(project, "dev")["app"]
        change = ToggleChange(app, app.toggles[name], on, check=check)
        run = Toggling(project, environment, self.fleet, change, values, self.said.append)
        hosts = [SimpleNamespace(name=host) for host in "abc"]
        return run.look(hosts) if check else run.run(hosts)

    def provision(self):
        self.run("old", on=True)

    @property
    def on(self):
        """What each host's file says of `new`, and what the inventory says."""
        files = [self.fleet.file(host) for host in "abc"]
        here = [json.loads(file.read_text())["new"] if file.exists() else None for file in files]
        return [*here, load_toggles(load_project(self.root), "dev")["app"]["new"].on]

    @property
    def text(self):
        return (self.root / "inventories/dev/toggles.yml").read_text()

    def trials(self):
        pages = [json.loads(path.read_text())["app"] for path in sorted(self.root.glob("hosts/*/state/toggles.json"))]
        return [page["trial"] is not None for page in pages]


@pytest.fixture
def world(project, monkeypatch):
    one = World(project, monkeypatch)
    one.provision()
    one.smoked.clear()
    assert one.on == [False] * 4
    return one


def test_a_change_goes_batch_by_batch_and_then_into_the_file(world):
    result = world.run()
    assert world.on == [True] * 4
    assert world.text == "app:\n  new: on  # not yet\n"
    assert world.smoked == [["a"], ["b", "c"]]
    assert (result["from"], result["to"], result["hosts_touched"]) == ("off", "on", ["a", "b", "c"])
    assert world.trials() == [False] * 3
    assert world.run()["hosts_touched"] == []


def test_check_changes_nothing_and_says_what_would_change(world):
    before = sorted((path, path.read_bytes()) for path in world.root.rglob("*") if path.is_file())
    assert world.run(check=True)["differs"]
    assert not world.run(on=False, check=True)["differs"]
    assert sorted((path, path.read_bytes()) for path in world.root.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(("red", "smoked"), [("a", [["a"]]), ("c", [["a"], ["b", "c"]])])
def test_a_red_smoke_test_puts_every_touched_host_back_and_the_file_stays(world, red, smoked):
    world.red[red] = Failure("smoke tests failed: test_it", verdict=True)
    with pytest.raises(HostFailed, match=r"test_it \(what was there before is back") as caught:
        world.run()
    assert caught.value.exit_code == 1
    assert world.on == [False] * 4
    assert world.smoked == smoked
    assert not any(world.trials())


def test_a_host_that_falls_silent_is_named_and_the_others_are_put_back(world):
    world.fleet.script = {("toggles.try_out", "b", 2): GONE}
    with pytest.raises(Unreachable, match="NOT put back: b") as caught:
        world.run()
    assert caught.value.exit_code == 4
    assert world.on == [False] * 4  # b fell silent before it heard of it


def test_a_signal_in_the_midst_puts_everything_back_and_is_raised(world):
    world.fleet.script = {("toggles.try_out", "c", 2): KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert world.on == [False] * 4
    assert world.fleet.resumed == 1
    assert not any(world.trials())


@pytest.mark.parametrize("error", [ValueError("a bug"), MemoryError(), SystemExit(3), OSError("no place")], ids=repr)
def test_whatever_ends_it_puts_everything_back_and_is_raised_again(world, error):
    world.fleet.script = {("toggles.try_out", "c", 2): error}
    with pytest.raises(CdconfError if isinstance(error, OSError) else type(error)):
        world.run()
    assert world.on == [False] * 4
    assert not any(world.trials())


def test_a_receiver_of_events_that_fails_keeps_nothing_from_being_put_back(world):
    told = []

    def fails(event):
        told.append(event)
        if any("batch 2" in str(one) for one in told):
            raise RuntimeError("a renderer's bug")

    world.said = SimpleNamespace(append=fails)
    with pytest.raises(RuntimeError, match="a renderer's bug"):
        world.run()
    assert world.on == [False] * 4
    assert not any(world.trials())


def test_a_signal_after_the_decision_doesnt_undo_it(world):
    world.fleet.script = {("toggles.settle", "b", 2): KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert world.on == [True] * 4
    assert not any(world.trials())


@pytest.mark.parametrize("moment", [("toggles.try_out", "a"), ("toggles.try_out", "c"), ("toggles.settle", "b")])
def test_what_a_killed_run_left_is_told_and_the_next_one_puts_it_right(world, moment):
    world.fleet.script = {(*moment, 2): Killed()}
    with pytest.raises(Killed):
        world.run()
    left = world.on
    assert any(world.trials()) == (moment[1] != "a")
    world.fleet.script, world.fleet.killed = {}, None
    world.provision()  # here: switching another one to what it is already
    assert world.on == ([True] * 4 if left[3] else [False] * 4)
    assert not any(world.trials())


def test_other_toggles_that_differ_are_left_alone_and_told(world):
    world.run("old", on=False)
    write(world.root, {"inventories/dev/toggles.yml": "app:\n  new: off\n"})  # a checkout that lacks this change
    world.said.clear()
    world.run()
    assert json.loads(world.fleet.file("a").read_text()) == {"new": True, "old": False}
    warnings = [one.message for one in world.said if isinstance(one, Notice) and one.warning]
    assert any("left alone: old: off -> on" in one for one in warnings)


def test_what_was_changed_by_hand_is_put_right_without_a_new_value(world):
    world.fleet.file("b").write_text('{"new": true, "old": true}')
    assert world.run(on=False)["hosts_touched"] == ["b"]
    assert world.on == [False] * 4


def test_a_file_that_cant_be_changed_is_found_before_any_host_is_touched(world):
    write(world.root, {"inventories/dev/toggles.yml": "app:\n  new: &v off\n  old: *v\n"})
    world.fleet.times.clear()
    with pytest.raises(InvalidFile, match="can't be changed automatically here"):
        world.run()
    assert not any(name == "toggles.try_out" for name, _ in world.fleet.times)


def test_an_interrupted_deployment_must_end_first(world):
    world.fleet.activating = {"to": "2"}
    with pytest.raises(GateClosed, match="the deployment of 2") as caught:
        world.run()
    assert "--resume" in caught.value.hint
    assert world.on == [False] * 4


def test_hosts_without_a_release_are_switched_and_not_tested(world):
    world.fleet.linked = None
    world.run()
    assert (world.on, world.smoked) == ([True] * 4, [])
