"""What a watch does next, by what became of the branch, how runs ended, and what the store says."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.errors import FAILED, GATED, OK, UNREACHABLE
from cdconf.pipeline.watch.progress import (
    FIRST,
    KEPT,
    LONGEST,
    RARELY,
    RETRIES,
    Moved,
    Outlook,
    UnfinishedCommit,
    WatchProgress,
    as_data,
    dropped,
    ended,
    from_data,
    moved,
    next_of,
    over,
    pause_after,
    without,
)

A, B, C, D = (letter * 40 for letter in "abcd")
WAITS = Outlook("e1", is_ready=False)
READY = Outlook("e1", is_ready=True)


def test_with_queue_each_new_commit_is_due_in_its_order():
    found = moved(WatchProgress(A), C, Moved("forward", (B, C)), is_each=True)
    assert found == WatchProgress(C, (B, C))
    found = moved(found, D, Moved("forward", (D,)), is_each=True)
    assert (found.due, next_of(found, {}, 0.0)) == ((B, C, D), B)


def test_else_only_the_newest_is():
    found = moved(WatchProgress(A, due=(B,)), D, Moved("forward", (C, D)), is_each=False)
    assert found == WatchProgress(D, (D,))


def test_a_branch_that_went_back_makes_nothing_due():
    before = WatchProgress(C, due=(B,))
    assert moved(before, A, Moved("rewritten"), is_each=True) == WatchProgress(A, (B,))
    assert moved(before, A, Moved("rewritten"), is_each=False) == WatchProgress(A, (B,))


def test_what_is_due_or_held_already_is_not_due_twice():
    before = WatchProgress(A, due=(B,), held=(UnfinishedCommit(C, "e1"),))
    assert moved(before, D, Moved("rewritten", (B, C, D)), is_each=True).due == (B, D)
    assert moved(before, C, Moved("forward", (B, C)), is_each=False).due == (B,)


def test_what_is_not_on_the_branch_any_more_is_never_run():
    found = without(
        WatchProgress(D, (A, B), (UnfinishedCommit(C, "e1"), UnfinishedCommit(D, "e1"))),
        lambda commit: commit in (B, D),
    )
    assert found == WatchProgress(D, (B,), (UnfinishedCommit(D, "e1"),))


def test_a_run_that_passed_or_is_over_is_forgotten():
    before = WatchProgress(B, (A, B))
    assert ended(before, A, OK, READY, 0.0) == WatchProgress(B, (B,))
    assert ended(before, A, GATED, Outlook("e1", False, is_over=True), 0.0) == WatchProgress(B, (B,))


@pytest.mark.parametrize("code", [GATED, FAILED])
def test_what_waits_or_failed_goes_on_when_the_store_says_something_new_and_it_can(code):
    found = ended(WatchProgress(A, (A,)), A, code, WAITS, 1000.0)
    assert found == WatchProgress(A, held=(UnfinishedCommit(A, "e1"),))
    assert next_of(found, {A: WAITS}, 1e9) is None
    assert next_of(found, {A: Outlook("e2", is_ready=False)}, 1e9) is None
    assert next_of(found, {}, 1e9) is None
    assert next_of(found, {A: Outlook("e2", is_ready=True)}, 1000.0) == A


def test_what_can_go_on_comes_before_what_is_new():
    progress = WatchProgress(C, (B, C), (UnfinishedCommit(A, "e1"),))
    assert next_of(progress, {A: Outlook("e2", is_ready=True)}, 0.0) == A
    assert next_of(progress, {A: WAITS}, 0.0) == B


@pytest.mark.parametrize("code", [UNREACHABLE, -9, 143, 130, 70])
def test_an_interrupted_run_is_tried_again_less_and_less_often(code):
    progress, now, pauses = WatchProgress(A, (A,)), 0.0, []
    for _ in range(12):
        progress = ended(progress, A, code, WAITS, now)
        (held,) = progress.held
        assert next_of(progress, {A: WAITS}, held.again_at - 1) is None
        assert next_of(progress, {A: WAITS}, held.again_at) == A
        pauses.append(held.again_at - now)
        now = held.again_at
    assert pauses[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert pauses[-1] == LONGEST


@pytest.mark.parametrize("ahead", [86400.0, float("inf"), float("nan")])
def test_a_time_that_a_wrong_clock_has_written_down_is_not_waited_for(ahead):
    progress = ended(WatchProgress(A, (A,)), A, 4, WAITS, 1000.0)
    wrong = replace(progress, held=(replace(progress.held[0], again_at=1000.0 + ahead),))
    assert next_of(progress, {A: WAITS}, 1000.0) is None
    assert next_of(wrong, {A: WAITS}, 1000.0) == A


def test_a_failure_of_which_the_store_knows_nothing_is_tried_again_some_times():
    progress = WatchProgress(A, (A,))
    for _ in range(RETRIES):
        progress = ended(progress, A, FAILED, READY, 0.0)
        assert progress.held[0].again_at is not None
    progress = ended(progress, A, FAILED, READY, 0.0)
    assert progress.held[0].again_at is None
    assert next_of(progress, {A: READY}, 1e9) is None
    assert next_of(progress, {A: Outlook("e2", is_ready=True)}, 0.0) == A


def test_a_lease_that_somebody_else_has_is_waited_for():
    (held,) = ended(WatchProgress(A, (A,)), A, GATED, READY, 0.0).held
    assert held.again_at == FIRST


def test_a_run_that_went_further_begins_to_count_anew():
    progress = ended(WatchProgress(A, held=(UnfinishedCommit(A, "e1", 5, 10.0),)), A, GATED, WAITS, 0.0)
    assert progress.held == (UnfinishedCommit(A, "e1"),)


def test_where_the_store_cannot_be_read_what_failed_is_not_tried_again_by_itself():
    (held,) = ended(WatchProgress(A, (A,)), A, FAILED, None, 0.0).held
    assert (held.evidence, held.again_at) == ("", None)
    assert next_of(WatchProgress(held=(held,)), {A: READY}, 0.0) == A


def test_new_commits_come_before_what_is_tried_again():
    progress = WatchProgress(B, (B,), (UnfinishedCommit(A, "e1", 1, 10.0),))
    assert next_of(progress, {A: WAITS}, 20.0) == B


def test_only_the_last_ones_are_held():
    progress = WatchProgress()
    for number in range(KEPT + 5):
        progress = ended(progress, f"{number:040x}", GATED, WAITS, 0.0)
    assert len(progress.held) == KEPT
    assert progress.held[-1].commit == f"{KEPT + 4:040x}"


def test_a_remote_that_is_away_is_asked_less_and_less_often():
    assert [pause_after(failures, 10.0) for failures in (1, 2, 3, 30)] == [20.0, 40.0, 80.0, RARELY]
    assert pause_after(5, 3600.0) == 3600.0


def test_what_a_newer_one_went_past_is_forgotten():
    progress = WatchProgress(B, (), (UnfinishedCommit(A, "e1"), UnfinishedCommit(B, "e1")))
    found = over(progress, {A: Outlook("e2", False, is_over=True), B: WAITS})
    assert found.held == (UnfinishedCommit(B, "e1"),)
    assert dropped(WatchProgress(B, (B,), (UnfinishedCommit(A, "e1"),)), B) == WatchProgress(
        B, (), (UnfinishedCommit(A, "e1"),)
    )


commits = st.text("abcdef0123456789", min_size=40, max_size=40)
held = st.builds(UnfinishedCommit, commits, st.text(max_size=5), st.integers(0, 99), st.none() | st.floats(0, 1e10))


@given(st.builds(WatchProgress, st.none() | commits, st.lists(commits).map(tuple), st.lists(held).map(tuple)))
def test_what_is_written_is_what_is_read(progress):
    assert from_data(json.loads(json.dumps(as_data(progress)))) == progress


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"seen": 7, "due": [], "held": []},
        {"seen": None, "due": [7], "held": []},
        {"seen": None, "due": [], "held": [7]},
        {"seen": None, "due": [], "held": [{"commit": A, "evidence": "", "x": 1}]},
        {"seen": None, "due": [], "held": [{"commit": A, "evidence": "", "tries": "1"}]},
    ],
)
def test_what_is_nothing_of_that_kind_is_refused(data):
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_data(data)
