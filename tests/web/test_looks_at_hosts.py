"""What hosts say themselves: asked behind pages, and silence is told with its beginning."""

import time
from pathlib import Path

from cdconf.errors import Unreachable
from cdconf.inventory.model import Host
from cdconf.web.reading import looking
from cdconf.web.reading.looking import Looks

HOST, KEY = Host("web1", ("web",)), Path("/key")


def answered(looks):
    deadline = time.monotonic() + 20
    while not (found := looks.of("production", HOST, KEY)["answer"]):
        assert time.monotonic() < deadline
    return found


def test_an_answer_counts_for_a_while():
    asked = []
    looks = Looks(lambda environment, host, key: asked.append(host.name) or {"apps": {}})
    assert looks.of("production", HOST, KEY) == {"asked": True, "answer": None}  # no page waits for a host
    assert answered(looks)["state"] == "ok"
    assert answered(looks)["silent_since"] is None
    assert asked == ["web1"]


def test_silence_has_a_beginning(monkeypatch):
    monkeypatch.setattr(looking, "LASTS", 0.0)
    asked = []

    def ask(environment, host, key):
        asked.append(time.time())
        raise Unreachable("it doesn't answer", host=host.name)

    looks = Looks(ask)
    first = answered(looks)
    assert (first["state"], first["why"]) == ("silent", "it doesn't answer")
    while len(asked) < 3:
        assert answered(looks)["silent_since"] == first["silent_since"]
    assert first["silent_since"] <= asked[0]
