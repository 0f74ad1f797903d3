"""Runs within a lease: who gets in, under which number, and that nothing outlives the run around it."""

import hashlib
import threading
import time
from pathlib import Path

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease import nested
from cdconf.agent.lease.lease import FILE, Lease, force_release
from cdconf.agent.records.store import HostStore


def seal(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


class Scene:
    """A host that the run `outer` holds; whose secret is `s-outer`."""

    def __init__(self, folder):
        self.now, self.boot = 100.0, "b1"
        self.store = HostStore("demo", str(folder))
        self.open = []
        self.outer = self.made(Lease(self.store, self.clock, lambda: self.boot))
        self.fence = self.outer.acquire("outer", "me", "release", 10, "dev", "web1", seal("s-outer"))

    def clock(self):
        return self.now

    def made(self, lease):
        self.open.append(lease)
        return lease

    def about(self, run):
        known = {"run": run, "owner": "me", "reason": f"does {run}", "ttl": 10, "environment": "dev", "host": "web1"}
        return {**known, "seal": seal(f"s-{run}")}

    def join(self, run, outer="outer", secret=None):
        return self.made(
            nested.join(self.store, outer, secret or f"s-{outer}", self.clock, lambda: self.boot, **self.about(run))
        )

    def dies(self, lease):
        lease._work.close()
        lease._work = None

    def close(self):
        for lease in self.open:
            if lease._work is not None:
                self.dies(lease)


@pytest.fixture
def scene(tmp_path):
    one = Scene(tmp_path / "demo")
    yield one
    one.close()


def refused(scene, *arguments, **keywords):
    with pytest.raises(Failed) as caught:
        scene.join(*arguments, **keywords)
    return caught.value


def test_what_the_holder_starts_works_under_its_number_and_leaves_the_lease_with_it(scene):
    inner = scene.join("inner")
    assert inner.fence == scene.fence
    inner.check()
    assert [one["run"] for one in scene.outer.status()["inner"]] == ["inner"]
    inner.release()
    held = scene.outer.status()
    assert (held["run"], held["inner"], held["fence"]) == ("outer", [], scene.fence)
    scene.outer.check()
    scene.join("next").check()


def test_without_the_secret_or_with_another_s_nobody_gets_in(scene):
    for secret in ("guessed", "s-inner", seal("s-outer")):
        error = refused(scene, "inner", secret=secret)
        assert (error.kind, error.details["run"]) == ("lease_held", "outer")
    assert "s-outer" not in Path(scene.store.path(FILE)).read_text()


def test_a_lease_taken_without_a_seal_lets_nobody_in(scene):
    scene.outer.release()
    scene.made(Lease(scene.store, scene.clock, lambda: "b1")).acquire("old", "me", "x", 10, "dev", "web1")
    assert refused(scene, "inner", "old").kind == "lease_held"


def test_of_two_that_the_holder_starts_at_once_one_works(scene):
    scene.join("inner")
    error = refused(scene, "other")
    assert error.kind == "lease_held"
    assert error.details["run"] == "inner"


def test_a_chain_works_at_its_innermost_end(scene):
    scene.join("inner")
    deep = scene.join("deep", "inner")
    assert (deep.depth, deep.fence) == (2, scene.fence)
    deep.check()
    assert refused(scene, "other", "inner").details["run"] == "deep"
    deep.release()
    scene.join("other", "inner").check()


def test_nothing_outlives_the_holder(scene):
    inner = scene.join("inner")
    scene.outer.release()
    assert inner.loss() is not None
    assert not inner.renew()
    with pytest.raises(Failed, match="no longer holds") as caught:
        inner.check()
    assert caught.value.kind == "lease_lost"
    assert refused(scene, "late").kind == "lease_held"


def test_nothing_outlives_the_holder_s_last_beat(scene):
    inner = scene.join("inner")
    scene.now += 6
    assert inner.renew()
    scene.now += 6
    assert inner.loss() is not None, "its own beats don't hold the lease"
    assert refused(scene, "late").kind == "lease_held"


def test_a_lease_that_is_ended_by_hand_ends_what_works_within_it(scene, monkeypatch):
    inner = scene.join("inner")
    monkeypatch.setattr("cdconf.agent.lease.lease.Lease", lambda store: Lease(store, scene.clock, lambda: scene.boot))
    assert force_release(scene.store)["run"] == "outer"
    assert inner.loss() is not None


def test_another_holder_is_none_of_the_chain_s(scene):
    inner = scene.join("inner")
    scene.now += 11
    scene.dies(scene.outer)
    scene.dies(inner)
    scene.made(Lease(scene.store, scene.clock, lambda: "b1")).acquire("else", "you", "x", 10, "dev", "web1", seal("s"))
    assert inner.loss() is not None
    assert refused(scene, "late").details["run"] == "else"


def test_the_holder_s_beats_keep_the_chain(scene):
    inner = scene.join("inner")
    for _ in range(5):
        scene.now += 4
        assert scene.outer.renew()
        assert inner.renew()
    inner.check()
    assert scene.outer.status()["expires_in_s"] == 10


def test_one_that_died_makes_room_at_once(scene):
    inner = scene.join("inner")
    scene.dies(inner)
    scene.join("next").check()
    with pytest.raises(Failed):
        inner.check()


def test_one_whose_agent_still_works_makes_none(scene):
    inner = scene.join("inner")
    scene.now += 9
    scene.outer.renew()
    scene.now += 5
    assert inner.loss() is not None
    assert "its agent" in refused(scene, "next").message or refused(scene, "next").details["run"] == "inner"


def test_nobody_takes_the_host_while_an_agent_within_the_last_lease_works(scene):
    inner = scene.join("inner")
    deep = scene.join("deep", "inner")
    inner.release()
    scene.outer.release()
    scene.outer._work = None
    fresh = scene.made(Lease(scene.store, scene.clock, lambda: "b1"))
    with pytest.raises(Failed, match="its agent is still at work"):
        fresh.acquire("else", "you", "x", 10, "dev", "web1")
    assert not fresh.enter()
    scene.dies(deep)
    fresh.acquire("else", "you", "x", 10, "dev", "web1")


def test_a_holder_that_goes_on_ends_what_it_started_and_waits_for_it(scene):
    inner = scene.join("inner")
    threading.Timer(0.5, scene.dies, [inner]).start()
    began = time.monotonic()
    scene.outer.check()
    assert time.monotonic() - began > 0.4
    with pytest.raises(Failed):
        inner.check()
    assert scene.outer.status()["inner"] == []


def test_a_holder_s_look_at_its_own_lease_ends_nothing(scene):
    inner = scene.join("inner")
    assert scene.outer.loss() is None
    inner.check()


def test_a_run_that_had_the_host_rebooted_takes_it_for_itself(scene):
    inner = scene.join("inner")
    scene.dies(inner)
    scene.dies(scene.outer)
    scene.boot = "b2"
    again = scene.join("inner")
    assert again.depth == 0
    again.check()
    assert again.status()["run"] == "inner"


def test_a_reboot_alone_lets_nobody_else_in(scene):
    scene.dies(scene.outer)
    scene.boot = "b2"
    assert refused(scene, "late").kind == "lease_held"


def test_another_environment_s_run_stays_out(scene):
    with pytest.raises(Failed) as caught:
        nested.join(scene.store, "outer", "s-outer", **{**scene.about("inner"), "environment": "production"})
    assert caught.value.kind == "wrong_environment"
