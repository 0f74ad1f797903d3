"""Calls end, whatever a host sends or keeps back."""

import itertools
import threading

import pytest

from cdconf.agent import wire
from cdconf.errors import Unreachable
from cdconf.session import frames, limits
from cdconf.session.limits import limit_of
from cdconf.session.session import AgentError, Session, Unintelligible
from cdconf.session.transport import TransportSilent
from tests.session.test_session import HOST, Transport

ECHO = wire.pack({"beat": True})
APP = {"name": "shop", "services": ["shop"]}


class Echoing(Transport):
    """Answers nothing but one echo at each read."""

    def read(self, limit, timeout):
        if self.given:
            return self.given.pop(0)
        threading.Event().wait(min(timeout, 0.01))
        return ECHO


class Chatty(Transport):
    """Sends frames one after the other, of `numbered` with the call's number."""

    def read(self, limit, timeout):
        return self.given.pop(0) if self.given else next(self.end)


@pytest.mark.parametrize("event", [{}, {"evil": "x" * 1000}, {"out": "no bytes"}])
@pytest.mark.parametrize("call", ["run", "stream"])
def test_events_that_say_nothing_end_a_call_that_takes_any_number_of_them(event, call):
    endless = Chatty(itertools.repeat(wire.pack({"id": 2, "event": event})))
    session = Session(HOST, endless, b"", "demo")
    with pytest.raises(Unintelligible, match="an event of"):
        session.call(call, on_event=lambda event: None, command="journalctl", endless=True)


def test_echoes_do_not_renew_a_call_s_time(monkeypatch):
    monkeypatch.setattr(limits, "LOOK", 0.3)
    session = Session(HOST, Echoing(TransportSilent()), b"", "demo")
    session._beats = 10**6
    with pytest.raises(Unreachable, match="its agent lives, but hasn't done in 0 s what it was asked"):
        session.app_status(APP)


def test_more_echoes_than_beats_end_the_session():
    session = Session(HOST, Echoing(TransportSilent()), b"", "demo")
    with pytest.raises(Unreachable, match="goes on sending what nobody has asked for"):
        session.app_status(APP)


def test_a_byte_now_and_then_does_not_renew_the_time_of_a_frame(monkeypatch):
    monkeypatch.setattr(frames, "SILENCE", 0.3)
    session = Session(HOST, Transport(TransportSilent()), b"", "demo")
    session._transport.read = lambda limit, timeout: (threading.Event().wait(0.05), b"\0")[1]
    with pytest.raises(Unreachable):
        session.app_status(APP)


def test_a_watched_command_ends_after_a_stop_although_the_host_goes_on():
    session = Session(HOST, Echoing(TransportSilent()), b"", "demo")
    session._beats = 10**6
    threading.Timer(0.2, session.stop).start()
    with pytest.raises(AgentError) as caught:
        session.stream("journalctl -f", lambda name, chunk: None, endless=True)
    assert caught.value.reason == "stopped"


def test_events_without_end_are_more_than_a_host_has_to_say():
    event = {"type": "file", "title": "x", "status": "ok", "message": "m" * 60_000}
    transport = Chatty(itertools.repeat(wire.pack({"id": 2, "event": event})))
    session = Session(HOST, transport, b"", "demo")
    heard = []
    with pytest.raises(Unreachable, match="sends more than any host has to say"):
        session.converge({"resources": [], "handlers": {}}, check=True, on_event=heard.append)
    assert sum(len(one["message"]) for one in heard) <= limits.KEPT


def test_a_host_with_many_large_diffs_is_heard_to_the_end():
    event = {"type": "file", "title": "x", "status": "changed", "diff": "ä" * 65_000}
    answer = {"id": 2, "result": {"counts": {"changed": 2000}, "failed": False}}
    said = itertools.chain(itertools.repeat(wire.pack({"id": 2, "event": event}), 2000), [wire.pack(answer)])
    session = Session(HOST, Chatty(said), b"", "demo")
    heard = []
    result = session.converge({"resources": [], "handlers": {}}, check=True, on_event=heard.append)
    assert result["counts"] == {"changed": 2000}
    assert heard[0]["diff"] == event["diff"]
    assert heard[-1] == {**event, "diff": limits.LEFT_OUT}


def test_large_output_comes_in_events_and_is_bounded():
    chunk = b"x" * wire.CHUNK
    printed = [wire.pack({"id": 2, "event": {"out": chunk}})] * 3
    last = wire.pack({"id": 2, "result": {"status": 0, "stdout": b"", "stderr": b"e"}})
    session = Session(HOST, Chatty(iter([*printed, last])), b"", "demo")
    assert session.run("cat") == {"status": 0, "stdout": chunk * 3, "stderr": b"e"}
    session = Session(HOST, Chatty(itertools.cycle(printed)), b"", "demo")
    with pytest.raises(Unintelligible, match="of what a command printed"):
        session.run("cat")


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"[" + b"[]," * 2_000_000 + b"[]]", "more members than any may have"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id":2,"result":NaN}', "NaN in a frame is no number"),
        (b'{"id":2,"result":{"$b64":5}}', "bytes in a frame aren't a text"),
        (b'{"id":2,"result":' + b"9" * 5000 + b"}", "isn't JSON"),
        (b"\xff", "isn't JSON"),
    ],
)
def test_a_frame_is_refused_for_what_it_would_become(payload, why):
    transport = Transport(len(payload).to_bytes(4, "big") + b"J" + payload)
    with pytest.raises(Unreachable, match=why):
        Session(HOST, transport, b"", "demo").app_status(APP)


def test_each_call_has_an_end_but_those_that_are_watched():
    resources = [{"type": "file", "fields": {}}, {"type": "command", "fields": {"timeout": 9000}}]
    catalog = {"resources": resources, "handlers": {}}
    whole = limit_of("converge", {"catalog": catalog, "check": False})
    assert whole.total >= 9000 + limits.LOOK
    assert whole.between < whole.total
    assert limit_of("converge", {"catalog": catalog, "check": True}).total < whole.total
    assert limit_of("app.status", {"app": APP}).total == limits.LOOK
    assert limit_of("run", {"command": "x", "timeout": 7}).total == 7 + limits.LOOK
    assert limit_of("stream", {"command": "x", "timeout": 7}).total == 7 + limits.LOOK
    assert limit_of("stream", {"command": "x", "endless": True}).total is None
    assert limit_of("lease.give_back", {}).total == limits.GOODBYE
