"""An app's maintenance page with the agent's own code: it's written down first, and ends by itself."""

from types import SimpleNamespace

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import Lease
from cdconf.agent.records.store import HostStore
from cdconf.agent.switch import maintenance, switch
from cdconf.agent.switch.maintenance import MaintenancePage, MaintenanceWatch


class Scene:
    """A load balancer whose page is a file; its clocks are ours."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(switch, "check", lambda: None)
        monkeypatch.setattr(switch.Switch, "_install", lambda self, app: None)
        monkeypatch.setattr(switch, "run", lambda *words, **keywords: None)
        monkeypatch.setattr(switch.app_services, "systemctl", lambda *words: None)
        monkeypatch.setattr(maintenance.time, "time", lambda: self.now)
        self.now, self.boot = 1000.0, "b1"
        self.shown = folder / "page"
        self.store = HostStore("demo", str(folder / "state"))
        self.lease = Lease(self.store, lambda: self.now, lambda: self.boot)
        self.lease.acquire("r1", "anna", "maintenance on", 60, "dev", "lb1")
        self.agent = SimpleNamespace(store=self.store, lease=self.lease, proceed=self.lease.check)
        self.page = {"app": "shop", "on": f"echo $CDCONF_APP > {self.shown}", "off": f"rm {self.shown}", "timeout": 9.0}

    def on(self, lasts=600):
        return maintenance.on(self.agent, self.page, self.now + lasts, "moving")

    def status(self):
        return maintenance.status(self.agent, "shop")["on"]

    def watch(self, until):
        """Runs the watcher until then, the run that showed the page being over; whether it has ended."""

        def sleep(seconds):
            self.now += seconds
            if self.now > until:
                raise TimeoutError

        lease = Lease(self.store, lambda: self.now, lambda: self.boot)
        one = MaintenanceWatch(self.store, "shop", MaintenancePage(self.store, "shop"), lease, sleep)
        try:
            one.run()
        except TimeoutError:
            return False
        return True


@pytest.fixture
def scene(tmp_path, monkeypatch):
    one = Scene(tmp_path, monkeypatch)
    yield one
    if one.lease._work is not None:
        one.lease._work.close()


def test_a_page_is_shown_and_taken_away(scene):
    assert scene.status() is None
    scene.on()
    assert scene.shown.read_text() == "shop\n"
    shown = {"since": 1000, "until": 1600.0, "owner": "anna", "reason": "moving", "problem": None}
    assert scene.status() == shown
    assert maintenance.off(scene.agent, "shop") == {"was_on": True}
    assert not scene.shown.exists()
    assert maintenance.off(scene.agent, "shop") == {"was_on": False}


def test_it_is_written_down_before_it_is_shown(scene):
    scene.page["on"] = "exit 3"
    with pytest.raises(Failed, match="the command that shows the maintenance page failed"):
        scene.on()
    assert scene.status() is not None


def test_it_ends_by_itself_in_time_and_not_before(scene):
    scene.on(600)
    scene.lease.release()
    assert not scene.watch(until=1590.0)
    assert scene.shown.exists()
    assert scene.watch(until=1610.0)
    assert not scene.shown.exists()
    assert scene.status() is None


def test_a_second_one_gives_it_a_new_time(scene):
    scene.on(600)
    scene.now = 1030.0
    scene.on(600)
    assert (scene.status()["since"], scene.status()["until"]) == (1000, 1630.0)


def test_a_reboot_forgets_nothing(scene):
    scene.on(600)
    scene.lease.release()
    scene.boot = "b2"
    assert scene.watch(until=1610.0)
    assert not scene.shown.exists()


def test_one_that_cannot_be_taken_away_is_tried_again_and_told(scene):
    scene.page["off"] = f"test -e {scene.shown}.ready && rm {scene.shown}"
    scene.on(600)
    scene.lease.release()
    assert not scene.watch(until=1650.0)
    assert scene.status()["problem"] == "the command that takes away the maintenance page failed"
    scene.shown.with_suffix(".ready").touch()
    assert scene.watch(until=1900.0)
    assert scene.status() is None


def test_nobody_takes_it_away_under_a_run_that_holds_the_host(scene):
    scene.on(600)
    scene.lease.release()
    other = Lease(scene.store, lambda: scene.now, lambda: scene.boot)
    other.acquire("r2", "bob", "deploy", 2000, "dev", "lb1")
    assert not scene.watch(until=1700.0)
    assert scene.shown.exists()
    other.release()
    assert scene.watch(until=1800.0)
