import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.deploy.rollout import Failure, Rollout, split

HOSTS = [f"web{number}" for number in range(1, 6)]


def test_batches_count_from_the_first_host():
    assert split(HOSTS, ["1", "50%", "100%"]) == [("web1",), ("web2", "web3"), ("web4", "web5")]
    assert split(HOSTS[:1], ["1", "50%", "all"]) == [("web1",)]
    assert split(HOSTS, ["2"]) == [("web1", "web2"), ("web3", "web4", "web5")]


def test_a_good_release_goes_through_every_step_in_order():
    rollout = Rollout(split(HOSTS[:2], ["1"]), expand=True)
    kinds = []
    while rollout.step.kind != "done":
        kinds.append((rollout.step.kind, rollout.step.hosts))
        rollout.advance()
    first, second = ("web1",), ("web2",)
    assert kinds == [
        ("stage", (*first, *second)),
        ("expand", first),
        *[(kind, first) for kind in ("activate", "health", "smoke")],
        *[(kind, second) for kind in ("activate", "health", "smoke")],
        ("confirm", (*first, *second)),
    ]
    assert rollout.succeeded


def test_nothing_is_rolled_back_before_anything_was_activated():
    rollout = Rollout(split(HOSTS, ["1"]), expand=True)
    rollout.advance()
    assert rollout.advance({"web1": Failure("no", verdict=True)}).kind == "done"
    assert not rollout.succeeded
    assert rollout.is_verdict


def test_after_the_decision_an_interruption_comes_too_late():
    rollout = Rollout([("web1",)], stage=False)
    for _ in range(3):
        rollout.advance()
    assert rollout.step.kind == "confirm"
    assert rollout.interrupt("Ctrl-C").kind == "confirm"
    rollout.advance()
    assert rollout.succeeded


def test_a_rollout_that_is_over_takes_no_outcome():
    with pytest.raises(ValueError, match="over"):
        Rollout([]).advance()


outcomes = st.lists(st.sampled_from(["good", "bad", "worse", "interrupt"]), max_size=40)


@given(st.integers(1, 8), st.lists(st.sampled_from(["1", "2", "30%", "100%"]), max_size=3), st.booleans(), outcomes)
def test_whatever_happens_every_touched_host_is_confirmed_or_rolled_back(count, sizes, expand, events):
    hosts = [f"h{number}" for number in range(count)]
    rollout = Rollout(split(hosts, sizes), expand=expand)
    activated, confirmed, rolled_back = set(), set(), []
    for event in [*events, *["good"] * 60]:
        step = rollout.step
        if step.kind == "done":
            break
        if event == "interrupt" and rollout.interrupt("x").kind != step.kind:
            assert rollout.step.kind in ("roll_back", "done")
            continue
        failed = step.hosts[:1] if event in ("bad", "worse") else ()
        if step.kind == "activate":
            assert not activated & set(step.hosts)
            activated |= set(step.hosts)
        confirmed |= set(step.hosts) if step.kind == "confirm" else set()
        rolled_back += step.hosts if step.kind == "roll_back" else ()
        rollout.advance({name: Failure("x", verdict=event == "worse") for name in failed})
    assert rollout.step.kind == "done"
    if rollout.succeeded:
        assert confirmed == set(hosts)
        assert not rolled_back
    else:
        assert not confirmed
        assert activated <= set(rolled_back)
        assert rolled_back == list(reversed(rollout.touched))
