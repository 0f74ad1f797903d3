"""The index of history: what a run was about, and indexes that an older version made."""

import json
import sqlite3
import time
from contextlib import closing

from cdconf.events import HostResult, RunResult
from cdconf.history import journal, journal_file
from cdconf.history.index import History


def record(data, root, **extra):
    result = RunResult("run", "dev", hosts={"web1": HostResult("ok")}, extra=extra)
    journal_file.append(data, journal.entry(result, time.time(), root))


def test_the_command_line_is_remembered(tmp_path):
    record(tmp_path, tmp_path, command_line="uptime")
    (run,) = History(tmp_path).runs()
    assert (run["command"], run["detail"], run["hosts"]["web1"]["status"]) == ("run", "uptime", "ok")


def test_the_reason_for_trying_a_pinned_artifact_again_is_remembered(tmp_path):
    record(tmp_path, tmp_path, app="shop", version="1", unpinned="the disk was full")
    (found,) = History(tmp_path).runs()
    assert found["detail"] == "the disk was full"


def test_a_run_is_recorded_where_there_is_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    record(tmp_path, tmp_path, command_line="uptime")
    assert [one["detail"] for one in History(tmp_path).runs()] == ["uptime"]


def test_an_index_of_an_older_version_keeps_what_no_journal_has(tmp_path):
    """The tables are those of the first version; its numbers were integers."""
    record(tmp_path, tmp_path, command_line="uptime")
    with sqlite3.connect(tmp_path / "history.db") as old:
        old.execute("CREATE TABLE runs (id VARCHAR PRIMARY KEY, command VARCHAR, error VARCHAR)")
        old.execute("CREATE TABLE marks (name VARCHAR PRIMARY KEY, value INTEGER)")
        old.execute("INSERT INTO runs VALUES ('x', 'deploy', 'its journal is gone')")
        old.execute("INSERT INTO marks VALUES ('schema', 1), ('journal', 999999)")
    old.close()
    assert {(one["detail"], one["error"]) for one in History(tmp_path).runs()} == {
        ("uptime", None),
        (None, "its journal is gone"),
    }
    record(tmp_path, tmp_path, command_line="id")
    found = History(tmp_path).runs()
    assert [one["detail"] for one in found] == ["id", "uptime", None]
    assert found[-1]["source"] == "journal"


def test_a_long_journal_is_taken_in_piece_by_piece(tmp_path):
    """A server's limits count for each statement, and `Watch` hears of none before its end."""
    import sqlalchemy as sa

    for number in range(2500):
        entry = {"id": f"{number:025x}", "command": "deploy", "started_at": float(number), "hosts": {}, "stage": "x"}
        journal_file.append(tmp_path, entry)
    sizes = []

    def hear(connection, cursor, statement, parameters, context, executemany):
        sizes.append(len(parameters) if executemany else 1)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        with closing(History(tmp_path)) as history:
            assert len(history.runs(limit=None)) == 2500
            assert {one["stage"] for one in history.runs(limit=None)} == {"x"}
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)
    assert sorted(size for size in sizes if size > 1) == [500] * 3 + [1000] * 6


def test_what_has_no_column_is_kept_beside_the_run(tmp_path):
    """Also of runs that a version brought in which knew no such fields; it leaves them out of its mark."""
    record(tmp_path, tmp_path)
    (line,), _ = journal_file.read(tmp_path)
    one = line.record
    journal_file.append(tmp_path, {**one, "id": "other", "dirty": ["a", "b"], "command": "deploy"})
    History(tmp_path).close()
    with sqlite3.connect(tmp_path / "history.db") as database:
        database.execute("DELETE FROM run_fields")
        database.execute("DELETE FROM marks WHERE name = 'lines of'")
        mark = json.dumps({"offset": (tmp_path / "history.jsonl").stat().st_size, "last": "other"})
        database.execute("INSERT INTO marks VALUES ('journal', ?)", (mark,))
    database.close()
    found = {one["id"]: one for one in History(tmp_path).runs()}
    assert found["other"]["dirty"] == ["a", "b"]
    assert found["other"]["command"] == "deploy"
    assert "dirty" not in found[one["id"]]


def test_a_record_of_a_newer_version_does_no_harm(tmp_path):
    record(tmp_path, tmp_path)
    (line,), _ = journal_file.read(tmp_path)
    one = line.record
    journal_file.append(tmp_path, {**one, "id": "other", "from_the_future": True})
    assert len(History(tmp_path).runs()) == 2


def test_what_was_deployed_last_is_the_last_deployment_that_ended_well(tmp_path):
    runs = [
        ("deploy", "dev", "shop", "1", 0),
        ("deploy", "dev", "shop", "2", 0),
        ("deploy", "dev", "shop", "3", 1),  # failed, so that 2 runs
        ("deploy", "dev", "shop", None, 0),  # there was nothing to resume
        ("toggle", "dev", "shop", "9", 0),
        ("deploy", "dev", "admin", "7", 0),
        ("deploy", "prod", "shop", "2", 0),
        ("rollback", "prod", "shop", "1", 0),
        ("drift", "prod", None, None, 0),
    ]
    for at, (command, environment, app, version, code) in enumerate(runs):
        extra = {"app": app, "version": version}
        result = RunResult(command, environment, exit_code=code, extra=extra)
        journal_file.append(tmp_path, journal.entry(result, 1000.0 + at, tmp_path))
    found = History(tmp_path).deployed()
    assert [(one["environment"], one["app"], one["version"], one["started_at"]) for one in found] == [
        ("dev", "admin", "7", 1005.0),
        ("dev", "shop", "2", 1001.0),
        ("prod", "shop", "1", 1007.0),
    ]


def told(data, version, at, *, fences=None, difference=None, app="shop", environment="prod"):
    result = RunResult("deploy", environment, extra={"app": app, "version": version})
    entry = journal.entry(result, at, data) | journal.placed(fences or {}, difference)
    journal_file.append(data, entry)


def test_the_last_deployment_is_the_one_that_the_hosts_had_last(tmp_path):
    """v6 comes after v7, from a laptop whose clock is an hour behind."""
    told(tmp_path, "7", 7200.0, fences={"web1": 1_000, "web2": 1_003})
    told(tmp_path, "6", 3900.0, fences={"web1": 1_009, "web2": 1_011})
    told(tmp_path, "1", 100.0)  # of a version that recorded no fences
    with closing(History(tmp_path)) as history:
        assert [one["version"] for one in history.deployed()] == ["6"]
        assert [one["version"] for one in history.runs()] == ["6", "7", "1"]
        assert [one["version"] for one in history.runs(limit=1)] == ["6"]
        assert [one["started_at"] for one in history.runs(limit=1)] == [3900.0], "clocks are shown as they were"


def test_where_no_host_has_seen_both_the_hosts_clocks_decide(tmp_path):
    told(tmp_path, "7", 7200.0, fences={"web1": 1_000}, difference=0.0)
    told(tmp_path, "6", 3900.0, fences={"web2": 900}, difference=3600.0)
    told(tmp_path, "5", 7100.0)
    with closing(History(tmp_path)) as history:
        assert [one["version"] for one in history.runs()] == ["6", "7", "5"]
        assert [one["version"] for one in history.deployed()] == ["6"]
        assert [one["ordered_at"] for one in history.runs()] == [7500.0, 7200.0, 7100.0]


def test_each_app_and_environment_has_a_last_deployment_of_its_own(tmp_path):
    told(tmp_path, "1", 900.0, fences={"web1": 5})
    told(tmp_path, "2", 800.0, fences={"web1": 6}, app="admin")
    told(tmp_path, "3", 700.0, fences={"web1": 4}, environment="dev")
    with closing(History(tmp_path)) as history:
        found = {(one["environment"], one["app"]): one["version"] for one in history.deployed()}
    assert found == {("prod", "shop"): "1", ("prod", "admin"): "2", ("dev", "shop"): "3"}


def test_a_run_far_down_the_list_by_its_clock_is_found_by_its_fences(tmp_path):
    for number in range(40):
        told(tmp_path, str(number), 10_000.0 + number, fences={"web1": number + 1})
    told(tmp_path, "last", 10.0, fences={"web1": 100})
    with closing(History(tmp_path)) as history:
        assert [one["version"] for one in history.deployed()] == ["last"]
        assert history.runs(limit=1)[0]["version"] == "last"
