"""A run's sessions: leases of runs that begin at once, and signals."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cdconf.engine import Checks, Fleet, Guarded, RunIdentity
from cdconf.engine.reports import refuse
from cdconf.errors import GateClosed, Interrupted, LeaseHeld, NotStarted, Terminated, TerminateSignal, Unreachable
from cdconf.events import ClocksSeen, HostLeased, Notice
from cdconf.inventory import Host
from cdconf.session.start import NoPython
from tests.called import Called


def nothing(*_):
    """Does nothing."""


class World:
    """Hosts' leases, and sessions to them that are as slow as a test wants."""

    def __init__(self, slow=lambda run, host: 0.0, dead=()):
        self.identities = {}
        self.projects = {}
        self.versions = {}
        self.moved = {}
        self.slow = slow
        self.dead = dead
        self.held = {}
        self.clocks = {}
        self.asked = []
        self.fences = {}
        self.lock = threading.Lock()

    def fleet(self, run, names="abc"):
        connector = SimpleNamespace(
            connect=lambda host, note: self.connect(run, host), get_ready=nothing, close=nothing
        )
        environment = SimpleNamespace(name="dev")
        fleet = Fleet(connector, environment, RunIdentity("deploy", run=run), lambda event: None)
        return fleet, [SimpleNamespace(name=name) for name in names]

    def connect(self, run, host):
        time.sleep(self.slow(run, host.name))
        call = lambda call, **keywords: self.call(run, host.name, call, **keywords)  # noqa: E731
        about = {"host": host, "identity": self.identities.get(host.name), "facts": self.facts(host)}
        about["clock_ahead"] = self.clocks.get(host.name, 0.0)
        return Called(call, **about, close=nothing, beat=nothing, stop=nothing, resume=nothing)

    def facts(self, host):
        os = {"id": "debian", "version": self.versions.get(host.name, "12"), "codename": ""}
        return SimpleNamespace(get=lambda groups: {"os": os} if list(groups) == ["os"] else {})

    def call(self, by, at, call, **about):
        with self.lock:
            if at in self.dead:
                raise Unreachable("hangs", host=at)
            if call == "projects":
                return self.projects.get(at, {})
            if call == "lease.take":
                self.asked.append(at)
                self.moved[at] = about["moved_from"]
                if self.held.setdefault(at, by) != by:
                    raise LeaseHeld("held", host=at)
                before = self.fences.get(at, 0)
                self.fences[at] = before + 1
                return {"fence": before + 1, "before": before}
            if call == "lease.give_back":
                assert self.held.pop(at) == by
            return None


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
    "answers", [["b1", "b1", "b2"], [Unreachable("it broke"), OSError("x")], ["b1", Unreachable("x")]]
)
def test_no_session_is_left_over_while_a_reboot_is_awaited(monkeypatch, answers):
    fleet, (host, *_) = World().fleet("one")
    opened, closed, left = [], [], list(answers)

    def call(name):
        if not left:
            fleet._stopped.set()
            raise Unreachable("it's off")
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def connect(host):
        session = Called(call, close=lambda: closed.append(session))
        opened.append(session)
        return session

    monkeypatch.setattr(fleet, "_connect", connect)
    monkeypatch.setattr(fleet._ended, "wait", lambda seconds: False)
    try:
        kept = [fleet._back_from_reboot(host, "b1", time.monotonic() + 60, 60)]
    except (Interrupted, OSError):
        kept = []
    assert kept == [one for one in opened if one not in closed]
    assert len(kept) == (answers[-1] == "b2")


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
        monkeypatch.setattr("cdconf.engine.jobs.wait", arrives)
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


class Inventory:
    """An environment of hosts that exist, for checks."""

    name = "dev"
    provider = "existing"
    file = "inventories/dev/hosts.yml"

    def __init__(self, **systems):
        self.hosts = {
            name: Host(name, (), os=os, bootstrap=True, file=self.file, line=line)
            for line, (name, os) in enumerate(systems.items(), 3)
        }


def checked(world, inventory, take_over=(), *, systems=True):
    """A fleet that checks what it finds, and its hosts."""
    fleet, _ = world.fleet("one")
    fleet._checks = Checks(inventory, systems=systems, take_over=frozenset(take_over))
    return fleet, list(inventory.hosts.values())


def test_a_wrong_host_is_told_before_any_lease_is_taken():
    world = World()
    world.versions["b"] = "11"
    fleet, hosts = checked(world, Inventory(a="debian-12", b="debian-12", c=None))
    with fleet:
        errors = fleet.connect(hosts, lease=True)
    assert list(errors) == ["b"]
    assert str(errors["b"]) == "inventories/dev/hosts.yml:4: b: it runs debian-11, not debian-12"
    assert errors["b"].exit_code == 1
    assert world.asked == []


def test_what_a_provider_makes_of_its_os_is_not_asked_what_it_is():
    inventory = Inventory(a="debian-13")
    inventory.provider = "docker"
    fleet, hosts = checked(World(), inventory)
    with fleet:
        assert fleet.connect(hosts, lease=True) == {}


def test_facts_come_with_the_session_only_where_they_are_looked_at():
    inventory = Inventory(a="debian-12", b=None)
    groups = Checks(inventory, systems=True).facts(lambda host: ["cpu"])
    assert [list(groups(name)) for name in "ab"] == [["cpu", "os"], ["cpu"]]
    assert list(Checks(inventory).facts()("a")) == []


def test_another_environment_s_host_is_refused_even_by_those_who_only_look():
    world = World()
    world.identities = {"a": {"environment": "dev", "host": "a"}, "b": {"environment": "production", "host": "web1"}}
    for lease in (False, True):
        fleet, hosts = checked(world, Inventory(a=None, b=None), systems=False)
        with fleet:
            errors = fleet.connect(hosts, lease=lease)
            assert list(fleet.sessions) == ["a"]
        assert str(errors["b"]) == "inventories/dev/hosts.yml:4: b: this host is production's 'web1', not dev's"
        assert "cdconf provision dev --take-over b" in errors["b"].hint
    assert world.asked == []


def test_a_host_is_taken_over_when_somebody_says_so():
    world = World()
    world.identities = {"a": {"environment": "production", "host": "web1"}}
    fleet, hosts = checked(world, Inventory(a=None, b=None), take_over=["a"])
    told = []
    fleet.emit = told.append
    with fleet:
        assert fleet.connect(hosts, lease=True) == {}
    assert world.moved == {"a": "production", "b": None}
    assert Notice("a was production's 'web1': it's taken over") in told


GUARDED = {"demo": {"production": "/home/me/demo.yml"}, "shop": {"live": "/home/me/shop.yml"}}
IDENTITY = {"environment": "production", "host": "web1"}


def guarded(world, own, environment="dev", take_over="a"):
    """The errors of a fleet that takes over such hosts, as a project of that name; policies guard `GUARDED`."""
    fleet, hosts = checked(world, Inventory(a=None), take_over=["a"])
    inventory = Inventory(a=None)
    inventory.name = environment
    fleet._checks = Checks(inventory, take_over=frozenset(take_over), guarded=Guarded(own, GUARDED))
    with fleet:
        return fleet.connect(hosts, lease=True)


def test_a_guarded_environment_s_host_is_not_taken_over_by_one_that_no_policy_names():
    world = World()
    world.identities, world.projects = {"a": IDENTITY}, {"a": {"demo": IDENTITY}}
    error = guarded(world, "demo")["a"]
    assert isinstance(error, GateClosed)
    assert str(error) == ("a: this host is production's 'web1', which /home/me/demo.yml guards; no policy names dev")
    assert world.asked == []


def test_nor_by_another_project_but_for_one_of_its_guarded_environments():
    world = World()
    world.projects = {"a": {"demo": IDENTITY}}
    error = guarded(world, "renamed", "production")["a"]
    assert "this host is demo/production's 'web1', which /home/me/demo.yml guards" in str(error)
    assert "no policy names renamed/production" in str(error)
    assert world.asked == []
    assert guarded(world, "shop", "live") == {}


def test_a_project_that_takes_another_guarded_one_s_name_does_not_get_its_hosts():
    world = World()
    world.projects = {"a": {"demo": IDENTITY}}
    error = guarded(world, "shop", "live", take_over="")["a"]
    assert isinstance(error, GateClosed)
    assert "demo/production's 'web1', which /home/me/demo.yml guards; it doesn't know project 'shop' yet" in str(error)
    assert "cdconf provision live --take-over a" in error.hint
    assert world.asked == []
    world.identities = {"a": {"environment": "live", "host": "a"}}
    assert guarded(world, "shop", "live", take_over="") == {}


def test_hosts_that_no_policy_guards_are_nobody_s_matter():
    world = World()
    world.projects = {"a": {"demo": {"environment": "staging", "host": "web1"}, "other": IDENTITY}}
    assert guarded(world, "renamed", "production") == {}


def test_a_host_that_can_t_say_whose_it_is_is_refused_only_where_that_matters():
    world = World()
    world.projects = {"a": {"other": None}}
    assert guarded(world, "renamed") == {}
    world.projects = {"a": {"demo": None}}
    assert "which environment of project 'demo' this host belongs to can't be read" in str(guarded(world, "x")["a"])


def lacking(world, systems, *, installed):
    """A connector on whose hosts in `systems` there's no Python before it's installed."""

    def connect(host, note):
        if host.name in systems:
            error = NoPython("there is no Python 3", host=host.name)
            name, _, version = systems[host.name].partition("-")
            error.system = {"id": name, "version": version}
            raise error
        return world.connect("one", host)

    def install(host, note):
        installed.append(host.name)
        return world.connect("one", host)

    return SimpleNamespace(
        connect=connect, install=install, installs=lambda host: host.bootstrap, get_ready=nothing, close=nothing
    )


@pytest.mark.parametrize(
    ("versions", "systems", "wrong"),
    [
        ({}, {"b": "debian-12"}, []),
        ({}, {"b": "debian-11"}, ["b"]),
        ({"a": "11"}, {"b": "debian-12"}, ["a"]),
    ],
)
def test_python_is_installed_once_all_hosts_are_the_right_ones(versions, systems, wrong):
    world, installed = World(), []
    world.versions = versions
    fleet, hosts = checked(world, Inventory(a="debian-12", b="debian-12"))
    fleet._connector = lacking(world, systems, installed=installed)
    with fleet:
        errors = fleet.connect(hosts, lease=True)
        assert list(errors) == wrong
        assert installed == ([] if wrong else ["b"])
        assert world.asked == ([] if wrong else ["a", "b"])


@pytest.mark.parametrize("kind", [NotStarted, NoPython])
def test_a_host_that_starts_no_agent_keeps_no_other_from_being_leased(kind):
    world = World()
    fleet, hosts = world.fleet("one")
    connect = fleet._connector.connect

    def say(host, note):
        if host.name == "b":
            raise kind("the login prints without end", host="b")
        return connect(host, note)

    fleet._connector.connect = say
    fleet._connector.installs = lambda host: False
    with fleet:
        errors = fleet.connect(hosts, lease=True)
        assert list(errors) == ["b"]
        assert world.asked == ["a", "c"]
        refuse(errors, lambda event: None)


def test_what_hosts_say_of_their_clocks_and_the_run_s_numbers_is_told_once():
    world, told = World(), []
    world.clocks = {"a": 3600.0, "c": None}
    fleet, hosts = world.fleet("r1")
    fleet.emit = told.append
    with fleet:
        call = world.call
        world.call = lambda by, at, name, **about: call(by, at, name, **about) and {"fence": 7}
        assert fleet.connect(hosts, lease=True) == {}
    (seen,) = [one for one in told if isinstance(one, ClocksSeen)]
    assert (seen.kind, seen.ahead) == ("host", {"a": 3600.0, "b": 0.0})
    leased = {one.host: one.fence for one in told if isinstance(one, HostLeased)}
    assert leased == dict.fromkeys("abc", 7)


def test_a_host_that_booted_since_is_asked_afresh_where_it_is_now():
    asked = []
    connector = SimpleNamespace(
        connect=lambda host, note: SimpleNamespace(host=host, close=lambda: asked.append(host.port)), close=nothing
    )
    moved = SimpleNamespace(name="a", port=2)
    identity, found = RunIdentity("deploy", run="one"), {"a": moved}
    fleet = Fleet(connector, SimpleNamespace(name="dev"), identity, nothing, locate=lambda host: found.get(host.name))
    hosts = [SimpleNamespace(name="a", port=1), SimpleNamespace(name="b", port=1)]
    ports = fleet.afresh(hosts, lambda session: session.host.port).all()
    assert ports == {"a": 2, "b": 1}, "where it can't be found, it's tried where it was"
    assert sorted(asked) == [1, 2]


def test_a_host_whose_session_ended_is_taken_again_and_the_new_session_stays():
    world = World()
    fleet, hosts = world.fleet("one", "ab")
    with fleet:
        fleet.connect(hosts, lease=True)
        before = dict(fleet.sessions)
        assert fleet.afresh(hosts[:1], lambda session: session, rejoin=True).all() == {"a": fleet.sessions["a"]}
        assert fleet.sessions["a"] is not before["a"]
        assert fleet.sessions["b"] is before["b"]
        assert world.asked == ["a", "b", "a"]
    assert world.held == {}, "and given back at the end"


def test_a_host_that_another_run_has_taken_meanwhile_is_not_taken_again():
    world = World()
    fleet, hosts = world.fleet("one", "a")
    with fleet:
        fleet.connect(hosts, lease=True)
        before = fleet.sessions["a"]
        world.held["a"] = "other"
        _, errors = fleet.afresh(hosts, lambda session: session, rejoin=True).split()
        assert isinstance(errors["a"], LeaseHeld)
        assert fleet.sessions["a"] is before
        world.held["a"] = "one"


def test_a_host_that_another_run_has_had_in_between_is_given_back_and_nothing_is_done_on_it():
    """What was proven of it before may not be so any more."""
    world = World()
    fleet, hosts = world.fleet("one", "a")
    done = []
    with fleet:
        fleet.connect(hosts, lease=True)
        world.fences["a"] += 1
        _, errors = fleet.afresh(hosts, done.append, rejoin=True).split()
        assert "another run has had it" in errors["a"].message
        assert (done, world.held) == ([], {})
        world.held["a"] = "one"


def test_a_look_begins_on_each_host_that_is_there_while_another_s_handshake_takes_its_time():
    seen, late = [], threading.Event()
    world = World()
    fleet, hosts = world.fleet("one")
    connect = fleet._connector.connect

    def slow(host, note):
        if host.name == "a":
            assert late.wait(20)
            raise Unreachable("it says nothing", host="a")
        return connect(host, note)

    def job(session):
        seen.append(session.host.name)
        if len(seen) == 2:
            late.set()
        return session.host.name

    fleet._connector.connect = slow
    with fleet:
        found, errors = fleet.look(hosts, job).split()
    assert (sorted(found), list(errors), sorted(seen), world.asked) == (["b", "c"], ["a"], ["b", "c"], [])


def test_a_look_waits_for_what_this_thread_prepares_and_ends_with_what_it_raises():
    fleet, hosts = World().fleet("one")
    prepared, seen = [], []
    with fleet:
        fleet.look(hosts, lambda session: seen.append(list(prepared)), lambda: prepared.append("catalogs")).all()
    assert seen == [["catalogs"]] * 3
    fleet, hosts = World().fleet("two")

    def fails():
        raise GateClosed("no")

    with fleet, pytest.raises(GateClosed):
        fleet.look(hosts, lambda session: seen.append("never"), fails)
    assert "never" not in seen


def test_a_host_of_another_environment_is_its_own_error_alone_to_those_who_look():
    world = World()
    world.identities = {"b": {"environment": "prod", "host": "web1"}}
    fleet, hosts = world.fleet("one")
    hosts = [SimpleNamespace(name=host.name, file="hosts.yml", line=1) for host in hosts]
    with fleet:
        found, errors = fleet.look(hosts, lambda session: session.host.name).split()
    assert (list(found), list(errors)) == (["a", "c"], ["b"])
