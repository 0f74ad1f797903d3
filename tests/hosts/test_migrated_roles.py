"""The roles of examples/migrated make a real host, leave it as it is the second time, and no drift is found."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import cdconf
from tests.hosts.live import Live

pytestmark = pytest.mark.hosts

EXAMPLE = Path(__file__).parents[2] / "examples/migrated"


@pytest.fixture
def migrated(tmp_path):
    one = Live(shutil.copytree(EXAMPLE, tmp_path / "migrated", ignore=shutil.ignore_patterns(".cdconf")))
    yield one
    cdconf(one.root, "destroy", "staging", "--yes")


def test_they_make_a_host_that_stays_as_they_made_it(migrated):
    migrated("provision", "staging")
    host = migrated.document("provision", "staging")["hosts"]["twin"]
    assert (host["changed"], host["failed"]) == (0, 0)
    assert host["ok"] > 100
    migrated("smoke", "staging")
    migrated("drift", "staging")
    host = migrated.document("drift", "staging", "--applied", code=2)["hosts"]["twin"]
    unknown = {(one["type"], one["title"]) for one in host["resources"]}
    assert unknown == {("postgres_role", "shop"), ("postgres_role", "report")}  # of which a host keeps no password
