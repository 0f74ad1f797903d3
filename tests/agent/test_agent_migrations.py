"""A migration on a host, over real pipes: it runs to its end and is written down, also when nobody listens any more."""

import json
import time

import pytest

from cdconf.session.session import AgentError
from tests.agent.private import PrivateAgent, find

TAKE = {"run": "r1", "owner": "me", "reason": "test", "environment": "staging", "host": "here"}


@pytest.fixture(params=["3.6", "3.13"])
def agent(request, tmp_path):
    return PrivateAgent(find(request.param), tmp_path)


@pytest.fixture
def app(agent, tmp_path):
    """The app, with a release that is known and on the disk."""
    (tmp_path / "srv/releases/1-x").mkdir(parents=True)
    page = {"releases": {"1-x": {"version": "1", "archive": "a", "tree": "t", "staged_at": 1}}, "verified": ["1-x"]}
    folder = agent.data / "demo"
    folder.mkdir(parents=True, mode=0o700)
    agent.data.chmod(0o700)
    (folder / "ledger.json").write_text(json.dumps({"app": page}))
    return {"name": "app", "path": str(tmp_path / "srv"), "services": []}


def entry(command, **more):
    known = {"phase": "expand", "tree": "t", "release": "1-x", "version": "1", "number": 1, "order": 1, "forgotten": []}
    return {**known, "command": command, "host": "here", "run": "r1", **more}


def migrate(session, app, command, **more):
    keywords = {"user": None, "env_file": None, "within": 30, **more}
    return session.call("migrations.run", app=app, entry=entry(command), **keywords)


def remembered(agent):
    (one,) = json.loads((agent.data / "demo/migrations.json").read_text())["app"]
    return one


def test_it_runs_in_its_release_with_the_apps_environment(agent, app, tmp_path):
    (tmp_path / "env").write_text("SHOP_COLOUR='light blue'\n")
    session = agent.open()
    try:
        session.call("lease.take", ttl=30, **TAKE)
        command = 'pwd; echo "$SHOP_COLOUR"; echo ü >&2'
        result = migrate(session, app, command, env_file=str(tmp_path / "env"))
        assert result["output"].splitlines() == [f"{app['path']}/releases/1-x", "light blue", "ü"]
        assert (result["problem"], result["entry"]["state"], result["entry"]["status"]) == (None, "done", 0)
        assert session.call("migrations.memory", app=app) == {"entries": [result["entry"]]}
        assert session.call("app.status", app=app)["migrations"] == [remembered(agent)]
        bad = entry("true", release="2-y")
        with pytest.raises(AgentError, match="'2-y' isn't on this host"):
            session.call("migrations.run", app=app, entry=bad, user=None, env_file=None, within=1)
    finally:
        session.close()


def test_nothing_runs_without_the_lease(agent, app, tmp_path):
    session = agent.open()
    try:
        for name, more in (("learn", {"entries": []}), ("forget", {}), ("give_up", {"releases": ["1-x"]})):
            with pytest.raises(AgentError, match="lease"):
                session.call(f"migrations.{name}", app=app, **more)
        with pytest.raises(AgentError, match="lease"):
            migrate(session, app, f"touch {tmp_path}/ran")
        with pytest.raises(AgentError, match="knows no call"):
            session.call("migrations.nothing", app=app)
        assert not (tmp_path / "ran").exists()
    finally:
        session.close()


def test_a_controller_that_goes_away_leaves_it_whole_and_written_down(agent, app, tmp_path):
    session = agent.open()
    session.call("lease.take", ttl=1, **TAKE)  # it runs out meanwhile, too
    command = f"echo begun > {tmp_path}/log; sleep 3; echo ended >> {tmp_path}/log"
    request = {"app": app, "entry": entry(command), "user": None, "env_file": None, "within": 30}
    session._send({"id": 99, "call": "migrations.run", "args": request})
    deadline = time.monotonic() + 20
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert remembered(agent)["state"] == "begun"
    session._transport._process.stdin.close()
    while remembered(agent)["state"] == "begun" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert remembered(agent)["state"] == "done"
    assert (tmp_path / "log").read_text() == "begun\nended\n"
    session.close()
