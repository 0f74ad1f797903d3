"""Half of the types' cases, on a real host; the other half is in test_cases_2.py, so that two workers share them.

`cdconf.authoring.cases` says what a case may hold and what all must show.
"""

import pytest
import yaml

from cdconf.authoring.cases import CaseHost, cases_of, run_case
from cdconf.environments import provider_for
from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import Types
from tests.conftest import cdconf, write

TYPES = Types()
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}") for name in TYPES for case in cases_of(TYPES.folder(name))
]


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("cases"),
        {
            "cdconf.yml": "project: cases\ngroups: {all-types: [case]}\n",
            "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  host: {groups: [all-types]}\n",
            "roles/case/role.yml": "resources: []\n",
        },
    )
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        project = load_project(root)
        environment = load_environment(project, "dev")
        located = provider_for(project, environment).locate(list(environment.hosts.values()))
        one = CaseHost(project, environment, located["host"])
        one.must(["apt-get update -qq"])  # cases install what they need
        yield one
        one.leave()
    finally:
        cdconf(root, "destroy", "dev", "--yes")


def half(number):
    """Every second type, all cases of a type together; PostgreSQL first, which wants a host as it was made."""
    names = sorted(TYPES, key=lambda name: (not name.startswith("postgres_"), name))[number::2]
    return [case for name in names for case in CASES if case.values[0] == name]


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
