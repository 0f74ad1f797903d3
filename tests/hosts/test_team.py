"""Two laptops and a CI runner race on one production; `make team` plays ten rounds."""

import pytest

from tests.history.postgresql import programs
from tests.team.rounds import race
from tests.team.world import team

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here"),
]


def test_nothing_is_lost_in_races_and_everybody_knows_what_was_deployed_last(tmp_path):
    with team(tmp_path) as world:
        lost = race(world, 1, ["s3", "directory"])
    assert not lost.missing, lost
    assert (lost.rounds, lost.artifacts, lost.signatures) == (2, 6, 18), lost
