"""The dashboard of a team's history: it's read in sessions that can't write."""

import pytest
import sqlalchemy as sa

from cdconf.errors import CdconfError
from cdconf.history.reading import deployments
from cdconf.history.team import history_of
from cdconf.inventory import load_project
from cdconf.web.page import Ask
from cdconf.web.reading import sources as sources_module
from cdconf.web.reading.project import look_at
from cdconf.web.reading.snapshot import opened
from cdconf.web.reading.sources import Sources
from cdconf.web.screens import board, flow, runs
from tests.history.postgresql import Server, programs
from tests.web.dashboard import make, ran

pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here")


@pytest.fixture(scope="module")
def server():
    with Server(programs()) as one:
        yield one


def test_a_teams_history(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_DATABASE", server.url)
    root = make(tmp_path / "shop")
    project = look_at(root)
    with pytest.raises(CdconfError, match="no tables yet"):
        opened(project, tmp_path)
    ran(root, 1)
    history_of(load_project(root)).close()  # a run tells it
    found = opened(project, tmp_path)
    assert [one.version for one in deployments(found)] == ["1.1"]
    with pytest.raises(CdconfError, match="read-only transaction"), found.reading() as connection:
        connection.execute(sa.text("DELETE FROM cdconf_runs"))
    found.close()
    own = tmp_path / "own"
    own.mkdir()
    sources = Sources(root, own)
    ask = Ask(sources, {}, {}, 1e9)
    pages = {one.__name__: one.show(ask) for one in (board, runs, flow)}
    assert [page.problems for page in pages.values()] == [(), (), ()]
    assert pages["cdconf.web.screens.runs"].tables["runs"].rows[0]["what"] == "shop@1.1"
    monkeypatch.setattr(sources_module, "STORE_AFTER", 0.0)
    before = sources.version
    ran(root, 2)
    history_of(load_project(root)).close()
    sources.refresh()
    assert sources.version != before
    sources.close()
