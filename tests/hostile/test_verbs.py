"""Each verb that talks to hosts, beside one that behaves badly; `make hostile` tries all ways of that."""

import pytest

from tests.hostile.server import BEHAVIOURS
from tests.hostile.verbs import VERBS, sweep

pytestmark = pytest.mark.hosts  # root alone can give a host directories of its own
LANES = 4
WORK = [(words, (BEHAVIOURS[number * 11 % len(BEHAVIOURS)],)) for number, words in enumerate(VERBS)]


def test_each_verb_ends_with_that_hosts_own_error(tmp_path):
    counts = sweep(tmp_path, WORK, 1e9, LANES)
    assert counts.by_verb.keys() == VERBS.keys()
    assert {key: [(one, done and done.stderr) for one, done in ways] for key, ways in counts.told.items()} == {}
