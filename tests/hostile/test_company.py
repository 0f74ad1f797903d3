"""Each behaviour meets each verb as often as it's to, also alone, and none hides another."""

import collections

from tests.hostile.company import BEFORE, meetings

EACH, HELD = "plan dev", "provision dev"
AT_A_CALL = "a bomb"
PAIRS = [(words, one) for words in (EACH, HELD) for one in (*sorted(BEFORE), AT_A_CALL)]


def test_each_pair_is_met_as_often_as_it_is_to_and_once_alone():
    found = meetings(PAIRS, [EACH], 3, 5, seed=1)
    met = collections.Counter((words, one) for words, ones in found for one in ones)
    assert met == dict.fromkeys(PAIRS, 3)
    assert {(words, *ones) for words, ones in found if len(ones) == 1} >= set(PAIRS)
    assert max(len(ones) for _, ones in found) == 5


def test_what_fails_at_a_call_comes_alone_where_all_are_held():
    found = meetings(PAIRS, [EACH], 4, 8, seed=1)
    assert all(ones == (AT_A_CALL,) for words, ones in found if words == HELD and AT_A_CALL in ones)
    assert any(len(ones) > 1 for words, ones in found if words == EACH and AT_A_CALL in ones)
