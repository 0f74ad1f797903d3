"""Commands whose output comes as it's printed, and how they end."""

import threading
import time

import pytest

from cdconf.agent.converge.apply import Stopped
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import stream


class Agent:
    def __init__(self, stopping_after=None):
        self.events = []
        self.stopping = False
        self.gone = False
        if stopping_after is not None:
            threading.Timer(stopping_after, self.stop).start()

    def stop(self):
        self.stopping = True

    def event(self, event):
        self.events.append((time.monotonic(), event))

    def text(self, name):
        return b"".join(event.get(name, b"") for _, event in self.events)


def test_output_comes_while_the_command_runs_and_streams_stay_apart():
    agent = Agent()
    result = stream.stream(agent, "echo one; echo bad >&2; sleep 0.5; echo two; exit 3")
    assert result == {"status": 3}
    assert (agent.text("out"), agent.text("err")) == (b"one\ntwo\n", b"bad\n")
    first, last = agent.events[0][0], agent.events[-1][0]
    assert last - first > 0.3


def test_stdin_is_given_and_is_empty_without():
    agent = Agent()
    big = b"x" * 300000
    assert stream.stream(agent, "wc -c", data=big) == {"status": 0}
    assert agent.text("out").strip() == b"300000"
    agent = Agent()
    stream.stream(agent, "cat; echo end")
    assert agent.text("out") == b"end\n"
    assert stream.stream(Agent(), "exit 0", data=big) == {"status": 0}


def test_a_stop_ends_the_command_and_its_children(tmp_path):
    agent = Agent(stopping_after=0.3)
    mark = tmp_path / "mark"
    before = time.monotonic()
    with pytest.raises(Stopped):
        stream.stream(agent, f"(sleep 2; touch {mark}) & sleep 30")
    assert time.monotonic() - before < 3
    time.sleep(2.2)
    assert not mark.exists()


def test_a_stop_is_heard_by_a_command_that_ignores_the_first_signal(monkeypatch):
    monkeypatch.setattr(stream, "GRACE", 0.3)
    before = time.monotonic()
    with pytest.raises(Stopped):
        stream.stream(Agent(stopping_after=0.2), "trap '' TERM; while :; do sleep 0.1; done")
    assert time.monotonic() - before < 5


def test_when_the_controller_is_gone_only_endless_commands_end(tmp_path):
    agent = Agent()
    agent.gone = True
    mark = tmp_path / "mark"
    assert stream.stream(agent, f"sleep 0.5; touch {mark}") == {"status": 0}
    assert mark.exists()
    with pytest.raises(Stopped):
        stream.stream(agent, "sleep 30", endless=True)


def test_a_time_limit():
    with pytest.raises(Failed, match="time limit"):
        stream.stream(Agent(), "sleep 30", timeout=0.3)
    with pytest.raises(Failed, match="time limit"):
        stream.stream(Agent(), "exec >&- 2>&-; sleep 30", timeout=0.3)


def test_a_daemon_that_keeps_the_output_open_does_not_hold_the_run():
    before = time.monotonic()
    assert stream.stream(Agent(), "sleep 8 & echo started") == {"status": 0}
    assert time.monotonic() - before < 5


def test_a_signal_is_a_negative_status_and_an_unknown_user_an_error():
    assert stream.stream(Agent(), "kill -9 $$") == {"status": -9}
    with pytest.raises(Failed, match="no user 'nobody-here'"):
        stream.stream(Agent(), "id", user="nobody-here")


def test_a_command_of_an_app_runs_in_its_release_with_its_environment(tmp_path):
    (tmp_path / "releases/1").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1")
    (tmp_path / "env").write_text("MOOD=calm")
    app = {"name": "shop", "path": str(tmp_path), "env_file": str(tmp_path / "env")}
    agent = Agent()
    assert stream.stream(agent, "pwd; echo $MOOD", app=app) == {"status": 0}
    assert agent.text("out").decode() == f"{tmp_path}/releases/1\ncalm\n"
    (tmp_path / "current").unlink()
    with pytest.raises(Failed, match="no release of 'shop' runs on this host"):
        stream.stream(agent, "pwd", app=app)
