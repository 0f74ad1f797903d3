"""Parts of secrets at the places where a text was cut before it was masked."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.converge import compare
from cdconf.agent.converge.compare import DIFF_LIMIT
from cdconf.secrets import Mask

SECRET = "correct-horse-battery-staple"


def masked(text, *secrets):
    mask = Mask()
    for one in secrets or (SECRET,):
        mask.add(one)
    return mask(text)


@pytest.mark.parametrize("kept", [4, 11, len(SECRET) - 1])
@pytest.mark.parametrize("mark", ["…", "\n... (the diff goes on)\n", "\n… (the diff goes on)\n"])
def test_what_is_left_of_a_secret_on_either_side_of_a_cut_is_masked(kept, mark):
    assert masked(f"it said 'token={SECRET[:kept]}{mark}") == f"it said 'token=***{mark}"
    assert masked(f"…{SECRET[-kept:]}, expected 200") == "…***, expected 200"
    assert masked(f"a {SECRET} b {SECRET[:kept]}{mark}") == f"a *** b ***{mark}"


def test_a_secret_that_was_cut_in_the_midst_is_masked_on_both_sides():
    assert masked(f"start {SECRET[:9]}…{SECRET[9:]} end") == "start ***…*** end"


def test_the_longest_part_counts_where_several_fit():
    assert masked("aab-aab-aab-c…", "aab-aab-aab-code") == "***…"
    assert masked("it's xyz1-xyz…", "xyz1-xyz2") == "it's ***…"


def test_parts_of_other_forms_of_a_secret_go_too():
    encoded = base64.b64encode(SECRET.encode()).decode()
    assert encoded[:20] not in masked(f"Authorization: Basic {encoded[:20]}…")


def test_nothing_goes_where_nothing_was_cut_and_nothing_that_is_no_part():
    for text in ("it's correct", "correct-horse is a name", "a horse…", "correct-house…", "… and 5 more", "staples…"):
        assert masked(text) == text


@given(st.text("ab…'", max_size=12), st.integers(min_value=0, max_value=30), st.text("ab'", max_size=9))
def test_no_long_part_of_a_secret_survives_any_cut(before, size, after):
    secret = "x1y2z3w4v5u6"
    text = f"{before}{secret}{after}"
    cut = text if len(text) <= size else f"{text[:size]}…"
    shown = masked(cut, secret)
    assert not any(secret[:length] in shown for length in range(4, len(secret) + 1))


def test_a_long_difference_shows_no_part_of_a_secret_at_its_end():
    for before in range(DIFF_LIMIT - 70, DIFF_LIMIT, 2):
        new = "x" * before + SECRET + "\n"
        shown = masked(compare.text({"title": "/x", "sensitive": False}, {"content": ("a\n", new)}))
        assert "the diff goes on" in shown
        assert SECRET[:4] not in shown
