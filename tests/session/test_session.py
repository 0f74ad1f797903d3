"""The controller's end of a session, against an agent that answers, falls silent, or goes away."""

import io
import threading
import time
from types import SimpleNamespace

import pytest

from cdconf.agent import wire
from cdconf.errors import Unreachable
from cdconf.session.session import Disconnected, Session
from cdconf.session.transport import TransportClosed, TransportSilent

HOST = SimpleNamespace(name="web1")
OPENED = wire.pack({"id": 1, "result": {"facts": {}, "identity": None, "lease": None}})


class Transport:
    """Gives prepared bytes, then `end`: silence, an error, or the end of the stream."""

    def __init__(self, end):
        self.end = end
        self.given = [OPENED]
        self.waits = 0

    def write(self, data):
        pass

    def read(self, limit, timeout):
        if self.given:
            return self.given.pop(0)
        self.waits += 1
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    def last_words(self):
        return "killed"

    def close(self):
        pass


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (TransportSilent(), "has answered nothing for 25 s"),
        (TransportClosed("reset"), "the connection broke in mid-run: reset"),
        (b"", "the connection broke in mid-run: killed"),
        (b"Segmentation fault\n", "the connection broke in mid-run: this isn't a frame"),
    ],
)
def test_a_session_that_broke_is_never_waited_for_again(end, message):
    transport = Transport(end)
    session = Session(HOST, transport, b"", "demo")
    for _ in range(3):
        with pytest.raises(Unreachable, match=message) as caught:
            session.call("app.status", app={})
        assert isinstance(caught.value, Disconnected) is not isinstance(end, TransportSilent)
    assert transport.waits == 1
    session.beat()
    session.stop()
    session.resume()


@pytest.mark.parametrize(("words", "message"), [("", "Connection reset by peer"), ("it's lost", "it's lost")])
def test_a_send_that_fails_breaks_it_too_and_says_what_the_host_said_last(words, message):
    transport = Transport(TransportSilent())
    transport.last_words = lambda: words
    session = Session(HOST, transport, b"", "demo")

    def gone(data):
        raise TransportClosed("Connection reset by peer")

    transport.write = gone
    session.beat()
    with pytest.raises(Unreachable, match=message):
        session.call("app.status", app={})
    assert transport.waits == 0


def test_a_beat_never_comes_in_the_middle_of_a_frame():
    transport = Transport(wire.pack({"id": 2, "result": {}}))
    session = Session(HOST, transport, b"", "demo")
    written = []

    def write_in_pieces(data):
        for byte in data:
            written.append(bytes([byte]))
            if len(written) == 40:
                beat.start()
            time.sleep(0.001)

    transport.write = write_in_pieces
    beat = threading.Thread(target=session.beat)
    assert session.call("app.stage", raw=[b"x" * 50]) is None
    beat.join(10)
    stream = io.BytesIO(b"".join(written))
    frames = list(iter(lambda: wire.read(stream.read), None))
    assert len(frames) == 3
    assert all(frame in frames for frame in ({"id": 2, "call": "app.stage", "args": {}}, b"x" * 50, {"beat": True}))


def test_a_stop_ends_an_upload():
    transport = Transport(wire.pack({"id": 2, "result": {}}))
    session = Session(HOST, transport, b"", "demo")
    sent = []

    def chunks():
        for number in range(5):
            if number == 2:
                session.stop()
            sent.append(number)
            yield b"x"

    assert session.call("app.stage", raw=chunks()) is None
    assert sent == [0, 1, 2]
    session.resume()
    transport.end = wire.pack({"id": 3, "result": {}})
    assert session.call("app.stage", raw=iter([b"x"])) is None
