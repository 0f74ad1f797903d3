"""What the store says of a commit that waits, in short."""

from dataclasses import replace

import pytest

from cdconf.pipeline.board.rows import Cell, KnownArtifact, Row
from cdconf.pipeline.watch.outlook import outlook_of
from cdconf.promotion.candidate import CandidateLink

KNOWN = KnownArtifact("app@1", "app", "1", "a" * 64, "c" * 40, 1.0)
APPROVAL = CandidateLink("approvals", "missing", "none of 1, for 3 h")


def row(state, *links, **about):
    return Row(KNOWN, {"release": Cell("release", state, 1.0, links=links, **about)})


@pytest.mark.parametrize(
    ("state", "is_ready", "is_over"),
    [
        ("ready", True, False),
        ("interrupted", True, False),
        ("waiting", False, False),
        ("failed", False, False),
        ("stopped", False, False),
        ("running", False, False),
        ("passed", False, True),
        ("none", False, True),
    ],
)
def test_what_can_be_done(state, is_ready, is_over):
    found = outlook_of([row(state)])
    assert (found.is_ready, found.is_over) == (is_ready, is_over)


def test_a_commit_of_which_nothing_is_known_can_be_run():
    found = outlook_of([])
    assert (found.is_ready, found.is_over) == (True, False)


def test_what_is_new_makes_other_evidence_and_words_do_not():
    waits = outlook_of([row("waiting", APPROVAL)])
    later = outlook_of([row("waiting", replace(APPROVAL, why="none of 1, for 4 h"), why="x", step="y")])
    assert later == waits
    others = [
        row("ready"),
        row("waiting", replace(APPROVAL, state="there")),
        row("waiting", APPROVAL, CandidateLink("window", "missing", "opens at 9")),
        row("waiting", replace(APPROVAL, statement="approval-2")),
        row("waiting", APPROVAL, statement="statement-1"),
    ]
    assert len({waits.evidence, *(outlook_of([one]).evidence for one in others)}) == 6


def test_what_waits_for_other_stages_alone_is_for_a_run_to_do():
    proof = CandidateLink("after manual", "missing", "is about another procedure")
    assert outlook_of([row("waiting", proof)]).is_ready
    assert not outlook_of([row("waiting", proof, APPROVAL)]).is_ready
