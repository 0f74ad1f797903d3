"""The dead man's switch with the agent's own code: when it goes back, when it must not, and what it finds then."""

import contextlib
import hashlib
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease import nested
from cdconf.agent.lease.lease import FILE as LEASE
from cdconf.agent.lease.lease import Lease, boot_id
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release import activation
from cdconf.agent.switch import switch
from cdconf.agent.switch.switch import Switch
from cdconf.agent.switch.watch import ActivationWatch, WatchStore
from cdconf.errors import LeaseHeld
from tests.agent.private import VERSIONS, PrivateAgent, find
from tests.agent.test_agent_releases import Host

WITHIN = 8


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Scene:
    """A host on which release 1 is verified and release 2 has just been activated by a run that holds the lease."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(switch, "check", lambda: None)
        monkeypatch.setattr(Switch, "_install", lambda self, app: None)
        monkeypatch.setattr(switch, "run", lambda *words, **keywords: None)
        monkeypatch.setattr(switch.app_services, "systemctl", lambda *words: None)
        self.clock, self.boot, self.happens = Clock(), "b1", {}
        self.host = Host(folder)
        self.store = self.host.ledger.store
        self.app = {"name": "app", "path": str(self.host.path), "services": []}
        self.lease = self.new_lease()
        self.lease.acquire("r1", "me", "deploy", 60, "dev", "web1")
        self.agent = SimpleNamespace(store=self.store, lease=self.lease, proceed=self.lease.check)
        self.switch = Switch(self.store, "app", str(folder), self.clock, lambda: self.boot)
        monkeypatch.setattr(deploy_calls, "Switch", lambda store, app: self.switch)
        for name in "12":
            self.host.stage(name, {"a": name.encode()})
        deploy_calls.activate(self.agent, self.app, "1")
        deploy_calls.confirm(self.agent, self.app, "1", 5)
        deploy_calls.activate(self.agent, self.app, "2", WITHIN)

    def new_lease(self):
        return Lease(self.store, self.clock, lambda: self.boot)

    def dies(self):
        """The controller's and the agent's end: the kernel frees what they had locked."""
        self.lease._work.close()
        self.lease._work = None

    def reboots(self):
        self.dies()
        self.boot = "b2"
        self.clock.now = 1.0

    def watch(self, until=200.0):
        """Runs the watcher; returns when it went back or ended. Time passes while it sleeps; `happens` then."""
        ready = []  # what the link was when the app was allowed to start

        def sleep(seconds):
            self.clock.now += seconds
            assert ready or self.boot == "b2", "the unit is up before anything is waited for"
            for moment in sorted(self.happens):
                if self.clock.now >= moment:
                    self.happens.pop(moment)()
            if self.clock.now > until:
                raise TimeoutError

        began = self.clock.now
        one = ActivationWatch(
            self.store, "app", self.switch, self.new_lease(), sleep, lambda: ready.append(self.current)
        )
        try:
            one.run()
        except TimeoutError:
            return None
        self.ready = ready
        return self.clock.now - began

    @property
    def page(self):
        return Ledger(self.store, "app").page

    @property
    def current(self):
        return self.host.releases.linked()


@pytest.fixture
def scene(tmp_path, monkeypatch):
    one = Scene(tmp_path, monkeypatch)
    yield one
    if one.lease._work is not None:
        one.lease._work.close()


def joined_in(scene):
    """Release 2 is activated by a run within the lease of another one, which lives on; returns its place."""
    scene.lease.release()
    scene.lease.acquire("outer", "me", "release", 600, "dev", "web1", hashlib.sha256(b"s").hexdigest())
    inner = nested.Joined(scene.store, scene.clock, lambda: scene.boot)
    inner.join("outer", "s", "inner", "me", "deploy", 600, "dev", "web1", None)
    agent = SimpleNamespace(store=scene.store, lease=inner, proceed=inner.check)
    deploy_calls.activate(agent, scene.app, "2", WITHIN)
    return inner


def test_a_run_within_a_lease_is_undone_by_its_own_silence_though_the_holder_lives(scene):
    inner = joined_in(scene)
    scene.happens[scene.clock.now + 4] = inner.renew
    beats = [scene.clock.now + second for second in range(1, 40)]
    scene.happens.update({moment + 0.5: scene.lease.renew for moment in beats})
    inner._work.close()

    def dies():
        scene.dies()  # its agent hears that the lease is lost, and ends

    scene.happens[scene.clock.now + 14] = dies
    assert WITHIN + 4 <= scene.watch() < WITHIN + 8
    assert (scene.current, scene.page["reverted"]["run"]) == ("1", "inner")


def test_a_run_within_a_lease_that_beats_is_left_alone(scene):
    inner = joined_in(scene)
    for second in range(1, 200):
        scene.happens[scene.clock.now + second] = inner.renew
    assert scene.watch(until=scene.clock.now + 60) is None
    assert scene.current == "2"
    inner._work.close()


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"run": "r1", "fen', "\x00" * 200])
def test_a_damaged_lease_is_nobody_s_and_keeps_no_host_from_going_back(scene, text):
    fence = scene.lease.fence
    scene.store = WatchStore("x", scene.store.folder)
    scene.switch.store = scene.store
    Path(scene.store.path(LEASE)).write_text(text)
    scene.dies()
    assert WITHIN - 1 <= scene.watch() < WITHIN + 1.1
    assert (scene.current, scene.page["reverted"]["release"]) == ("1", "2")
    after = scene.store.read(LEASE)
    assert after["run"] is None
    assert after["fence"] > fence, "whoever had the lease meanwhile has a lower number"


def test_a_run_whose_lease_is_damaged_under_it_is_undone_though_it_lives(scene):
    scene.store = WatchStore("x", scene.store.folder)
    scene.switch.store = scene.store
    Path(scene.store.path(LEASE)).write_text("[]")
    assert scene.lease.renew() is False, "so that its agent ends"
    scene.dies()
    assert scene.watch() is not None
    assert scene.current == "1"


def test_any_other_damaged_file_is_none_of_its_business(scene):
    store = WatchStore("x", scene.store.folder)
    Path(store.path("ledger.json")).write_text("[]")
    with pytest.raises(Failed, match=r"ledger\.json is damaged"):
        store.read("ledger.json")


def test_a_run_that_fell_silent_is_undone_when_its_time_is_over_and_not_before(scene):
    scene.dies()
    assert WITHIN <= scene.watch() < WITHIN + 1.1
    assert scene.current == "1"
    page = scene.page
    assert (page["current"], page["activating"], page["verified"], page["pinned"]) == ("1", None, ["1"], {})
    note = page["reverted"]
    assert (note["release"], note["to"], note["run"], note["problem"]) == ("2", "1", "r1", None)
    assert scene.switch.armed() is None
    assert scene.new_lease().status() is None
    assert scene.store.read(LEASE)["fence"] > scene.lease.fence


@pytest.mark.parametrize(("before", "left"), [(1.0, WITHIN - 1.0), (WITHIN * 0.6, WITHIN)])
def test_its_time_is_counted_from_the_last_beat_unless_that_is_far_behind(scene, before, left):
    """Hosts that hear the same beats and are armed one after another still go back in their order."""
    scene.lease.renew()
    scene.clock.now += before
    scene.switch.arm(scene.app, "2", scene.lease, WITHIN)
    assert scene.switch.left(scene.store.read("lease.json")) == pytest.approx(left)


def test_beats_hold_it_for_as_long_as_they_come(scene):
    scene.happens = {float(moment): scene.lease.renew for moment in range(103, 160, 5)}
    scene.happens[161.0] = scene.dies
    assert 158 + WITHIN - 100 <= scene.watch() < 158 + WITHIN + 2 - 100
    assert scene.current == "1"


def test_confirmed_or_rolled_back_it_ends_without_a_touch(scene):
    scene.happens = {103.0: lambda: deploy_calls.confirm(scene.agent, scene.app, "2", 5)}
    assert scene.watch() < 5
    assert (scene.current, scene.page["reverted"], scene.page["verified"]) == ("2", None, ["1", "2"])
    assert scene.page["confirmed"]["run"] == "r1"


def test_a_rollback_disarms_it(scene):
    assert deploy_calls.roll_back(scene.agent, scene.app) == {"release": "1"}
    assert scene.switch.armed() is None
    assert scene.watch() == 0


def test_a_confirmation_that_died_before_it_disarmed_counts(scene):
    scene.host.ledger.page.update(scene.page)
    scene.host.ledger.confirmed("2", "r1")
    scene.dies()
    scene.watch()
    assert (scene.current, scene.page["reverted"]) == ("2", None)
    assert scene.switch.armed() is None


def test_it_never_works_beside_an_agent_that_is_still_at_a_change(scene):
    scene.happens = {130.0: scene.dies}
    assert scene.watch() >= 30
    assert scene.current == "1"
    with pytest.raises(Failed, match="no longer holds"):
        scene.lease.check()


def test_another_run_that_holds_the_host_is_waited_for_and_may_end_it(scene):
    scene.dies()
    other = scene.new_lease()
    scene.clock.now += 61  # the dead run's lease is over; the watcher starts late
    other.acquire("r2", "you", "provision", 30, "dev", "web1")
    scene.happens = {scene.clock.now + 20: other.release}
    assert scene.watch(until=300) >= 20
    assert scene.current == "1"


def test_a_run_that_takes_it_up_again_holds_it(scene):
    scene.dies()
    other = scene.new_lease()
    scene.clock.now += 61
    other.acquire("r2", "you", "resume", 3000, "dev", "web1")
    agent = SimpleNamespace(store=scene.store, lease=other, proceed=other.check)
    deploy_calls.adopt(agent, scene.app, "2", WITHIN)
    assert scene.switch.armed()["run"] == "r2"
    deploy_calls.holds(agent, scene.app, "2")
    deploy_calls.confirm(agent, scene.app, "2", 5)
    assert (scene.current, scene.switch.armed()) == ("2", None)
    other.release()
    with pytest.raises(Failed, match="isn't activated here any more"):
        deploy_calls.adopt(SimpleNamespace(store=scene.store, lease=other, proceed=lambda: None), scene.app, "2")


def test_a_host_that_went_back_refuses_the_run_and_tells_it_that_it_is_back(scene):
    work = scene.lease._work
    scene.happens = {112.0: work.close}
    scene.watch()
    with pytest.raises(Failed, match="no longer holds"):
        deploy_calls.confirm(scene.agent, scene.app, "2", 5)
    with pytest.raises(Failed, match="no longer holds"):
        deploy_calls.holds(scene.agent, scene.app, "2")
    assert deploy_calls.roll_back(scene.agent, scene.app) == {"release": "1"}


def test_after_a_reboot_the_link_is_right_before_the_app_may_start(scene):
    scene.reboots()
    assert scene.watch() == 0
    assert (scene.current, scene.ready) == ("1", ["1"])
    assert scene.page["reverted"]["to"] == "1"


def test_a_first_deployment_leaves_nothing(scene):
    page = scene.store.read("ledger.json")
    page["app"]["verified"] = []
    scene.store.write("ledger.json", page)
    scene.dies()
    scene.watch()
    assert (scene.current, scene.page["current"], scene.page["reverted"]["to"]) == (None, None, None)


def test_killed_between_arming_and_the_activation_nothing_is_touched(scene):
    deploy_calls.roll_back(scene.agent, scene.app)
    before = os.lstat(scene.host.path / "current").st_ino
    scene.switch.arm(scene.app, "2", scene.lease, WITHIN)
    scene.dies()
    assert scene.watch() >= WITHIN
    assert os.lstat(scene.host.path / "current").st_ino == before
    assert scene.page["reverted"] is None


def test_an_old_release_that_fails_as_well_is_noted_and_not_tried_for_ever(scene, monkeypatch):
    def fails(app, releases, target):
        releases.point(target)
        raise Failed("service 'app' is failed")

    monkeypatch.setattr(activation, "take_back", fails)
    scene.dies()
    scene.watch()
    assert scene.page["reverted"]["problem"] == "service 'app' is failed"
    assert scene.switch.armed() is None


def test_a_host_without_systemd_says_what_to_do(monkeypatch):
    monkeypatch.setattr(switch.os.path, "isdir", lambda path: False)
    with pytest.raises(Failed, match=r"needs systemd, which doesn't run on this host; .*confirm_within: 0"):
        switch.check()


@pytest.mark.parametrize("name", ["shop", "shop v2", "50%$HOME", 'say "hi"'])
def test_the_unit_names_and_quotes_whatever_an_app_is_called(tmp_path, name):
    app = {"name": name, "path": "/srv/my app", "services": ["web", "web@1.2", "q.socket"]}
    one = Switch(HostStore("demo", str(tmp_path / "demo")), name)
    text = one._unit_text(app, "d" * 64)
    assert not set(one.unit) & set(" %$\"'/")
    assert "Before=web.service web@1.2.service\n" in text, "a socket before a unit of the boot would be a circle"
    assert '"/srv/my app"' in text
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert "%" not in start.replace("%%", "")
    assert "$" not in start.replace("$$", "")
    assert len(start) < 2048, "older systemd cuts lines there"


@pytest.fixture(params=VERSIONS)
def agent(request, tmp_path):
    return PrivateAgent(find(request.param), tmp_path)


def watcher(agent, app="app"):
    """The command of the unit: boot.py, become the watcher."""
    *start, digest, _ = agent.command("switch")
    return [*start, switch.WATCH, "demo", app, digest, "switch"]


def test_the_watcher_starts_from_the_cache_on_every_python_and_takes_the_host_back(agent, tmp_path):
    session = agent.open()
    store = HostStore("demo", str(agent.data / "demo"))
    began = time.monotonic()
    fence = session.call("lease.take", run="r1", owner="me", reason="x", ttl=60, environment="dev", host="here")[
        "fence"
    ]
    path = tmp_path / "srv"
    (path / "releases/1").mkdir(parents=True)
    (path / "releases/2").mkdir()
    (path / "current").symlink_to("releases/2")
    ledger = Ledger(store, "app")
    for name in "12":
        ledger.staged(name, name, name, name)
    ledger.confirmed("1")
    ledger.activating("2", "r1")
    app = {"name": "app", "path": str(path), "services": []}
    entry = {"app": app, "release": "2", "run": "r1", "fence": fence, "within": 2.0}
    store.write("switch-app.json", {**entry, "boot": boot_id(), "at": time.monotonic()})
    process = subprocess.Popen(
        watcher(agent), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    session.beat()
    session._transport._process.kill()
    assert process.wait(timeout=60) == 0, process.stderr.read()
    process.stderr.close()
    session.close()
    assert str((path / "current").readlink()) == "releases/1"
    assert time.monotonic() - began >= 2.0
    assert Ledger(store, "app").page["reverted"]["to"] == "1"
    subprocess.run(watcher(agent), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)


def test_what_others_could_have_written_is_not_run(tmp_path):
    file = tmp_path / "private/switch-app.py"
    file.parent.mkdir(mode=0o700)
    file.write_text("import sys; print('ran', *sys.argv[1:])")
    python = ["python3", "-I", "-S", "-c", switch._OPEN, str(file), "word"]

    def said():
        result = subprocess.run(python, capture_output=True, text=True, timeout=60, check=False)
        return result.stdout.strip() or result.stderr.strip()

    file.chmod(0o600)
    assert said() == "ran word"
    file.chmod(0o620)
    assert said() == f"{file} is not private"
    file.chmod(0o600)
    file.parent.chmod(0o770)
    assert said() == f"{file} is not private"
    file.parent.chmod(0o700)
    file.rename(tmp_path / "private/else")
    file.symlink_to("else")
    assert "ran" not in said()


def test_an_agent_that_lost_its_lease_ends_and_frees_the_host(tmp_path):
    """A controller that was cut off never says so: the connection stays open, and no beat comes."""
    agent = PrivateAgent(find("3.11"), tmp_path)
    session = agent.open()
    take = {"owner": "me", "reason": "x", "environment": "dev", "host": "here"}
    first = session.call("lease.take", run="r1", ttl=1, **take)["fence"]
    other = agent.open()
    try:
        for _ in range(60):
            with contextlib.suppress(LeaseHeld):
                assert other.call("lease.take", run="r2", ttl=60, **take)["fence"] > first
                return
            time.sleep(0.3)
        pytest.fail("the host is held for as long as the connection stands")
    finally:
        other.close()
        session.close()
