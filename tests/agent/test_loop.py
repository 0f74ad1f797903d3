"""The agent's loop at the other end of a socket: uploads that are stopped, and that are faster than the disk."""

import io
import socket
import threading
import time

import pytest

from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import calls, loop


class Controller:
    def __init__(self, stream):
        self.stream = stream

    def send(self, *messages):
        for message in messages:
            self.stream.sendall(wire.pack(message))

    def answer(self):
        received = self.stream.makefile("rb")
        return wire.read(received.read)


@pytest.fixture
def controller(monkeypatch):
    """A controller whose agent knows two calls: `take` receives three frames, `wait` works until `go` is set."""
    go = threading.Event()

    def take(agent):
        return b"".join(agent.receive() for _ in range(3))

    monkeypatch.setattr(calls, "CALLS", {"take": take, "wait": lambda agent: go.wait(10)})
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    agent = loop.Agent(theirs.makefile("rb"), theirs.makefile("wb"))
    thread = threading.Thread(target=agent.serve, daemon=True)
    thread.start()
    one = Controller(ours)
    one.agent, one.go, one.thread = agent, go, thread
    yield one
    go.set()
    ours.close()
    thread.join(5)
    theirs.close()
    assert not thread.is_alive()


def test_a_stop_ends_an_upload_whose_rest_will_never_come(controller):
    controller.send({"id": 1, "call": "take"}, b"x", {"stop": True})
    assert controller.answer()["error"]["kind"] == "stopped"
    controller.send(b"late", {"resume": True}, {"id": 2, "call": "take"}, b"a", b"b", b"c")
    assert controller.answer() == {"id": 2, "result": b"abc"}


def test_an_agent_that_was_stopped_ends_when_its_controller_goes(controller):
    controller.send({"stop": True}, {"id": 1, "call": "take"})
    controller.stream.shutdown(socket.SHUT_WR)
    assert controller.answer()["error"]["kind"] == "stopped"
    controller.thread.join(5)
    assert not controller.thread.is_alive()


def test_an_upload_that_nobody_takes_does_not_fill_the_memory(controller):
    controller.send({"id": 1, "call": "wait"})
    sender = threading.Thread(target=controller.send, args=[b"x" * 10_000] * 300)
    sender.start()
    time.sleep(0.3)
    assert len(controller.agent.requests._frames) == loop.RAW_FRAMES
    controller.go.set()
    assert controller.answer() == {"id": 1, "result": True}
    sender.join(5)
    controller.send({"id": 2, "call": "wait"})
    assert controller.answer() == {"id": 2, "result": True}


class Broken:
    """The stderr of an agent whose connection is gone."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_upload_that_is_cut_off_in_mid_frame_ends_the_agent_even_when_it_can_not_say_so(controller, monkeypatch):
    monkeypatch.setattr(loop.sys, "stderr", Broken())
    controller.send({"id": 1, "call": "take"}, b"x")
    controller.stream.sendall(wire.pack(b"y" * 1000)[:100])
    controller.stream.shutdown(socket.SHUT_WR)
    assert controller.answer()["error"]["kind"] == "stopped"
    controller.thread.join(5)
    assert not controller.thread.is_alive()


def test_a_session_whose_lease_ran_out_says_so_and_not_that_its_controller_is_gone():
    """A host that was paused finds both; that the lease is lost is the same to the controller as silence."""
    agent = loop.Agent(io.BytesIO(), io.BytesIO())
    agent.gone, agent.lost = True, Failed("this run's lease on the host has run out", kind="lease_lost")
    with pytest.raises(Failed, match="has run out") as caught:
        agent.proceed()
    assert caught.value.kind == "lease_lost"
