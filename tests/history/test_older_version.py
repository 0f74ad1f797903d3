"""An older version and this one share a PostgreSQL: each sees the other's runs, and rows of lost checkouts stay.

The older version is the real one: older_version.tar.xz holds the modules that history needed at commit 565b82b, since a
shallow clone has no older commits (`git archive 565b82b cdconf/history cdconf/{__init__,errors,events,patience}.py`).
"""

import json
import os
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from cdconf.errors import CdconfError
from cdconf.events import HostResult, RunResult
from cdconf.history import journal, journal_file
from cdconf.history.index import History
from cdconf.history.reading import deployments
from cdconf.history.run_events import RunEventWriter
from tests.history.postgresql import Server, programs

pytest.importorskip("psycopg")
OLDER = Path(__file__).with_name("older_version.tar.xz")
OLD_RUN = """
import json, sys, time
from pathlib import Path
from cdconf.events import HostResult, RunResult
from cdconf.history import journal
from cdconf.history.index import History
data, url, checkout, version = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
data.mkdir(exist_ok=True)
if version:
    result = RunResult("deploy", "dev", hosts={"web1": HostResult("ok")}, extra={"app": "shop", "version": version})
    journal.append(data, journal.entry(result, time.time(), data))
history = History(data, url, "demo", checkout)
print(json.dumps(sorted(one["version"] for one in history.runs())))
history.close()
"""


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Runs a checkout of the older version: adds a deployment if there's a version, and tells which ones it sees."""
    if programs() is None:
        pytest.skip("there are no programs of PostgreSQL here")
    code = tmp_path_factory.mktemp("older")
    with tarfile.open(OLDER) as archive:
        archive.extractall(code, filter="data")

    def run(data, url, version=""):
        words = [sys.executable, "-c", OLD_RUN, str(data), url, data.name, version]
        environment = {**os.environ, "PYTHONPATH": str(code)}
        done = subprocess.run(words, env=environment, cwd=code, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def server():
    with Server(programs()) as one:
        yield one


def ours(data, url, version=None):
    """The same with this version, all that it writes down included."""
    data.mkdir(exist_ok=True)
    if version is not None:
        result = RunResult("deploy", "dev", hosts={"web1": HostResult("ok")}, extra={"app": "shop", "version": version})
        entry = journal.entry(result, time.time(), data) | {"built_from": "b" * 40, "committed_at": time.time()}
        told = RunEventWriter(data, entry["id"], {"command": "deploy"})
        journal_file.append(data, entry)
        told.end()
    with closing(History(data, url, "demo", data.name)) as history:
        return sorted(one["version"] for one in history.runs())


def test_rows_of_a_deleted_checkout_outlive_an_upgrade_and_a_downgrade(older, server, tmp_path):
    url = server.url
    assert older(tmp_path / "gone", url, "1") == ["1"]
    assert ours(tmp_path / "ann", url, "2") == ["1", "2"]  # an upgrade, while one of the checkouts is lost
    assert older(tmp_path / "bob", url, "3") == ["1", "2", "3"]  # a colleague who hasn't updated yet
    assert older(tmp_path / "ann", url, "4") == ["1", "2", "3", "4"]  # a downgrade of the same checkout
    assert ours(tmp_path / "ann", url, "5") == ["1", "2", "3", "4", "5"]
    assert older(tmp_path / "eve", url) == ["1", "2", "3", "4", "5"]
    with closing(History(tmp_path / "ann", url, "demo", "ann")) as history:
        found = {one.version: one for one in deployments(history)}
    assert {version: one.verdict for version, one in found.items()} == dict.fromkeys("12345", "passed")
    assert found["2"].commit == found["5"].commit == "b" * 40
    assert found["2"].committed_at is not None
    assert found["4"].commit is None  # the older version knew no such field
    lines, _ = journal_file.read(tmp_path / "ann")
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[2].claimed.link == lines[1].link, "the older version's line is linked, too"


def test_a_newer_table_is_refused_by_its_name(server, tmp_path):
    import sqlalchemy as sa

    ours(tmp_path / "ann", server.url)
    engine = sa.create_engine(server.url.replace("postgresql://", "postgresql+psycopg://"))
    change = "UPDATE cdconf_marks SET value = '{}' WHERE name = 'schema of statements'"
    try:
        for value in ("99", "x"):
            with engine.begin() as connection:
                connection.execute(sa.text(change.format(value)))
            with pytest.raises(CdconfError, match=r"schema of statements is (99, not 1|'x')"):
                ours(tmp_path / "ann", server.url)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(change.format(1)))
        engine.dispose()
