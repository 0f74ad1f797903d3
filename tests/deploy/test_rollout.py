import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.deploy.rollout import Failure, Rollout, split, stagger

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
        *[(kind, first) for kind in ("activate", "health", "smoke", "soak")],
        *[(kind, second) for kind in ("activate", "health", "smoke")],
        ("prepare", (*first, *second)),
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
    for _ in range(4):
        rollout.advance()
    assert rollout.step.kind == "confirm"
    assert rollout.interrupt("Ctrl-C").kind == "confirm"
    rollout.advance()
    assert rollout.succeeded


def test_a_rollout_that_is_over_takes_no_outcome():
    with pytest.raises(ValueError, match="over"):
        Rollout([]).advance()


def test_one_that_is_taken_up_again_proves_all_hosts_and_confirms_them():
    rollout = Rollout([("a",), ("b",)], adopt=True)
    kinds = []
    while rollout.step.kind != "done":
        kinds.append(rollout.step.kind)
        assert rollout.step.hosts == ("a", "b")
        rollout.advance()
    assert kinds == ["adopt", "health", "smoke", "prepare", "confirm"]
    rollout = Rollout([("a",), ("b",)], adopt=True)
    assert rollout.interrupt("roll it back").hosts == ("b", "a")


@given(st.integers(1, 50), st.floats(5, 3600))
def test_hosts_that_are_left_alone_go_back_one_after_another_the_newest_first(count, within):
    hosts = [f"h{number}" for number in range(count)]
    waits = stagger(hosts, within)
    assert list(reversed(hosts)) == sorted(hosts, key=waits.__getitem__)
    assert len(set(waits.values())) == count
    assert all(within <= wait < 2 * within for wait in waits.values())


outcomes = st.lists(st.sampled_from(["good", "bad", "last", "all", "interrupt"]), max_size=60)
sizes = st.lists(st.sampled_from(["1", "2", "30%", "100%"]), max_size=3)
BEFORE = {  # what must have gone well just before a step may be taken
    "expand": {"stage"},
    "activate": {"stage", "expand", "soak"},
    "health": {"activate", "adopt"},
    "smoke": {"health"},
    "soak": {"smoke"},
    "prepare": {"smoke"},
    "confirm": {"prepare"},
}


@given(st.integers(1, 8), sizes, st.booleans(), st.booleans(), st.booleans(), outcomes)
def test_whatever_happens_every_touched_host_is_confirmed_or_rolled_back(count, cuts, stage, expand, adopt, events):
    """Each host is followed through a run in which anything may happen at any step; `state` is what is on it."""
    hosts = [f"h{number}" for number in range(count)]
    rollout = Rollout(split(hosts, cuts), stage=stage, expand=expand, adopt=adopt)
    state = dict.fromkeys(hosts, "new" if adopt else "old")
    proven, seen, went_wrong, last = set(), [], False, None
    for event in [*events, *["good"] * 60]:
        step = rollout.step
        if step.kind == "done":
            break
        if last is not None and step.kind != "roll_back":
            assert last in BEFORE[step.kind], f"{step.kind} after {last}"
        if event == "interrupt":
            after = rollout.interrupt("x")
            if step.kind in ("confirm", "roll_back"):
                assert after == step, "a decision isn't taken back, and a rollback isn't begun twice"
            else:
                assert after.kind == ("roll_back" if rollout.touched else "done")
                state |= dict.fromkeys(rollout.touched, "new")  # the activation may have been under way
                went_wrong = True
            continue
        failed = {"bad": step.hosts[:1], "last": step.hosts[-1:], "all": step.hosts}.get(event, ())
        seen.append(step)
        if step.kind in ("activate", "adopt"):
            assert not went_wrong, "never forward after a failure"
            assert proven == set(rollout.touched) - set(step.hosts), "a batch begins when all before it are proven"
            state |= dict.fromkeys(step.hosts, "new")
        proven |= set(step.hosts) - set(failed) if step.kind == "smoke" else set()
        state |= {name: "verified" for name in step.hosts if step.kind == "confirm" and name not in failed}
        state |= {name: "old" for name in step.hosts if step.kind == "roll_back" and name not in failed}
        went_wrong = went_wrong or (bool(failed) and step.kind not in ("confirm", "roll_back"))
        last = step.kind
        rollout.advance({name: Failure("x", verdict=False) for name in failed})
    assert rollout.step.kind == "done"
    assert rollout.succeeded == (not went_wrong)
    assert len([one for one in seen if one.kind == "expand"]) <= 1
    activated = [name for one in seen if one.kind in ("activate", "adopt") for name in one.hosts]
    assert len(activated) == len(set(activated)), "no host is activated twice"
    if rollout.succeeded:
        assert [one.kind for one in seen].count("confirm") == 1
        assert {name for name in hosts if state[name] != "verified"} == set(rollout.undelivered)
        assert proven == set(hosts)
    else:
        assert "confirm" not in [one.kind for one in seen]
        assert {name for name in rollout.touched if state[name] != "old"} == set(rollout.stuck)
        backs = [one for one in seen if one.kind == "roll_back"]
        assert [one.hosts for one in backs] == ([tuple(reversed(rollout.touched))] if rollout.touched else [])
