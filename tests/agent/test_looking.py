"""The agent of the look-only key: what it serves, and all that it refuses."""

import contextlib
import json
import socket
import struct
import threading
import zlib

import pytest

from cdconf.agent import wire
from cdconf.agent.errors import Failed
from cdconf.agent.protocol import calls, look_only

APP = {"name": "shop", "path": "/srv/shop", "services": ["shop"], "user": "shop"}
TOGGLES = {"path": "/etc/shop/toggles.json", "values": {}, "reload": None}
ALLOWED = {"project": "demo", "apps": [{**APP, "toggles": TOGGLES}]}
EVERY = [
    *calls.CALLS,
    *(f"{area}.{verb}" for area, verbs in calls.LATER.items() for verb in verbs),
]
SERVED = {"open", "facts", "app.status", "app.changes", "toggles.look", "drift.applied", "drift.note"}


class Thief:
    """Somebody who has the key."""

    def __init__(self, stream):
        self.stream = stream
        self.received = stream.makefile("rb")

    def send(self, *messages):
        self.stream.sendall(b"".join(one if isinstance(one, bytes) else wire.pack(one) for one in messages))

    def answer(self):
        return wire.read(self.received.read)


@pytest.fixture
def served(monkeypatch):
    """What the agent came to call."""
    found = []

    def call(agent, name, arguments):
        found.append((name, arguments))
        return {}

    monkeypatch.setattr(calls, "call", call)
    return found


@pytest.fixture
def thief():
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    source, sink = theirs.makefile("rb"), theirs.makefile("wb")
    agent = look_only.Looking(source, sink, ALLOWED)
    thread = threading.Thread(target=agent.serve, daemon=True)
    thread.start()
    one = Thief(ours)
    one.thread, one.end = thread, theirs
    yield one
    ours.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    with contextlib.suppress(OSError):  # what it had to say last
        sink.close()
    for stream in (one.received, ours, source, theirs):
        stream.close()
    assert not thread.is_alive()


@pytest.mark.parametrize("name", sorted({*EVERY, "", "exec", "__init__", "converge ", "OPEN", "look.put"} - SERVED))
def test_every_other_call_is_refused(thief, served, name):
    thief.send({"id": 1, "call": name, "args": {"command": "id", "project": "demo"}})
    error = thief.answer()["error"]
    assert (error["kind"], error["details"]) == ("look_only", {})
    assert served == []


def test_nothing_that_changes_a_host_is_among_what_is_served():
    assert set(look_only.CALLS) == SERVED


def test_a_second_frame_in_one_write_is_refused_like_the_first(thief, served):
    thief.send(
        {"id": 1, "call": "facts", "args": {"groups": ["os"]}}, {"id": 2, "call": "run", "args": {"command": "id"}}
    )
    assert thief.answer() == {"id": 1, "result": {}}
    assert thief.answer()["error"]["kind"] == "look_only"
    assert served == [("facts", {"groups": ["os"]})]


def test_what_the_caller_says_of_project_and_apps_is_thrown_away(thief, served):
    evil = {**APP, "path": "/root", "services": ["ssh"], "toggles": {"path": "/etc/shadow"}, "name": "shop"}
    thief.send({"id": 1, "call": "open", "args": {"project": "../other", "facts": ["os"], "ends_leases": True}})
    thief.send({"id": 2, "call": "app.status", "args": {"app": evil}})
    thief.send({"id": 3, "call": "toggles.look", "args": {"app": evil, "more": 1}})
    thief.send({"id": 4, "call": "drift.applied", "args": {"catalog": {}, "store": "/"}})
    assert [thief.answer()["id"] for _ in range(4)] == [1, 2, 3, 4]
    own = ALLOWED["apps"][0]
    wanted = [
        ("open", {"project": "demo", "facts": ["os"]}),
        ("app.status", {"app": own}),
        ("toggles.look", {"app": own}),
    ]
    assert served == [*wanted, ("drift.applied", {})]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("app.status", {}),
        ("app.status", {"app": "shop"}),
        ("app.status", {"app": {"name": "other"}}),
        ("app.status", {"app": {"name": ["shop"]}}),
        ("facts", {"groups": "os"}),
        ("facts", {"groups": [1]}),
        ("open", {"facts": {"os": 1}}),
        ("drift.note", {"kind": "file", "title": "/etc/passwd", "there": True}),
        ("drift.note", {"kind": "release", "title": "other", "there": True}),
        ("drift.note", {"kind": ["release"], "title": "shop"}),
        ("drift.note", {}),
    ],
)
def test_arguments_of_another_shape_are_refused(thief, served, name, arguments):
    thief.send({"id": 1, "call": name, "args": arguments})
    assert thief.answer()["error"]["kind"] == "look_only"
    assert served == []


def test_only_known_findings_are_remembered():
    for kind, title in (("release", "shop"), ("toggles", "/etc/shop/toggles.json")):
        given = {"kind": kind, "title": title, "there": True, "store": 1}
        assert look_only.arguments_of("drift.note", given, ALLOWED) == {"kind": kind, "title": title, "there": True}


@pytest.mark.parametrize("call", [["run"], None, 1, {}])
@pytest.mark.parametrize("arguments", [None, [], "x", 3])
def test_what_is_no_call_is_refused(thief, served, call, arguments):
    thief.send({"id": 1, "call": call, "args": arguments})
    assert thief.answer()["error"]["kind"] == "look_only"
    assert served == []


RUN = json.dumps({"id": 1, "call": "open", "args": {}}).encode()


@pytest.mark.parametrize(
    "data",
    [
        wire.pack(b"an agent's first bytes"),
        struct.pack(">IB", len(zlib.compress(RUN)), ord("Z")) + zlib.compress(RUN),
        struct.pack(">IB", 63 * 1024 * 1024, ord("J")),
        struct.pack(">IB", look_only.LONGEST + 1, ord("J")) + b" " * (look_only.LONGEST + 1),
        struct.pack(">IB", 50_000, ord("J")) + b"[" * 50_000,
        wire.pack(None),
        b"5.abcde",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_no_small_frame_of_json_ends_the_session(thief, served, data):
    thief.send(data)
    thief.thread.join(10)
    assert not thief.thread.is_alive()
    assert served == []


@pytest.mark.parametrize("message", [[], "x", 1, {"call": "run"}, {"id": 1}, [{"id": 1, "call": "run"}]])
def test_what_is_no_request_is_not_served(thief, served, message):
    thief.send(message, {"id": 7, "call": "drift.applied"})
    assert thief.answer()["id"] == 7
    assert served == [("drift.applied", {})]


def test_beats_are_answered_and_renew_nothing(thief):
    thief.send({"beat": True})
    assert thief.answer() == {"beat": True}


def test_the_key_lists_no_directory():
    with pytest.raises(Failed, match="may not look for paths"):
        look_only.arguments_of("facts", {"groups": ["os", "paths:/root/*"]}, ALLOWED)
    with pytest.raises(Failed, match="may not look for paths"):
        look_only.arguments_of("open", {"project": "p", "facts": ["paths:/root/*"]}, ALLOWED)
    assert look_only.arguments_of("facts", {"groups": ["os"]}, ALLOWED) == {"groups": ["os"]}


def test_a_refusal_says_what_the_key_is_for():
    with pytest.raises(Failed, match="may look at the host, and do nothing else: 'run'"):
        look_only.arguments_of("run", {}, ALLOWED)
