"""What hosts say themselves: asked behind pages, and silence is told with its beginning."""

import time
from pathlib import Path

from cdconf.errors import NotStarted, Unreachable
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
    looks = Looks(lambda environment, host, key, before: asked.append(host.name) or {"apps": {}})
    assert looks.of("production", HOST, KEY) == {"asked": True, "answer": None}  # no page waits for a host
    assert answered(looks)["state"] == "ok"
    assert answered(looks)["since"] is None
    assert asked == ["web1"]


def test_silence_has_a_beginning(monkeypatch):
    monkeypatch.setattr(looking, "LASTS", 0.0)
    asked = []

    def ask(environment, host, key, before):
        asked.append(time.time())
        raise Unreachable("it doesn't answer", host=host.name)

    looks = Looks(ask)
    first = answered(looks)
    assert (first["state"], first["why"]) == ("silent", "it doesn't answer")
    while len(asked) < 3:
        assert answered(looks)["since"] == first["since"]
    assert first["since"] <= asked[0]


def test_a_host_is_asked_again_while_its_page_is_open(monkeypatch):
    asked = []
    looks = Looks(lambda environment, host, key, before: asked.append(before) or {"number": len(asked)})
    answered(looks)
    monkeypatch.setattr(looking, "LASTS", 0.05)
    monkeypatch.setattr(looking, "OPEN", 1000)
    deadline = time.monotonic() + 20
    while len(asked) < 2:
        assert time.monotonic() < deadline
        looks.go_on()
        time.sleep(0.01)
    assert asked[:2] == [{}, {"number": 1}]  # it gets what was said last
    monkeypatch.setattr(looking, "OPEN", 0)  # nobody has looked for long
    looks.go_on()
    monkeypatch.setattr(looking, "OPEN", 1000)
    time.sleep(0.2)
    count = len(asked)
    looks.go_on()
    time.sleep(0.2)
    assert len(asked) == count


def test_a_host_that_answers_wrongly_is_not_silent():
    def ask(environment, host, key, before):
        raise NotStarted("this cdconf doesn't understand it")

    found = answered(Looks(ask))
    assert (found["state"], found["why"]) == ("unknown", "this cdconf doesn't understand it")
