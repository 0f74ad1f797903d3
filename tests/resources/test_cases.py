"""Half of the types' cases, on a real host; the other half is in test_cases_2.py, so that two workers share them.

`cdconf.authoring.cases` says what a case may hold and what all must show.
"""

import pytest
import yaml

from cdconf.authoring.cases import cases_of, run_case
from cdconf.resources.discovery import Types
from tests.case_host import case_host

TYPES = Types()
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}") for name in TYPES for case in cases_of(TYPES.folder(name))
]


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    with case_host(tmp_path_factory.mktemp("cases")) as one:
        yield one


def half(number):
    """Every second type, all cases of a type together."""
    return [case for name in sorted(TYPES)[number::2] for case in CASES if case.values[0] == name]


@pytest.mark.hosts
@pytest.mark.parametrize(("name", "case"), half(0))
def test_case(host, name, case):
    run_case(host, case)


def test_every_type_is_documented_and_has_cases():
    for name in TYPES:
        kind = TYPES[name]
        assert kind.doc, name
        assert all(one.doc for one in kind.fields.values()), name
        assert any(case.values[0] == name for case in CASES), f"{name} has no cases"
        assert yaml.safe_load(kind.example)[name], name
