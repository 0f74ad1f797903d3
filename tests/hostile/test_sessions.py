"""A host that says anything ends its own session with one clear error, or gives what was declared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import samples
from tests.hostile.sessions import one


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0))
@pytest.mark.parametrize("name", samples.CALLS)
def test_no_session_ends_otherwise_than_by_a_result_or_one_error(name, seed):
    how, is_raw = one(seed, name)
    assert how in ("result", "host_failed", "unreachable", "lease_held")
    assert not is_raw
