"""The types' cases, on real hosts.

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


@pytest.fixture(scope="class")
def host(tmp_path_factory):
    with case_host(tmp_path_factory.mktemp("cases")) as one:
        yield one


def quarter(number):
    """Every fourth type, all cases of a type together."""
    mine = [case for name in sorted(TYPES)[number::4] for case in CASES if case.values[0] == name]
    return pytest.mark.parametrize(("name", "case"), mine)


@pytest.mark.hosts
class Quarter:
    """A part of the cases, on a host of its own, so that workers share them."""

    def test_case(self, host, name, case):
        run_case(host, case)


@quarter(0)
class TestFirst(Quarter): ...


@quarter(1)
class TestSecond(Quarter): ...


@quarter(2)
class TestThird(Quarter): ...


@quarter(3)
class TestFourth(Quarter): ...


def test_every_type_is_documented_and_has_cases():
    for name in TYPES:
        kind = TYPES[name]
        assert kind.doc, name
        assert all(one.doc for one in kind.fields.values()), name
        assert any(case.values[0] == name for case in CASES), f"{name} has no cases"
        assert yaml.safe_load(kind.example)[name], name
