"""What was deployed last is remembered, and looked up again where somebody else has written."""

from contextlib import closing

import pytest
import sqlalchemy as sa

from cdconf.events import RunResult
from cdconf.history import journal, journal_file
from cdconf.history.deployed import candidates, counts
from cdconf.history.index import History
from tests.history.postgresql import Server, programs


def told(data, version, at, app="shop", *, of=None, fences=None, code=0):
    about = {"app": app, "version": version}
    entry = journal.entry(RunResult("deploy", "prod", exit_code=code, extra=about), at, data)
    journal_file.append(data, entry | journal.placed(fences or {}, 0.0) | ({"environment_of": of} if of else {}))


def versions(history):
    return {one["app"]: one["version"] for one in history.deployed()}


def asked(history, ask):
    """What's asked of the database meanwhile, as SQL."""
    found = []

    def note(_connection, _cursor, statement, *_rest):
        found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return found


def test_no_run_is_looked_at_while_nothing_has_changed(tmp_path):
    for number in range(3):
        told(tmp_path, str(number), 100.0 + number, "shop")
        told(tmp_path, str(number), 100.0 + number, "blog")
    with closing(History(tmp_path)) as history:
        statements = asked(history, history.deployed)
        assert versions(history) == {"shop": "2", "blog": "2"}
    assert not [one for one in statements if "row_number" in one]
    told(tmp_path, "3", 200.0)
    statements = asked(None, lambda: History(tmp_path).close())
    looks = [one for one in statements if "row_number" in one]
    assert looks
    assert all("VALUES" in one for one in looks), "the app of the new run alone is looked at"
    with closing(History(tmp_path)) as history:
        assert versions(history) == {"shop": "3", "blog": "2"}


def test_after_an_upgrade_everything_is_looked_at_once(tmp_path):
    told(tmp_path, "1", 100.0)
    with closing(History(tmp_path)) as history, history._database.engine.begin() as connection:
        connection.execute(sa.delete(history.tables.later.last_deployed))
    assert [one for one in asked(None, lambda: History(tmp_path).close()) if "row_number" in one]
    assert not [one for one in asked(None, lambda: History(tmp_path).close()) if "row_number" in one]
    with closing(History(tmp_path)) as history:
        assert not [one for one in asked(history, history.deployed) if "row_number" in one]
        assert versions(history) == {"shop": "1"}


def test_what_an_older_version_writes_is_seen_at_once(tmp_path):
    told(tmp_path, "1", 100.0)
    with closing(History(tmp_path)) as history:
        assert versions(history) == {"shop": "1"}
        runs = history.tables.runs
        (row,) = (dict(one) for one in _read(history, sa.select(runs)))
        newer = row | {"id": "x", "version": "2", "started_at": 300.0}
        history.replace(runs, [newer, row | {"id": "y", "app": "blog"}], ["id"])
        assert versions(history) == {"shop": "2", "blog": "1"}
        history.replace(runs, [newer | {"version": None}], ["id"])
        assert versions(history) == {"shop": "1", "blog": "1"}
        later = history.tables.later.last_deployed
        assert [one["app"] for one in _read(history, sa.select(later))] == ["shop"], "a question writes nothing"
    told(tmp_path, "5", 400.0, "wiki")
    with closing(History(tmp_path)) as history:
        rows = _read(history, sa.select(history.tables.later.last_deployed))
        assert {one["app"] for one in rows} == {"shop", "blog", "wiki"}
        assert versions(history) == {"shop": "1", "blog": "1", "wiki": "5"}


def test_a_run_of_which_more_becomes_known_may_become_the_last(tmp_path):
    told(tmp_path, "late", 100.0)
    told(tmp_path, "early", 200.0, fences={"web1": 3})
    with closing(History(tmp_path)) as history:
        assert versions(history) == {"shop": "early"}
        fields, runs = history.tables.run_fields, history.tables.runs
        (row,) = _read(history, sa.select(runs.c.id).where(runs.c.version == "late"))
        history.replace(fields, [{"id": row["id"], "name": "fences", "value": '{"web1": 9}'}], ["id", "name"])
        again = sa.delete(history.tables.marks).where(history.tables.marks.c.name == "lines of")
        with history._database.engine.begin() as connection:  # as the next version that reads a journal once more
            connection.execute(again)
    with closing(History(tmp_path)) as history:
        assert versions(history) == {"shop": "late"}


def test_each_checkout_remembers_what_its_own_hosts_have(tmp_path):
    told(tmp_path, "1", 100.0)
    told(tmp_path, "2", 200.0, of="else")
    told(tmp_path, "3", 300.0, "blog", of="else")
    with closing(History(tmp_path, project="x", checkout="mine")) as history:
        assert versions(history) == {"shop": "1"}
        assert not [one for one in asked(history, history.deployed) if "row_number" in one]
    with closing(History(tmp_path, project="x", checkout="else")) as history:
        assert versions(history) == {"shop": "2", "blog": "3"}


def test_deployments_are_counted_in_an_index_alone(tmp_path):
    told(tmp_path, "1", 100.0)
    with closing(History(tmp_path)) as history:
        (plan,) = _plan(history, counts(history), "EXPLAIN QUERY PLAN ")
        assert plan.startswith("SEARCH runs USING INDEX ix_runs_deployed (project=?")
        for query in candidates(history, [("prod", "shop")]):
            plan = _plan(history, query, "EXPLAIN QUERY PLAN ")
            assert not [one for one in plan if one.startswith("SCAN runs")]


@pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here")
def test_a_team_s_deployments_are_counted_in_an_index_alone(tmp_path):
    pytest.importorskip("psycopg")
    told(tmp_path, "1", 100.0)
    with Server(programs()) as server, closing(History(tmp_path, server.url, "x", "ann")) as history:
        plan = _plan(history, counts(history), "EXPLAIN ", "SET enable_seqscan = off")
        assert [one for one in plan if "ix_cdconf_runs_deployed" in one]
        for query in candidates(history, [("prod", "shop")]):
            plan = _plan(history, query, "EXPLAIN ", "SET enable_seqscan = off")
            assert not [one for one in plan if "Seq Scan on cdconf_runs" in one]
        assert versions(history) == {"shop": "1"}


def _read(history, query):
    with history.reading() as connection:
        return [dict(one) for one in connection.execute(query).mappings()]


def _plan(history, query, explain, setting=None):
    with history.reading() as connection:
        if setting:
            connection.exec_driver_sql(setting)
        text = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        return [row[-1] for row in connection.exec_driver_sql(explain + text.replace("%", "%%" if setting else "%"))]
