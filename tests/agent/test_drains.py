"""Drains with the agent's own code: written down first, put back by the host itself when their run is dead."""

import subprocess
import time
from types import SimpleNamespace

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import FILE as LEASE
from cdconf.agent.lease.lease import Lease, boot_id
from cdconf.agent.protocol import drain_calls
from cdconf.agent.records.store import HostStore
from cdconf.agent.switch import switch
from cdconf.agent.switch.drain_watch import LONGEST, DrainWatch
from cdconf.agent.switch.drains import HostDrains
from tests.agent.private import VERSIONS, PrivateAgent, find
from tests.agent.test_watch import Clock

WITHIN = 20
ONE, TWO = ({"name": "web1", "address": "10.0.0.1"}, {"name": "web2", "address": "10.0.0.2"})


class Balancer:
    """A load balancer whose commands write down in `log` what they were asked to do."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(switch, "check", lambda: None)
        monkeypatch.setattr(HostDrains, "_install", lambda self, app: None)
        monkeypatch.setattr(switch, "run", lambda *words, **keywords: None)
        monkeypatch.setattr(switch.app_services, "systemctl", lambda *words: None)
        self.clock, self.boot, self.happens = Clock(), "b1", {}
        self.log = folder / "log"
        self.store = HostStore("demo", str(folder / "demo"))
        self.lease = self.new_lease()
        self.lease.acquire("r1", "me", "deploy", 60, "dev", "lb1")
        self.agent = SimpleNamespace(store=self.store, lease=self.lease, proceed=self.lease.check)
        monkeypatch.setattr(drain_calls, "HostDrains", lambda store, app: self.drains)
        words = f'"$CDCONF_APP $CDCONF_HOST $CDCONF_ADDRESS" >> {self.log}'
        self.drain = {"app": "app", "command": f"echo - {words}", "undrain": f"echo + {words}", "timeout": 5}

    @property
    def drains(self):
        return HostDrains(self.store, "app", clock=self.clock, boot=lambda: self.boot)

    def new_lease(self):
        return Lease(self.store, self.clock, lambda: self.boot)

    def begin(self, *hosts, within=WITHIN):
        drain_calls.begin(self.agent, self.drain, list(hosts), within)

    def dies(self):
        self.lease._work.close()
        self.lease._work = None

    def watch(self, until=400.0):
        """Seconds until the watcher ended; None when it didn't before `until`."""

        def sleep(seconds):
            self.clock.now += seconds
            for moment in [one for one in sorted(self.happens) if self.clock.now >= one]:
                self.happens.pop(moment)()
            if self.clock.now > until:
                raise TimeoutError

        began = self.clock.now
        try:
            DrainWatch(self.store, "app", self.drains, self.new_lease(), sleep).run()
        except TimeoutError:
            return None
        return self.clock.now - began

    @property
    def said(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def page(self):
        return drain_calls.status(self.agent, "app")


@pytest.fixture
def balancer(tmp_path, monkeypatch):
    one = Balancer(tmp_path, monkeypatch)
    yield one
    if one.lease._work is not None:
        one.lease._work.close()


def test_commands_get_the_host_in_their_environment_and_never_in_their_line(balancer):
    balancer.begin({"name": "web1", "address": "$(reboot); '"})
    assert balancer.said == ["- app web1 $(reboot); '"]
    assert drain_calls.end(balancer.agent, balancer.drain, ["web1"]) == {"ended": ["web1"], "failed": {}}
    assert balancer.said[-1] == "+ app web1 $(reboot); '"


def test_what_is_drained_is_known_until_it_is_put_back(balancer):
    balancer.begin(ONE, TWO)
    page = balancer.page
    assert (sorted(page["hosts"]), page["run"], page["expires_in_s"]) == (["web1", "web2"], "r1", WITHIN)
    drain_calls.holds(balancer.agent, "app", ["web1", "web2"])
    drain_calls.end(balancer.agent, balancer.drain, ["web1", "web9"])
    assert sorted(balancer.page["hosts"]) == ["web2"]
    with pytest.raises(Failed, match="web1 is no longer drained here"):
        drain_calls.holds(balancer.agent, "app", ["web1", "web2"])
    drain_calls.end(balancer.agent, balancer.drain)
    assert balancer.page["hosts"] == {}
    assert balancer.drains.armed() is None
    assert balancer.said == ["- app web1 10.0.0.1", "- app web2 10.0.0.2", "+ app web1 10.0.0.1", "+ app web2 10.0.0.2"]


def test_a_command_that_fails_leaves_the_host_written_down_so_that_it_is_put_back(balancer):
    balancer.drain["command"] = "echo no such server >&2; exit 3"
    with pytest.raises(Failed, match="the drain command for web1 failed") as caught:
        balancer.begin(ONE, TWO)
    assert (caught.value.status, caught.value.output) == (3, "no such server")
    assert sorted(balancer.page["hosts"]) == ["web1", "web2"]
    drain_calls.end(balancer.agent, balancer.drain)
    assert balancer.said == ["+ app web1 10.0.0.1", "+ app web2 10.0.0.2"]


def test_a_command_that_hangs_is_killed_in_time(balancer):
    balancer.drain |= {"command": "sleep 60", "timeout": 0.2}
    with pytest.raises(Failed, match=r"the drain command for web1 is still running after 0\.2 s, killed"):
        balancer.begin(ONE)


def test_one_that_can_not_be_put_back_does_not_keep_the_others(balancer):
    balancer.begin(ONE, TWO)
    good = balancer.drain["undrain"]
    balancer.drain["undrain"] = f'[ "$CDCONF_HOST" != web1 ] && {good}'
    result = drain_calls.end(balancer.agent, balancer.drain)
    assert result["ended"] == ["web2"]
    assert "the undrain command for web1 failed\ncommand: " in result["failed"]["web1"]
    assert sorted(balancer.page["hosts"]) == ["web1"]


def test_a_dead_run_s_hosts_are_put_back_when_their_time_is_over_and_not_before(balancer):
    balancer.begin(ONE, TWO)
    balancer.dies()
    assert WITHIN <= balancer.watch() < WITHIN + 1.1
    assert balancer.said[-2:] == ["+ app web1 10.0.0.1", "+ app web2 10.0.0.2"]
    assert balancer.drains.armed() is None
    assert balancer.new_lease().status() is None
    assert balancer.store.read(LEASE)["fence"] > balancer.lease.fence


def test_beats_hold_a_drain_and_its_end_ends_the_watcher(balancer):
    balancer.begin(ONE)
    balancer.happens = {float(moment): balancer.lease.renew for moment in range(103, 180, 5)}
    balancer.happens[181.0] = lambda: drain_calls.end(balancer.agent, balancer.drain)
    assert 81 <= balancer.watch() < 83
    assert len(balancer.said) == 2


def test_after_a_reboot_they_are_put_back_at_once(balancer):
    balancer.begin(ONE)
    balancer.dies()
    balancer.boot, balancer.clock.now = "b2", 1.0
    assert balancer.page["expires_in_s"] is None
    assert balancer.watch() == 0
    assert balancer.said[-1] == "+ app web1 10.0.0.1"


def test_what_can_not_be_put_back_is_tried_again_ever_more_seldom_and_said(balancer):
    flag = balancer.log.with_name("up")
    balancer.drain["undrain"] = f"echo + $CDCONF_HOST >> {balancer.log}; [ -e {flag} ] || exit 7"
    balancer.begin(ONE)
    balancer.dies()
    balancer.happens = {100.0 + WITHIN + 300: flag.touch}
    took = balancer.watch(until=900)
    assert WITHIN + 300 <= took <= WITHIN + 300 + LONGEST + 1
    assert 8 <= balancer.said.count("+ web1") <= 13
    assert balancer.drains.armed() is None


def test_why_it_can_not_be_put_back_is_known(balancer):
    balancer.drain["undrain"] = "exit 7"
    balancer.begin(ONE)
    balancer.dies()
    assert balancer.watch(until=150) is None
    assert balancer.page["problem"] == "the undrain command for web1 failed"


def test_another_run_takes_over_what_was_left_and_its_beats_hold_it(balancer):
    balancer.begin(ONE)
    balancer.dies()
    balancer.clock.now += 61
    other = balancer.new_lease()
    other.acquire("r2", "you", "resume", 3000, "dev", "lb1")
    agent = SimpleNamespace(store=balancer.store, lease=other, proceed=other.check)
    drain_calls.begin(agent, balancer.drain, [TWO], WITHIN)
    assert sorted(balancer.page["hosts"]) == ["web1", "web2"]
    drain_calls.holds(agent, "app", ["web1"])
    with pytest.raises(Failed, match="no longer holds"):
        drain_calls.holds(balancer.agent, "app", ["web1"])
    with pytest.raises(Failed, match="no longer holds"):
        drain_calls.end(balancer.agent, balancer.drain)
    other.release()


def test_a_run_that_the_host_gave_up_finds_nothing_to_put_back(balancer):
    balancer.begin(ONE)
    balancer.happens = {101.0: balancer.lease._work.close}
    balancer.watch()
    assert drain_calls.end(balancer.agent, balancer.drain) == {"ended": [], "failed": {}}
    with pytest.raises(Failed, match="no longer holds"):
        drain_calls.begin(balancer.agent, balancer.drain, [ONE], WITHIN)


def test_without_a_switch_they_stay_for_the_next_run(balancer, monkeypatch):
    monkeypatch.setattr(HostDrains, "_start", None)
    balancer.begin(ONE, within=None)
    assert balancer.page["expires_in_s"] is None
    drain_calls.end(balancer.agent, balancer.drain)
    assert balancer.page["hosts"] == {}


def test_a_watcher_that_does_not_start_leaves_nothing_drained(balancer, monkeypatch):
    def refuses(*words):
        raise Failed("service can't restart")

    monkeypatch.setattr(switch.app_services, "systemctl", refuses)
    with pytest.raises(Failed, match="can't restart"):
        balancer.begin(ONE)
    assert (balancer.drains.armed(), balancer.said) == (None, [])


@pytest.fixture(params=VERSIONS)
def agent(request, tmp_path):
    return PrivateAgent(find(request.param), tmp_path)


def test_the_watcher_starts_from_the_cache_on_every_python_and_puts_hosts_back(agent, tmp_path):
    session = agent.open()
    take = {"owner": "me", "reason": "x", "environment": "dev", "host": "here"}
    fence = session.call("lease.take", run="r1", ttl=60, **take)["fence"]
    store, log = HostStore("demo", str(agent.data / "demo")), tmp_path / "log"
    drain = {"app": "app", "command": "true", "undrain": f"echo $CDCONF_HOST >> {log}", "timeout": 5}
    session.call("drain.begin", drain=drain, hosts=[ONE], within=None)
    assert session.call("drain.status", app="app")["hosts"]["web1"]["address"] == "10.0.0.1"
    entry = store.read("drain-app.json") | {"within": 2.0, "boot": boot_id(), "at": time.monotonic(), "fence": fence}
    store.write("drain-app.json", entry)
    *start, digest, _ = agent.command("drain")
    words = [*start, HostDrains.MODULE, "demo", "app", digest, "drain"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    session._transport._process.kill()
    assert process.wait(timeout=60) == 0, process.stderr.read()
    process.stderr.close()
    session.close()
    assert log.read_text() == "web1\n"
    assert store.read("drain-app.json") is None


@pytest.mark.parametrize("name", ["shop", "50%$HOME", 'say "hi"'])
def test_the_unit_is_one_of_its_own_and_holds_up_no_service(tmp_path, name):
    store = HostStore("demo", str(tmp_path / "demo"))
    one = HostDrains(store, name)
    text = one._unit_text({"path": store.folder, "services": []}, "d" * 64)
    assert one.unit != switch.Switch(store, name).unit
    assert "Before=\n" in text
    assert f"ConditionPathExists={store.folder}/drain-" in text
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert "cdconf.agent.switch.drain_watch" in start
    assert len(start) < 2048
