"""Whatever pipelines and whatever ends of stages: the order holds, nothing is tried twice, and every run ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.inventory.pipeline import Stage
from cdconf.pipeline.decide import Next, decide

ENDS = ["passed", "failed", "blocked", "superseded", "interrupted"]


@st.composite
def pipelines(draw):
    names = [f"s{number}" for number in range(draw(st.integers(1, 6)))]
    return [
        Stage(name, needs=tuple(draw(st.sets(st.sampled_from(names[:number])))) if number else ())
        for number, name in enumerate(names)
    ]


@given(pipelines(), st.data())
def test_a_run(stages, data):
    before = data.draw(st.sets(st.sampled_from([one.name for one in stages])))
    standing = dict.fromkeys(before, "passed")
    started = []
    for _ in range(100):
        found = decide(stages, standing)
        for name in found.start:
            stage = next(one for one in stages if one.name == name)
            assert all(standing[one] == "passed" for one in stage.needs)
            assert name not in started
            assert name not in before
            assert not {"failed", "interrupted", "superseded"} & set(standing.values())
            started.append(name)
            standing[name] = "running"
        running = sorted(name for name, state in standing.items() if state == "running")
        if found.verdict is not None:
            assert not found.start
            assert not running
            break
        assert running, "it neither ends nor waits for anything"
        standing[data.draw(st.sampled_from(running))] = data.draw(st.sampled_from(ENDS))
    else:
        pytest.fail("it never ends")
    states = {standing.get(one.name, "open") for one in stages}
    assert (found.verdict == "passed") == (states == {"passed"})
    assert (found.verdict == "failed") == ("failed" in states)
    left = [one for one in stages if standing.get(one.name, "open") == "open"]
    assert not left or states & set(ENDS[1:])
    if not states & {"failed", "interrupted", "superseded"}:
        assert all(any(standing.get(need) != "passed" for need in one.needs) for one in left)


A, B, C = Stage("a"), Stage("b", needs=("a",)), Stage("c", needs=("a",))


def test_stages_without_need_of_each_other_run_side_by_side():
    assert decide([A, B, C], {"a": "passed"}) == Next(("b", "c"))


def test_what_stops_at_a_person_keeps_nothing_else_from_going_on():
    assert decide([A, B, C], {"a": "passed", "b": "blocked"}) == Next(("c",))
    assert decide([A, B, C], {"a": "passed", "b": "blocked", "c": "passed"}) == Next(verdict="stopped")


def test_what_runs_beside_a_red_one_is_let_to_its_end():
    assert decide([A, B, C], {"a": "passed", "b": "failed", "c": "running"}) == Next()
    assert decide([A, B, C], {"a": "passed", "b": "failed"}) == Next(verdict="failed")
    assert decide([A, B], {"a": "interrupted"}) == Next(verdict="interrupted")
