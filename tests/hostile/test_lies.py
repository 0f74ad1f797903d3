"""A host that lies on the way back: the others are on the release from before, and the next deployment ends well."""

from types import SimpleNamespace

import pytest

from tests.hostile.lies import Three, sweep

pytestmark = pytest.mark.hosts  # root alone can give a host directories of its own


def test_a_lie_on_the_way_back_is_that_host_s_own_error(tmp_path):
    ground = Three(tmp_path)
    asked = SimpleNamespace(verbs="dev -v", calls="app.roll_back", lies="another shape", seconds=1e9, shift=0, every=1)
    try:
        counts, wrong = sweep(ground, asked)
    finally:
        ground.close()
    assert (dict(counts["deploy shop --to dev -v"]), wrong) == ({"exit 1": 1}, [])
