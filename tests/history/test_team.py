"""A team's history in a real PostgreSQL: every run tells it what it did, from whichever checkout."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import pytest

from cdconf.errors import CdconfError
from cdconf.events import HostResult, RunResult
from cdconf.history import journal, journal_file
from cdconf.history.index import History
from cdconf.history.rows import RunFilter
from cdconf.history.team import push
from tests.conftest import cdconf, write
from tests.history.postgresql import Server, programs
from tests.history.test_rebuild import RUN, ask, memory, well

pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(programs() is None, reason="there are no programs of PostgreSQL here")


@pytest.fixture(scope="module")
def server():
    with Server(programs()) as one:
        yield one


@pytest.fixture
def team(server, request):
    """Opens a checkout's history in a project of the test's own."""
    opened = []

    def make(data, project=request.node.name):
        data.mkdir(exist_ok=True)
        opened.append(History(data, server.url, project, data.name))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def record(data, version, run=None, **about):
    data.mkdir(exist_ok=True)
    result = RunResult("deploy", "dev", hosts={"web1": HostResult("ok")}, extra={"app": "shop", "version": version})
    journal_file.append(data, {**journal.entry(result, time.time(), data, run), **about})


def versions(history):
    return {one["version"] for one in history.runs()}


def test_each_checkout_sees_what_all_have_done_once(team, tmp_path):
    record(tmp_path / "ann", "1")
    record(tmp_path / "bob", "2")
    team(tmp_path / "ann")
    assert versions(team(tmp_path / "bob")) == {"1", "2"}
    record(tmp_path / "ann", "3")
    assert len(team(tmp_path / "ann").runs()) == 3
    assert len(team(tmp_path / "ann").runs()) == 3
    (found,) = team(tmp_path / "bob").runs(limit=1)
    assert (found["version"], found["hosts"]["web1"]["status"], found["source"]) == ("3", "ok", "journal")


def test_projects_share_a_database_and_no_history(team, tmp_path):
    record(tmp_path / "ann", "1")
    assert versions(team(tmp_path / "ann")) == {"1"}
    assert team(tmp_path / "bob", "another-project").runs() == []


def test_many_that_open_it_at_once_make_the_tables_once(server, tmp_path):
    folders = [tmp_path / str(number) for number in range(8)]
    for number, folder in enumerate(folders):
        record(folder, str(number))

    def push(folder):
        History(folder, server.url, "at once", folder.name).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(push, folders))
    last = History(folders[0], server.url, "at once", "0")
    assert versions(last) == {str(number) for number in range(8)}
    last.close()


def test_a_journal_that_was_removed_begins_anew_and_nothing_is_lost_or_doubled(team, tmp_path):
    record(tmp_path / "ann", "1")
    record(tmp_path / "ann", "2")
    team(tmp_path / "ann")
    (tmp_path / "ann/history.jsonl").unlink()
    for number in range(3, 9):
        record(tmp_path / "ann", str(number))
    assert versions(team(tmp_path / "ann")) == {str(number) for number in range(1, 9)}


def test_what_hosts_remember_gives_way_to_the_run_s_own_words(team, tmp_path):
    for one in ask({"web1": memory(well())}):
        (tmp_path / "ann").mkdir()
        journal_file.append(tmp_path / "ann", one)
    (found,) = team(tmp_path / "ann").runs()
    assert (found["source"], found["events"][-1]["event"], found["run"]) == ("hosts", "verified", RUN)
    record(tmp_path / "bob", "2", RUN)
    (found,) = team(tmp_path / "bob").runs()
    assert (found["source"], found["run"]) == ("journal", RUN)
    (tmp_path / "eve").mkdir()
    for one in ask({"web1": memory(well())}):
        journal_file.append(tmp_path / "eve", one)
    (found,) = team(tmp_path / "eve").runs()
    assert found["source"] == "journal"


def test_one_that_a_newer_cdconf_made_is_left_alone(tmp_path):
    import sqlalchemy as sa

    with Server(programs()) as other:
        History(tmp_path, other.url, "x", "y").close()
        engine = sa.create_engine(other.url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE cdconf_marks SET value = '99' WHERE name = 'schema'"))
        engine.dispose()
        with pytest.raises(CdconfError, match="made by a newer cdconf"):
            History(tmp_path, other.url, "x", "y")


def test_what_a_damaged_journal_says_keeps_nobody_from_telling_the_team(shared, tmp_path):
    """What PostgreSQL can't store, in any place: NUL, half a character, what's too long for an index, odd numbers."""
    url, _ = shared
    odd = ["soon", 1e300, "9" * 400, True, [1], float("nan"), 3600, -3600.5, 0.2]
    for number, value in enumerate(odd):
        name = f"{number}\0\ud800{'x' * 5000}"
        about = {"clock_difference_s": value, name: name, "user": name, "app": name, "environment": name}
        record(tmp_path / "ann", "1", run=name, id=name, hosts={name: {"status": "ok"}}, error=name, **about)
        record(tmp_path / "ann", str(number), clock_difference_s=value, fences={"web1": name})
    with closing(History(tmp_path / "ann", url, "x", "ann")) as history:
        assert len(history.runs(limit=None)) == 2 * len(odd)
        assert len(history.runs(wanted=RunFilter("dev", since=1.0, host="web1"), limit=None)) == len(odd)
        assert len(history.environments()) == len(odd) + 1
        assert len(history.deployed()) == len(odd) + 1


# What version 3 wrote and read, word by word: versions that share a database must go on understanding each other.
INSERT = """
    INSERT INTO cdconf_runs (id, project, run, source, command, environment, app, version, artifact, commit, "user",
        controller, started_at, duration_s, exit_code, detail, error, hosts, events)
    VALUES ('old', 'x', NULL, 'journal', 'deploy', 'dev', 'shop', '9', NULL, NULL, 'eve', 'gone', 5, 1, 0, NULL, NULL,
        '{"web1": {"status": "ok"}}', '[]')
"""


@pytest.fixture
def shared():
    """A database of its own, and what executes SQL in it."""
    import sqlalchemy as sa

    with Server(programs()) as one:
        engine = sa.create_engine(one.url.replace("postgresql://", "postgresql+psycopg://"))

        def execute(*statements):
            with engine.begin() as connection:
                return [connection.execute(sa.text(statement)) for statement in statements]

        yield one.url, execute
        engine.dispose()


@pytest.mark.parametrize("change", [(), ("ALTER TABLE cdconf_runs DROP COLUMN events, DROP COLUMN detail",)])
def test_rows_whose_checkout_is_gone_outlive_a_newer_version_s_tables(shared, tmp_path, change):
    url, execute = shared
    record(tmp_path / "gone", "1")
    History(tmp_path / "gone", url, "x", "gone").close()
    execute(*change, "UPDATE cdconf_marks SET value = '2' WHERE name = 'schema'", "DROP TABLE cdconf_run_fields")
    record(tmp_path / "ann", "2")
    for _ in range(2):
        with closing(History(tmp_path / "ann", url, "x", "ann")) as history:
            assert versions(history) == {"1", "2"}


def test_an_older_version_goes_on_working_beside_this_one(shared, tmp_path):
    url, execute = shared
    record(tmp_path / "ann", "1", anew={"kept": True})
    History(tmp_path / "ann", url, "x", "ann").close()
    _, mark = execute(INSERT, "SELECT value FROM cdconf_marks WHERE name = 'schema'")
    assert mark.scalar_one() == "3"  # an older one refuses a higher number, and drops the tables of a lower one
    with closing(History(tmp_path / "ann", url, "x", "ann")) as history:
        assert versions(history) == {"1", "9"}
        assert [one.get("anew") for one in history.runs()] == [{"kept": True}, None]


def test_a_table_that_somebody_has_locked_is_waited_for_a_moment_and_then_said(shared, tmp_path, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setattr("cdconf.history.database.LOCKED", 1)
    url, _ = shared
    record(tmp_path / "ann", "1")
    History(tmp_path / "ann", url, "x", "ann").close()
    record(tmp_path / "ann", "2")
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as other:  # somebody's transaction that is left open
        other.execute(sa.text("LOCK TABLE cdconf_runs IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(CdconfError, match="one of its tables is locked by somebody else"):
            History(tmp_path / "ann", url, "x", "ann")
    engine.dispose()
    with closing(History(tmp_path / "ann", url, "x", "ann")) as history:
        assert versions(history) == {"1", "2"}


def test_a_statement_has_a_time_limit_that_outlives_what_is_rolled_back(shared, tmp_path, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setattr("cdconf.history.database.STATEMENT", 1)
    with closing(History(tmp_path, shared[0], "x", "ann")) as history:
        for _ in range(2):
            with (
                pytest.raises(sa.exc.OperationalError, match="statement timeout"),
                history._database.engine.begin() as one,
            ):
                one.execute(sa.text("SELECT pg_sleep(600)"))


def test_a_run_waits_for_a_database_that_hangs_only_for_a_while(tmp_path, monkeypatch, capsys):
    """The connection is there, and nothing ever comes."""
    monkeypatch.setattr("cdconf.history.team.PATIENCE", 0.3)
    monkeypatch.setattr("cdconf.patience.SILENCE", 0.1)
    ever = threading.Event()
    monkeypatch.setattr("cdconf.history.team.history_of", lambda project: ever.wait())
    project = SimpleNamespace(database="postgresql://db.example.com/history")
    assert push(project) == "its database said nothing for 0.3 s: it hangs"
    assert capsys.readouterr().err == "waiting for the team's history database\n"
    ever.set()


@pytest.mark.parametrize("ask", [History.runs, History.deployed, History.environments, History.apps])
def test_a_server_that_freezes_after_it_was_connected_ends_each_question_in_words(tmp_path, monkeypatch, ask, capfd):
    """It's stopped: its kernel still answers for it, so that only a limit of our own helps."""
    monkeypatch.setattr("cdconf.history.watch.SILENCE", 0.8)
    monkeypatch.setattr("cdconf.patience.SILENCE", 0.1)
    with Server(programs()) as own, closing(History(tmp_path, own.url, "demo", "ann")) as history:
        own.freeze()
        try:
            with pytest.raises(CdconfError, match=r"it said nothing for 0\.8 s: it hangs"):
                ask(history)
        finally:
            own.thaw()
        assert capfd.readouterr().err == "waiting for the team's history database\n"
        ask(history)  # it lives again, and so does what asks it


def test_a_server_that_freezes_while_it_is_told_of_runs_ends_that_too(tmp_path, monkeypatch):
    monkeypatch.setattr("cdconf.history.watch.SILENCE", 0.8)
    with Server(programs()) as own, closing(History(tmp_path, own.url, "demo", "ann")) as history:
        record(tmp_path, "1")
        own.freeze()
        try:
            with pytest.raises(CdconfError, match=r"it said nothing for 0\.8 s: it hangs"):
                history._update()
        finally:
            own.thaw()
        history._update()
        assert versions(history) == {"1"}


@pytest.fixture
def checkout(tmp_path):
    """A project whose one host answers nothing."""
    files = {
        "cdconf.yml": """
            project: demo
            groups: {web: [base]}
        """,
        "inventories/dev/hosts.yml": "hosts: {web1: {address: 127.0.0.1, ssh: {port: 9}, groups: [web]}}\n",
        "roles/base/role.yml": "resources: []\n",
    }
    return write(tmp_path / "checkout", files)


def test_a_run_tells_the_team_at_its_end_and_one_that_could_not_later(checkout, tmp_path):
    with Server(programs()) as own:
        line = f"database: {own.url}\n"
        (checkout / "cdconf.yml").write_text((checkout / "cdconf.yml").read_text() + line)
        assert cdconf(checkout, "run", "dev", "--", "uptime").returncode == 4
        assert not (checkout / ".cdconf/history.db").exists()
        theirs = History(tmp_path, own.url, "demo", "elsewhere")
        (row,) = theirs.runs()
        theirs.close()
        assert (row["command"], row["detail"], row["exit_code"]) == ("run", "uptime", 4)
        own.stop()
        result = cdconf(checkout, "run", "dev", "--", "id")
        assert result.returncode == 4
        assert "the team's history doesn't have this run yet" in result.stderr
        listing = cdconf(checkout, "history")
        assert listing.returncode == 1
        assert "hint: it's postgresql://tester@/postgres" in listing.stderr
        own.start()
        assert cdconf(checkout, "run", "dev", "--", "date").returncode == 4
        rows = json.loads(cdconf(checkout, "history", "dev", "--json").stdout)["runs"]
        assert [one["detail"] for one in rows] == ["date", "id", "uptime"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://ann:s3cret@db/history", "holds a password"),
        ("postgresql://ann@db/history?password=s3cret", "holds a password"),
        ("mysql://db/history", "must be postgresql://"),
        ("postgresql://db", "must be postgresql://"),
    ],
)
def test_a_database_that_can_not_be_used_or_holds_a_password_is_refused_with_its_line(checkout, url, words):
    (checkout / "cdconf.yml").write_text((checkout / "cdconf.yml").read_text() + f'database: "{url}"\n')
    result = cdconf(checkout, "history")
    assert result.returncode == 1
    assert "cdconf.yml:3: " in result.stderr
    assert words in result.stderr
    assert "s3cret" not in result.stderr


def test_a_password_in_the_environment_is_never_shown(checkout):
    result = cdconf(checkout, "history", CDCONF_DATABASE="postgresql://ann:s3cret@127.0.0.1:9/history")
    assert result.returncode == 1
    assert "ann:***@127.0.0.1:9/history" in result.stderr
    assert "s3cret" not in result.stdout + result.stderr
