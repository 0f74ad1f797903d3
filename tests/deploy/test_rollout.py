import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.deploy.rollout import Failure, Rollout, put_back_after, split, stagger

HOSTS = [f"web{number}" for number in range(1, 6)]


def test_batches_count_from_the_first_host():
    assert split(HOSTS, ["1", "50%", "100%"]) == [("web1",), ("web2", "web3"), ("web4", "web5")]
    assert split(HOSTS[:1], ["1", "50%", "all"]) == [("web1",)]
    assert split(HOSTS, ["2"]) == [("web1", "web2"), ("web3", "web4", "web5")]
    assert split(HOSTS, ["1", "all"], 2) == [("web1",), ("web2", "web3"), ("web4", "web5")]


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
        *[(kind, first) for kind in ("room", "activate", "health", "smoke", "soak")],
        *[(kind, second) for kind in ("room", "activate", "health", "smoke")],
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
    for _ in range(5):
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
    assert rollout.interrupt("roll it back").hosts == ("b",)
    assert rollout.advance().hosts == ("a",)
    assert rollout.advance().kind == "done"


def walked(rollout):
    """All steps to the end, when each goes well."""
    steps = []
    while rollout.step.kind != "done":
        steps.append((rollout.step.kind, *rollout.step.hosts))
        rollout.advance()
    return steps


def test_batches_go_back_one_by_one_and_each_serves_before_the_next_one_stops():
    rollout = Rollout([("a",), ("b", "c"), ("d", "e")], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("health", 3):
        rollout.advance()
    rollout.advance({"d": Failure("not healthy", verdict=True)})
    back = [
        *[("roll_back", "e", "d"), ("undrain", "d", "e")],
        *[("drain_back", "c", "b"), ("roll_back", "c", "b"), ("undrain", "c", "b")],
        *[("drain_back", "a"), ("roll_back", "a"), ("undrain", "a")],
    ]
    assert walked(rollout) == back
    assert (rollout.is_verdict, rollout.left_drained) == (True, {})


def test_hosts_that_were_drained_and_not_touched_serve_before_others_go_back():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("drain", 2):
        rollout.advance()
    rollout.interrupt("x")
    assert walked(rollout) == [("undrain", "b"), ("drain_back", "a"), ("roll_back", "a"), ("undrain", "a")]


def test_a_host_that_can_not_be_drained_goes_back_all_the_same_and_a_last_one_without_being_drained():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("drain", 2):
        rollout.advance()
    rollout.interrupt("x")
    assert rollout.advance().kind == "drain_back"
    rollout.advance({"a": Failure("lb1 hangs", verdict=False)})
    assert walked(rollout) == [("roll_back", "a"), ("undrain", "a")]
    assert rollout.left_drained == {}
    alone = Rollout([("a", "b")], stage=False, drains=True)
    while alone.step.kind != "prepare":
        alone.advance()
    alone.interrupt("x")
    assert walked(alone) == [("roll_back", "b", "a")]


def test_what_cannot_be_put_back_on_the_way_is_tried_once_more_in_the_end():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("activate", 2):
        rollout.advance()
    rollout.interrupt("x")
    rollout.advance()
    gone = Failure("lb1 hangs", verdict=False, unreachable=True)
    assert (rollout.step.kind, rollout.step.hosts) == ("undrain", ("b",))
    rollout.advance({"b": gone})
    assert walked(rollout) == [("roll_back", "a"), ("undrain", "b")], "a, the only one in use, isn't drained"
    assert rollout.left_drained == {}


def test_the_last_host_in_use_is_not_drained_to_go_back_when_another_is_dead():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("activate", 2):
        rollout.advance()
    dead = {"b": Failure("the connection broke", verdict=False, unreachable=True)}
    rollout.advance(dead)
    rollout.advance(dead)
    assert walked(rollout) == [("roll_back", "a")]
    assert rollout.left_drained["b"].unreachable, "it may still run what it was given"


def test_those_of_a_batch_that_are_in_use_again_are_drained_before_they_go_back_for_one_that_is_not():
    rollout = Rollout([("a",), ("b", "c")], stage=False, drains=True)
    while (rollout.step.kind, rollout.step.batch) != ("undrain", 2):
        rollout.advance()
    rollout.advance({"b": Failure("lb1 doesn't put it back", verdict=False)})
    assert walked(rollout)[0] == ("drain_back", "c")


def test_a_host_that_can_not_be_taken_back_stays_out_of_use_and_the_others_go_back_into_it():
    rollout = Rollout([("a", "b")], stage=False, drains=True)
    while rollout.step.kind != "smoke":
        rollout.advance()
    rollout.advance({"a": Failure("it answers 500", verdict=True)})
    rollout.advance({"b": Failure("no", verdict=False)})
    assert (rollout.step.kind, rollout.step.hosts) == ("undrain", ("a",))
    rollout.advance()
    assert (list(rollout.left_drained), rollout.drained) == (["b"], ["b"])


sizes = st.lists(st.sampled_from(["1", "2", "30%", "100%"]), max_size=3)


@given(st.integers(1, 50), st.floats(5, 3600), sizes)
def test_hosts_that_are_left_alone_go_back_one_after_another_the_newest_first(count, within, cuts):
    hosts = [f"h{number}" for number in range(count)]
    batches = split(hosts, cuts)
    waits = stagger(batches, within)
    assert list(reversed(hosts)) == sorted(hosts, key=waits.__getitem__)
    assert len(set(waits.values())) == count
    assert all(within <= wait < 2 * within for wait in waits.values())
    gaps = [waits[older[-1]] - waits[newer[0]] for older, newer in itertools.pairwise(batches)]
    assert all(gap > within / 2 / len(batches) for gap in gaps)


@given(st.integers(1, 50), st.floats(5, 3600), sizes)
def test_a_drained_batch_is_put_back_when_it_has_gone_back_and_before_an_older_host_stops(count, within, cuts):
    hosts = [f"h{number}" for number in range(count)]
    batches = split(hosts, cuts)
    waits = stagger(batches, within)
    enough = min(4.999, within / 4 / len(batches))
    done = 0
    for batch in batches:
        wait = put_back_after(batch, waits, within)
        assert all(waits[host] + enough < wait for host in batch)
        assert all(wait + enough < waits[host] for host in hosts[:done])
        assert wait == 2 * within + 5 if not done else wait < 2 * within
        done += len(batch)


outcomes = st.lists(st.sampled_from(["good", "bad", "last", "all", "interrupt"]), max_size=60)
BEFORE = {  # what must have gone well just before a step may be taken
    "expand": {"stage"},
    "room": {"stage", "expand", "soak"},
    "drain": {"room"},
    "activate": {"room", "drain"},
    "health": {"activate", "adopt"},
    "smoke": {"health"},
    "undrain": {"smoke"},
    "soak": {"smoke", "undrain"},
    "prepare": {"smoke", "undrain"},
    "confirm": {"prepare"},
}


class Hosts:
    """What is on each host while a rollout runs, told by its steps alone; asserts what must hold in each of them.

    A step that fails may have done its work all the same: a host that was to be drained counts as drained until it was
    put back without a failure.
    """

    def __init__(self, rollout, names, *, adopt, drains, drained):
        self.rollout = rollout
        self.drains = drains
        self.state = dict.fromkeys(names, "new" if adopt else "old")
        self.drained = set(drained)
        self.proven, self.seen, self.went_wrong, self.last = set(), [], False, None
        self.back, self.unusable = set(), set()  # hosts that went back; those that were asked to be in use again

    def interrupted(self, step):
        after = self.rollout.interrupt("x")
        if step.kind == "confirm" or self.went_wrong:
            assert after == step, "a decision isn't taken back, and a rollback isn't begun twice"
            return
        self.drained |= set(step.hosts) if step.kind == "drain" else set()  # it may have been under way
        self.state |= dict.fromkeys(self.rollout.touched, "new")
        idle = self.drained - set(self.rollout.touched)
        assert after.kind in (
            {"undrain"} if idle else {"drain_back", "roll_back"} if self.rollout.touched else {after.kind}
        )
        assert self.rollout.touched or after.kind == ("undrain" if self.drained else "done")
        self.went_wrong = True

    def done(self, step, failed):
        good = set(step.hosts) - set(failed)
        self.seen.append(step)
        if not self.went_wrong:
            self._goes_forward(step)
        else:
            assert step.kind in ("drain_back", "roll_back", "undrain"), "never forward after a failure"
            self._goes_back(step)
        if step.kind in ("drain", "drain_back"):
            self.drained |= set(step.hosts)
        elif step.kind == "undrain":
            self.drained -= good
        elif step.kind in ("activate", "adopt"):
            self.state |= dict.fromkeys(step.hosts, "new")
        elif step.kind == "smoke":
            self.proven |= good
        elif step.kind in ("confirm", "roll_back"):
            self.state |= dict.fromkeys(good, "verified" if step.kind == "confirm" else "old")
        self.went_wrong = self.went_wrong or (bool(failed) and step.kind != "confirm")
        self.last = step.kind
        self.rollout.advance({name: Failure("x", verdict=False) for name in failed})

    def _goes_back(self, step):
        if step.kind == "roll_back":
            assert not self.back & set(step.hosts), "no host goes back twice"
            self.back |= set(step.hosts)
            idle = self.drained - set(self.rollout.touched) | self.drained & (self.back - set(step.hosts))
            assert idle <= self.unusable | set(self.rollout.stuck), "whoever is as it was serves before others stop"
            if self.drains and set(self.state) - set(step.hosts) - self.drained - set(self.rollout.stuck):
                assert set(step.hosts) <= self.drained, "no host goes back while it's in use, and others are, too"
        elif step.kind == "drain_back":
            assert not self.back & set(step.hosts), "a host is drained before it goes back, and once"
            assert not self.drained & set(step.hosts)
        else:
            self.unusable |= set(step.hosts)

    def _goes_forward(self, step):
        if self.last is not None:
            assert self.last in BEFORE[step.kind], f"{step.kind} after {self.last}"
        before = set(self.rollout.touched) - set(step.hosts)
        if step.kind in ("drain", "activate", "adopt"):
            assert self.proven == before, "a batch begins when all before it are proven"
            assert not before & self.drained, "and in use again"
        if step.kind == "activate" and self.drains:
            assert set(step.hosts) <= self.drained, "no host is activated while it's in use"
        if step.kind in ("soak", "prepare", "confirm"):
            assert not set(self.rollout.touched) & self.drained, "a batch is over when it's in use"


@given(
    st.integers(1, 8),
    sizes,
    st.none() | st.integers(1, 3),
    st.fixed_dictionaries({name: st.booleans() for name in ("stage", "expand", "adopt", "drains")}),
    st.sets(st.integers(0, 7)),
    outcomes,
)
def test_whatever_happens_hosts_are_confirmed_or_rolled_back_and_in_use_again(count, cuts, most, how, left, events):
    """Each host is followed through a run in which anything may happen at any step."""
    names = [f"h{number}" for number in range(count)]
    drained = [name for number, name in enumerate(names) if number in left and how["drains"]]
    rollout = Rollout(split(names, cuts, most), drained=drained, **how)
    hosts = Hosts(rollout, names, adopt=how["adopt"], drains=how["drains"], drained=drained)
    for event in [*events, *["good"] * 100]:
        step = rollout.step
        if step.kind == "done":
            break
        assert most is None or step.kind != "activate" or len(step.hosts) <= most
        if event == "interrupt":
            hosts.interrupted(step)
        else:
            hosts.done(step, {"bad": step.hosts[:1], "last": step.hosts[-1:], "all": step.hosts}.get(event, ()))
    assert rollout.step.kind == "done"
    assert rollout.succeeded == (not hosts.went_wrong)
    kinds = [one.kind for one in hosts.seen]
    assert kinds.count("expand") <= 1
    activated = [name for one in hosts.seen if one.kind in ("activate", "adopt") for name in one.hosts]
    assert len(activated) == len(set(activated)), "no host is activated twice"
    assert hosts.drained == set(rollout.left_drained), "what is still drained is named, and nothing else is"
    if rollout.succeeded:
        assert kinds.count("confirm") == 1
        assert {name for name in names if hosts.state[name] != "verified"} == set(rollout.undelivered)
        assert hosts.proven == set(names)
        assert not rollout.left_drained
    else:
        assert "confirm" not in kinds
        assert {name for name in rollout.touched if hosts.state[name] != "old"} == set(rollout.stuck)
        backs = [one.hosts for one in hosts.seen if one.kind == "roll_back"]
        assert [name for one in backs for name in one] == list(reversed(rollout.touched))
        batches = [set(batch) for batch in split(names, cuts, most)]
        assert all(any(set(one) <= batch for batch in batches) for one in backs), "one batch at a time"


def test_a_batch_is_drained_before_it_is_activated_and_put_back_when_it_is_proven():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    steps = []
    while rollout.step.kind != "done":
        steps.append((rollout.step.kind, *rollout.step.hosts))
        rollout.advance()
    batch = ("room", "drain", "activate", "health", "smoke", "undrain")
    assert steps == [
        *[(kind, "a") for kind in (*batch, "soak")],
        *[(kind, "b") for kind in batch],
        ("prepare", "a", "b"),
        ("confirm", "a", "b"),
    ]
    assert (rollout.succeeded, rollout.drained) == (True, [])


def test_a_drain_that_fails_activates_nothing_and_is_undone():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    assert rollout.advance().kind == "drain"
    step = rollout.advance({"a": Failure("lb1 doesn't drain", verdict=False)})
    assert (step.kind, step.hosts, rollout.touched) == ("undrain", ("a",), [])
    assert rollout.advance().kind == "done"
    assert (rollout.succeeded, rollout.is_verdict, rollout.left_drained) == (False, False, {})


def test_a_host_that_can_not_be_put_back_ends_the_rollout_and_is_named():
    rollout = Rollout([("a",), ("b",)], stage=False, drains=True)
    for _ in range(5):
        rollout.advance()
    assert rollout.step.kind == "undrain"
    gone = Failure("lb1 hangs", verdict=False, unreachable=True)
    assert rollout.advance({"a": gone}).kind == "roll_back"
    step = rollout.advance()
    assert (step.kind, step.hosts) == ("undrain", ("a",))
    rollout.advance({"a": gone})
    assert (rollout.left_drained, rollout.drained) == ({"a": gone}, ["a"])
    assert rollout.is_unreachable


def test_one_that_is_taken_up_again_puts_back_what_was_left_drained_when_it_is_proven():
    rollout = Rollout([("a",), ("b",)], adopt=True, drained=["b"])
    kinds = []
    while rollout.step.kind != "done":
        kinds.append(rollout.step.kind)
        rollout.advance()
    assert kinds == ["adopt", "health", "smoke", "undrain", "prepare", "confirm"]
    rollout = Rollout([("a",), ("b",)], adopt=True, drained=["b"])
    assert rollout.interrupt("roll it back").hosts == ("b",)
    assert walked(rollout) == [("roll_back", "b"), ("undrain", "b"), ("roll_back", "a")]


def test_services_stop_on_all_hosts_before_the_migration_and_all_hosts_go_back_after_it():
    rollout = Rollout(split(HOSTS[:3], ["1"]), expand=True, stops=True)
    rollout.advance()
    assert (rollout.step.kind, rollout.step.hosts) == ("stop", tuple(HOSTS[:3]))
    rollout.advance()
    assert (rollout.step.kind, rollout.touched) == ("expand", [])
    rollout.advance({"web1": Failure("no", verdict=True)})
    back = []
    while rollout.step.kind != "done":
        back.append((rollout.step.kind, rollout.step.hosts))
        rollout.advance()
    assert back == [("roll_back", ("web3", "web2")), ("roll_back", ("web1",))]
    assert sorted(rollout.touched) == HOSTS[:3]


def test_a_soak_asks_only_hosts_that_were_activated_though_services_are_stopped_on_all():
    rollout = Rollout(split(HOSTS[:2], ["1"]), expand=True, stops=True)
    while rollout.step.kind != "soak":
        rollout.advance()
    assert rollout.step.hosts == ("web1",)


def test_nothing_is_stopped_where_there_is_nothing_to_migrate():
    rollout = Rollout(split(HOSTS[:2], ["1"]), stops=True)
    assert rollout.advance().kind == "room"
