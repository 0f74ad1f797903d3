"""The other half of the types' cases; see test_cases.py."""

import pytest

from cdconf.authoring.cases import run_case
from tests.resources.test_cases import half, host  # noqa: F401  the fixture


@pytest.mark.hosts
@pytest.mark.parametrize(("name", "case"), half(1))
def test_case(host, name, case):  # noqa: F811  that's how pytest gets it
    run_case(host, case)
