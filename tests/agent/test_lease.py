from pathlib import Path

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import Lease, force_release
from cdconf.agent.records.store import HostStore


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def host(tmp_path, clock):
    store = HostStore("demo", str(tmp_path / "demo"))
    leases = []

    def make(boot="b1"):
        leases.append(Lease(store, clock, lambda: boot))
        return leases[-1]

    yield make
    for lease in leases:
        if lease._work is not None:
            lease._work.close()


def take(lease, run, environment="staging"):
    return lease.acquire(run, "me", "test", 10, environment, "web1")


def test_a_held_host_refuses_another_run_and_names_the_holder(host, clock):
    take(host(), "r1")
    clock.now += 3
    with pytest.raises(Failed) as caught:
        take(host(), "r2")
    assert caught.value.kind == "lease_held"
    assert caught.value.details["age_s"] == 3


def test_a_dead_holder_s_lease_expires_and_the_fence_rises(host, clock):
    dead = host()
    first = take(dead, "r1")
    dead._work.close()  # the kernel does this when the agent dies
    clock.now += 11
    assert take(host(), "r2") > first
    with pytest.raises(Failed, match="no longer holds"):
        dead.check()
    assert not dead.renew()


@pytest.mark.parametrize("last", [None, 57, 1_700_000_000_000])
def test_a_fence_is_above_all_before_and_no_lower_than_the_host_s_clock(host, monkeypatch, last):
    """So it's above those of a host of this name that has been made anew, or restored from a backup, since."""
    monkeypatch.setattr("cdconf.agent.lease.lease.time.time", lambda: 1_800_000_000.5)
    lease = host()
    if last is not None:
        gone = {"run": None, "owner": None, "reason": None, "fence": last, "boot": "b0", "acquired": 1, "expires": 2}
        lease.store.write("lease.json", gone)
    assert take(lease, "r1") == 1_800_000_000_500


def test_a_clock_that_is_set_back_lets_no_fence_fall(host, monkeypatch):
    times = iter([1_800_000_000.0, 1_700_000_000.0, 0.0])
    monkeypatch.setattr("cdconf.agent.lease.lease.time.time", lambda: next(times))
    fences = []
    for number in range(3):
        lease = host()
        fences.append(take(lease, f"r{number}"))
        lease.release()
    assert fences == [1_800_000_000_000, 1_800_000_000_001, 1_800_000_000_002]


def test_what_a_host_remembers_says_under_which_number_it_was_done(host):
    lease = host()
    fence = take(lease, "r1")
    assert lease.by() == {"run": "r1", "owner": "me", "reason": "test", "fence": fence}


def test_an_expired_lease_is_still_held_while_its_agent_works(host, clock):
    alive = host()
    take(alive, "r1")
    clock.now += 11
    with pytest.raises(Failed, match="still at work"):
        take(host(), "r2")


def test_beats_keep_it(host, clock):
    lease = host()
    take(lease, "r1")
    for _ in range(5):
        clock.now += 8
        assert lease.renew()
    lease.check()


@pytest.mark.parametrize("still_at_work", [True, False])
def test_beats_of_a_lease_that_has_run_out_do_not_revive_it(host, clock, still_at_work):
    lease = host()
    first = take(lease, "r1")
    if not still_at_work:
        lease._work.close()
    clock.now += 10
    assert not lease.renew(), "the host was stopped, and reads now what was sent meanwhile"
    assert lease.loss().message == "this run's lease on the host has run out"
    assert host().status() is None
    if not still_at_work:
        assert take(host(), "r2") > first


def test_a_lease_of_an_earlier_boot_is_not_renewed(host):
    boots = ["b1", "b1", "b2"]
    lease = host()
    take(lease, "r1")
    lease.boot = boots.pop
    assert not lease.renew()


def test_a_damaged_lease_is_why_it_is_lost(host, store):
    lease = host()
    take(lease, "r1")
    (Path(store.folder) / "lease.json").write_text("[]")
    assert "lease.json is damaged" in lease.loss().message
    assert not lease.renew()


def test_a_reboot_ends_it(host):
    dead = host()
    take(dead, "r1")
    dead._work.close()
    assert host("b2").status() is None


def test_a_host_refuses_another_environment(host):
    lease = host()
    take(lease, "r1")
    lease.release()
    with pytest.raises(Failed, match="this host is staging's 'web1', not production's"):
        take(host(), "r2", "production")


def test_a_forced_release_names_whom_it_ended(host, tmp_path):
    take(host(), "r1")
    store = HostStore("demo", str(tmp_path / "demo"))
    lease = Lease(store)
    entry = store.read("lease.json")
    entry["boot"], entry["expires"] = lease.boot(), lease.clock() + 10
    store.write("lease.json", entry)
    assert force_release(store)["owner"] == "me"


def test_a_run_that_never_gave_the_host_back_is_named_until_the_next_one(host, clock):
    assert host().left() is None
    dead = host()
    take(dead, "r1")
    assert host().left() is None, "it holds it"
    dead._work.close()
    clock.now += 25
    found = host().left()
    assert (found["run"], found["owner"], found["reason"], found["age_s"]) == ("r1", "me", "test", 25)
    assert host(boot="b2").left()["age_s"] is None
    next_one = host()
    take(next_one, "r2")
    next_one.release()
    assert host().left() is None


def test_two_hosts_of_a_run_that_are_one_machine_are_told(host):
    take(host(), "r1")
    with pytest.raises(Failed, match="the same machine as another host of this run") as caught:
        take(host(), "r1")
    assert caught.value.kind == "same_machine"


@pytest.fixture
def store(tmp_path):
    return HostStore("demo", str(tmp_path / "demo"))


MIGRATED = {"shop": [{"phase": "expand", "tree": "t", "number": 1, "state": "done", "order": 1}]}
ABSENT = {"file:/etc/x": {"absent": True, "digest": "d"}}
ARMED = {"run": "r0", "fence": 1, "boot": "b1", "at": 1.0, "within": 20.0}
DRAIN = {"app": "shop", "command": "true", "undrain": "true", "timeout": 5}


def leave(lease, run="r1"):
    take(lease, run)
    lease.release()


def move(lease, moved_from="staging"):
    return lease.acquire("r2", "me", "test", 10, "production", "www", None, moved_from)


def test_a_host_moves_only_from_where_it_is_said_to_be(host, store):
    leave(host())
    before = store.read("lease.json")["fence"]
    store.write("migrations.json", MIGRATED)
    store.write("applied.json", ABSENT)
    with pytest.raises(Failed, match="this host is staging's 'web1', not production's"):
        move(host(), "acceptance")
    assert store.read("migrations.json")
    assert move(host()) > before
    assert store.read("identity.json") == {"environment": "production", "host": "www"}
    assert store.read("migrations.json") is None, "they ran in the database of staging"
    assert store.read("applied.json"), "what was applied is still here"


def test_a_host_that_is_new_or_here_already_is_not_moved(host, store):
    store.write("migrations.json", MIGRATED)
    assert move(host())
    assert store.read("migrations.json")


def test_a_held_host_is_not_moved(host, store):
    take(host(), "r1")
    with pytest.raises(Failed) as caught:
        move(host())
    assert caught.value.kind == "lease_held"
    assert store.read("identity.json")["environment"] == "staging"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "ledger.json",
            {"shop": {"activating": {"to": "1-abc", "run": "r0", "at": 1}}},
            "a deployment of 'shop' to 1-abc isn't ended here",
        ),
        (
            "drain-shop.json",
            {**ARMED, "drain": DRAIN, "hosts": {name: {"address": "10.0.0.2", "at": 1} for name in ("web2", "web1")}},
            "web1, web2 are drained here",
        ),
    ],
)
def test_a_host_on_which_something_is_going_on_is_not_moved(host, store, name, content, message):
    leave(host())
    store.write(name, content)
    with pytest.raises(Failed, match=message):
        move(host())
    assert store.read("identity.json")["environment"] == "staging"


@pytest.mark.parametrize("data", ["", "[]", '{"run": "r1", "fence"'])
def test_a_forced_release_removes_a_damaged_lease_and_the_next_run_takes_the_host(host, store, data):
    dead = host()
    before = take(dead, "r1")
    dead._work.close()
    (Path(store.folder) / "lease.json").write_text(data)
    assert "lease.json is damaged" in force_release(store)["damaged"]
    assert force_release(store) is None
    assert take(host(), "r2") > before
