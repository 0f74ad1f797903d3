"""A run's sessions: leases of runs that begin at once, and signals."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cdconf.engine import Fleet, RunIdentity
from cdconf.errors import Interrupted, LeaseHeld, Terminated, TerminateSignal, Unreachable


class World:
    """Hosts' leases, and sessions to them that are as slow as a test wants."""

    def __init__(self, slow=lambda run, host: 0.0, dead=()):
        self.slow = slow
        self.dead = dead
        self.held = {}
        self.asked = []
        self.lock = threading.Lock()

    def fleet(self, run, names="abc"):
        connector = SimpleNamespace(connect=lambda host, note: self.connect(run, host), close=lambda: None)
        environment = SimpleNamespace(name="dev")
        fleet = Fleet(connector, environment, RunIdentity("deploy", run=run), lambda event: None)
        return fleet, [SimpleNamespace(name=name) for name in names]

    def connect(self, run, host):
        time.sleep(self.slow(run, host.name))
        call = lambda name, **keywords: self.call(run, host.name, name)  # noqa: E731
        nothing = lambda: None  # noqa: E731
        return SimpleNamespace(host=host, call=call, close=nothing, beat=nothing, stop=nothing, resume=nothing)

    def call(self, run, host, name):
        with self.lock:
            if host in self.dead:
                raise Unreachable("hangs", host=host)
            if name == "lease.take":
                self.asked.append(host)
                if self.held.setdefault(host, run) != run:
                    raise LeaseHeld("held", host=host)
            elif name == "lease.give_back":
                assert self.held.pop(host) == run


def test_of_two_runs_that_begin_at_once_exactly_one_gets_all_leases():
    # Each reaches another host first, and that one quickly.
    world = World(slow=lambda run, host: 0.05 if (run == "one") == (host == "a") else 0.2)
    everyone = threading.Barrier(2)

    def attempt(run):
        fleet, hosts = world.fleet(run, "ab")
        with fleet:
            errors = fleet.connect(hosts, lease=True)
            everyone.wait(10)
            return errors

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, ["one", "two"]))
    assert sorted(len(errors) for errors in results) == [0, 1], results
    assert world.held == {}


def test_sessions_are_in_the_order_of_the_hosts_not_of_their_answers():
    world = World(slow=lambda run, host: {"a": 0.1, "b": 0.05, "c": 0.0}[host])
    fleet, hosts = world.fleet("one")
    with fleet:
        assert fleet.connect(hosts, lease=False) == {}
        assert list(fleet.sessions) == ["a", "b", "c"]


def test_after_a_held_lease_no_other_is_asked_for():
    world = World()
    world.held["a"] = "other"
    fleet, hosts = world.fleet("one", "cba")
    with fleet:
        assert list(fleet.connect(hosts, lease=True)) == ["a"]
    assert world.asked == ["a"]


def test_a_host_that_puts_itself_right_is_waited_for_but_not_for_ever(monkeypatch):
    monkeypatch.setattr("cdconf.engine.fleet.ITSELF", 1.0)
    held = LeaseHeld("held by the host itself", host="a")
    held.by_host = True
    world = World()
    fleet, hosts = world.fleet("one", "ab")
    takes = fleet._take_lease

    def take(session, left=[3]):  # noqa: B006  it counts
        if session.host.name == "a" and left[0] > 0:
            left[0] -= 1
            raise held
        takes(session)

    fleet._take_lease = take
    with fleet:
        assert fleet.connect(hosts, lease=True) == {}
        assert sorted(world.held) == ["a", "b"]
    fleet, hosts = world.fleet("two", "ab")
    fleet._take_lease = lambda session: take(session, [10**9])
    with fleet:
        assert fleet.connect(hosts, lease=True) == {"a": held}


def test_a_host_that_dies_before_its_lease_does_not_keep_the_others_from_theirs():
    world = World(dead="a")
    fleet, hosts = world.fleet("one")
    with fleet:
        assert list(fleet.connect(hosts, lease=True)) == ["a"]
        assert sorted(world.held) == ["b", "c"]


@pytest.mark.parametrize(
    ("signal", "error", "code"), [(KeyboardInterrupt, Interrupted, 130), (TerminateSignal, Terminated, 143)]
)
def test_a_signal_keeps_its_exit_code(monkeypatch, signal, error, code):
    fleet, hosts = World().fleet("one")

    def arrives(*arguments, **keywords):
        monkeypatch.undo()
        raise signal

    with fleet:
        fleet.connect(hosts, lease=True)
        monkeypatch.setattr("cdconf.engine.fleet.wait", arrives)
        with pytest.raises(Interrupted) as caught:
            fleet.each(hosts, lambda session: time.sleep(0.1))
    assert (type(caught.value), caught.value.exit_code) == (error, code)


def test_a_beat_that_waits_for_one_host_does_not_keep_the_others_waiting():
    world = World()
    fleet, hosts = world.fleet("one")
    fleet._interval = 0.05
    stuck, beaten = threading.Event(), threading.Event()
    with fleet:
        fleet.connect(hosts, lease=True)
        fleet.sessions["a"].beat = lambda: stuck.wait(10)
        fleet.sessions["c"].beat = beaten.set
        assert beaten.wait(5)
        beaten.clear()
        assert beaten.wait(5)
        stuck.set()
