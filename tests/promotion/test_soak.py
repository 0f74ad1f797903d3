"""For how long hosts held a release: by their ledgers, by what was said of that, and by gates."""

import time

import pytest

from cdconf.clocks import Clock
from cdconf.promotion.gates import gate_of
from cdconf.promotion.said import Held, HeldPeriod, Subject
from cdconf.promotion.saying import say
from cdconf.promotion.soaking import by_all, held_by
from tests.conftest import write
from tests.promotion.world import OTHER_PROCEDURE, PROCEDURE

R1, R2 = {"release": "r1", "archive": "a1"}, {"release": "r2", "archive": "a2"}


def event(at, what, about, **more):
    return {"at": at, "event": what, **about, **more}


def deployed(at, about, procedure="p"):
    return [
        event(at, "activated", about),
        event(at + 1, "verified", about, **({"procedure": procedure} if procedure else {})),
    ]


def spans(events, archive="a1", holds=True, now=1000.0):
    return [(one.begins, one.ends) for one in held_by(events, archive, holds, now)]


def test_a_release_is_held_from_its_verification_until_now():
    assert spans(deployed(10, R1)) == [(11, 1000)]
    assert spans(deployed(10, R1), holds=False) == []
    assert spans([event(10, "activated", R1)]) == []


def test_what_was_replaced_and_came_back_counts_twice():
    events = deployed(10, R1) + deployed(100, R2) + deployed(300, R1)
    assert spans(events) == [(11, 100), (301, 1000)]
    assert spans(events, "a2", holds=False) == [(101, 300)]


def test_what_a_failed_deployment_went_back_to_is_held_again():
    events = [*deployed(10, R1), event(100, "activated", R2), event(150, "rolled_back", R2, to="r1")]
    assert spans(events) == [(11, 100), (150, 1000)]
    by_itself = [*deployed(10, R1), event(100, "activated", R2), event(150, "reverted", R2, to="r1")]
    assert spans(by_itself) == [(11, 100), (150, 1000)]


def test_what_a_rollback_brought_back_counts_on_as_it_was_deployed():
    events = [*deployed(10, R1, "p"), *deployed(100, R2), event(200, "activated", R1)]
    events.append(event(201, "verified", R1, back=True))
    assert held_by(events, "a1", True, 1000.0) == [HeldPeriod(11, 100, "p"), HeldPeriod(201, 1000, "p")]


def test_a_deployment_of_what_no_commit_has_does_not_count():
    unknown = [event(10, "activated", R1), event(11, "verified", R1)]
    assert spans(unknown) == []
    assert spans([*deployed(1, R1), *unknown]) == [(2, 10)]


def test_another_procedure_is_another_period():
    events = [*deployed(10, R1, "p"), *deployed(100, R1, "q")]
    assert held_by(events, "a1", True, 1000.0) == [HeldPeriod(11, 100, "p"), HeldPeriod(101, 1000, "q")]


def test_a_release_that_was_pinned_is_held_no_longer():
    pinned = event(50, "pinned", {"archive": "a1"})
    assert spans([*deployed(10, R1), pinned]) == [(11, 50)]
    assert spans([*deployed(10, R1), event(50, "pinned", {"archive": "a2"})]) == [(11, 1000)]


def test_a_clock_that_was_set_back_counts_nothing():
    assert spans(deployed(5000, R1)) == []


def test_all_hosts_must_have_held_it_at_once():
    first = [HeldPeriod(0, 100, "p"), HeldPeriod(200, 300, "p")]
    second = [HeldPeriod(50, 250, "p"), HeldPeriod(260, 400, "q")]
    assert by_all([first, second]) == [HeldPeriod(50, 100, "p"), HeldPeriod(200, 250, "p")]
    assert by_all([first, []]) == []
    assert by_all([]) == []


HOSTS = """
    hosts:
      web1: {address: 192.0.2.1, groups: [web]}
    require:
      - soak: {stage: manual, for: 30m}
"""


class Soaking:
    """A world whose production asks for half an hour in staging; the artifact passed there an hour ago."""

    def __init__(self, world):
        self.world = world
        write(world.root, {"inventories/production/hosts.yml": HOSTS})
        world.commit("soak")
        self.now = time.time()

    def pass_stage(self, ago=3600, **changes):
        return self.world.prove(started=self.now - ago - 1, finished=self.now - ago, **changes)

    def held(self, *spans, said=0, key="stage:manual", procedure=PROCEDURE, **changes):
        """Says so: each span as seconds ago; said that many seconds ago."""
        world = self.world
        about = {
            "subject": Subject.of(world.artifact),
            "project": "demo",
            "app": "app",
            "version": "1",
            "stage": "manual",
            "environment": "staging",
            "copy_of": "production",
            "periods": tuple(HeldPeriod(self.now - begin, self.now - end, procedure) for begin, end in spans),
            "hosts": {},
            "at": self.now - said,
            "isolated": True,
        }
        return say(world.place, Held(**{**about, **changes}), world.key(key))

    def link(self, later=0.0):
        world = self.world
        clock = Clock(here=lambda: self.now + later)
        gate = gate_of(world.project, world.environment(), world.artifact, world.told.append, clock=clock)
        return next(one for one in gate.links if one.name.startswith("soak"))


@pytest.fixture
def soaking(world):
    return Soaking(world)


def test_soak_begins_when_the_stage_is_passed(soaking):
    link = soaking.link()
    assert (link.name, link.state) == ("soak 30m in manual", "missing")
    assert link.why.startswith("it begins to count once app@1 has passed stage 'manual'")
    assert link.command == "cdconf deploy app@1 --to staging --stage manual"
    assert "after manual" in [one.name for one in soaking.world.gate().missing]  # a soak asks for the stage, too


def test_time_alone_proves_nothing(soaking):
    soaking.pass_stage()
    link = soaking.link()
    assert link.state == "missing"
    assert link.why == (
        "staging is known to have held app@1 for 0 s of 30 min, since nobody has looked "
        "(inventories/production/hosts.yml:4); look again: it may have been there for long enough"
    )
    assert link.command == "cdconf smoke staging --stage manual"


def test_what_hosts_told_opens_the_gate(soaking):
    soaking.pass_stage()
    name = soaking.held((3600, 0))
    link = soaking.link()
    assert (link.state, link.statement) == ("there", name)
    assert link.why == "staging has held app@1 for 1 h, proven well"


def test_a_closed_link_says_when_to_look_again(soaking):
    soaking.pass_stage(600)
    soaking.held((600, 0))
    assert "for 10 min of 30 min, as of" in soaking.link().why
    assert "look again in 20 min, at" in soaking.link().why
    assert "look again in 10 min, at" in soaking.link(later=600).why


def test_time_before_a_replacement_counts_when_it_has_come_back(soaking):
    soaking.pass_stage()
    soaking.held((3600, 2400), said=2400)  # 20 minutes; then another release came, and its hosts were made anew
    assert soaking.link().state == "missing"
    soaking.held((600, 0))
    assert soaking.link().state == "there"


def test_the_same_time_counts_once(soaking):
    soaking.pass_stage()
    for _ in range(2):
        soaking.held((1200, 0))
    soaking.held((1100, 100))
    assert "for 20 min of 30 min" in soaking.link().why


def test_nothing_counts_before_the_stage_was_passed_nor_after_it_was_said(soaking):
    soaking.pass_stage(600)
    soaking.held((86400, -86400), said=300)
    assert "for 5 min of 30 min" in soaking.link().why


def test_a_failed_verification_ends_it_and_it_begins_anew(soaking):
    soaking.pass_stage()
    soaking.held((3600, 0))
    soaking.pass_stage(100, result="failed")
    gate = soaking.world.gate()
    assert [one.name for one in gate.missing] == ["after manual", "soak 30m in manual"]
    soaking.pass_stage(50)
    soaking.held((3600, 0))
    assert [one.name for one in soaking.world.gate().missing] == ["soak 30m in manual"]
    assert "for 50 s of 30 min" in soaking.link().why


def test_a_clock_that_steps_makes_no_soak(soaking):
    soaking.pass_stage(600)
    soaking.held((600, 0))
    assert "for 10 min of 30 min" in soaking.link(later=86400).why  # forward, by a day
    back = soaking.link(later=-7200)  # what was said lies in the future then
    assert back.state == "missing"
    assert "it begins to count once app@1 has passed" in back.why
    assert soaking.link().state == "missing"


FORGERIES = {
    "another key": ({"key": "stage:acceptance"}, "is signed by the key of stage acceptance"),
    "another environment": ({"environment": "dev"}, "is about the environment 'dev'"),
    "another artifact": ({"subject": Subject("app@1", "d" * 64, "e" * 64)}, None),
    "another project": ({"project": "other"}, "is about another artifact"),
    "not isolated": ({"isolated": False}, "could have used the stage's key"),
    "the future": ({"said": -3600}, "in the future, by its signer's clock"),
    "another procedure": ({"procedure": OTHER_PROCEDURE}, None),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_does_not_count(soaking, what):
    changes, why = FORGERIES[what]
    soaking.pass_stage()
    soaking.held((3600, 0), **changes)
    link = soaking.link()
    assert link.state == "missing"
    assert "for 0 s of 30 min" in link.why
    assert why is None or why in link.why


def test_an_override_passes_it(soaking):
    from cdconf.promotion.passing import Passing

    world = soaking.world
    soaking.pass_stage()
    passing = Passing(world.project, world.environment(), world.artifact, world.told.append, "INC-7: it can't wait")
    passing.first()
    assert [one["name"] for one in passing.extra["gates"] if one["state"] == "missing"] == ["soak 30m in manual"]
    passing.again()
