"""Who goes, who waits, who gives up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.pipeline.concurrency import Rival, Turn, must_end, turn

POLICIES = ("queue", "batch", "cancel")
A, B = "a" * 40, "b" * 40
rivals = st.lists(
    st.builds(
        Rival,
        st.sampled_from([A, B, "c" * 40]),
        st.sampled_from(["waiting", "running", "passed"]),
        st.floats(0, 100),
        st.booleans(),
    ),
    max_size=4,
)


def rival(state, since=1.0, *, newer=False, commit=A):
    return Rival(commit, state, since, newer)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stays", [True, False])
def test_alone_it_goes(policy, stays):
    assert turn(policy, [], 5.0, stays=stays) == Turn("go")
    assert turn(policy, [rival("passed")], 5.0, stays=stays) == Turn("go")


@pytest.mark.parametrize("policy", POLICIES)
def test_an_older_one_undoes_nothing(policy):
    assert turn(policy, [rival("passed", newer=True)], 5.0, stays=True) == Turn("give_up", A)
    assert turn(policy, [rival("passed", newer=True)], 5.0, stays=False).do == ("go")


def test_a_queue_keeps_the_order_in_which_they_came():
    assert turn("queue", [rival("waiting", 4.0, newer=True)], 5.0, stays=True) == Turn("wait", A)
    assert turn("queue", [rival("waiting", 6.0)], 5.0, stays=True) == Turn("go")
    assert turn("queue", [rival("running", 6.0)], 5.0, stays=True) == Turn("wait", A)


def test_in_a_batch_the_newest_goes_when_the_stage_is_free():
    newer, older = rival("waiting", 9.0, newer=True), rival("waiting", 1.0, commit=B)
    assert turn("batch", [newer, older], 5.0, stays=True) == Turn("give_up", A)
    assert turn("batch", [older], 9.0, stays=True) == Turn("go")
    assert turn("batch", [older, rival("running")], 9.0, stays=True) == Turn("wait", A)
    assert must_end("batch", [newer]) is None


def test_a_newer_one_ends_what_runs_only_where_that_is_wanted():
    newer = rival("waiting", 9.0, newer=True)
    assert must_end("cancel", [newer]) == A
    assert must_end("queue", [newer]) is None
    assert must_end("cancel", [rival("waiting", 9.0)]) is None
    assert must_end("cancel", [rival("passed", newer=True)]) is None


@given(st.sampled_from(POLICIES), rivals, st.booleans())
def test_nobody_goes_into_a_stage_that_another_one_is_in(policy, others, stays):
    found = turn(policy, others, 5.0, stays=stays)
    if found.do == "go":
        assert not any(one.state == "running" for one in others)
    else:
        assert found.because_of in {one.commit for one in others}


@given(st.sampled_from(POLICIES), st.lists(st.floats(0, 100), min_size=2, max_size=5, unique=True))
def test_of_those_that_wait_for_a_free_stage_one_goes(policy, times):
    """Each sees the others; whoever is further down the line is newer."""
    commits = [f"{number:040x}" for number in range(len(times))]
    going = []
    for mine, since in enumerate(times):
        others = [
            Rival(commits[one], "waiting", at, is_newer=one > mine) for one, at in enumerate(times) if one != mine
        ]
        if turn(policy, others, since, stays=True).do == "go":
            going.append(mine)
    first = times.index(min(times)) if policy == "queue" else len(times) - 1
    assert going == [first]
