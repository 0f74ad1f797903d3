"""How many hosts of an app may be out of use at once."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.deploy.rollout import Failure
from cdconf.deploy.unavailable import Room, exceeds, most
from cdconf.engine import Outcome
from cdconf.errors import Unreachable
from cdconf.inventory import Health, Shared
from cdconf.session import AgentError
from tests.called import Called
from tests.deploy.paper_hosts import PaperApp


@pytest.mark.parametrize(
    ("limit", "count", "allowed"),
    [("1", 4, 1), ("25%", 4, 1), ("25%", 10, 2), ("50%", 3, 1), ("10%", 4, 1), ("100%", 4, 4), ("3", 2, 3)],
)
def test_a_percentage_is_rounded_down_but_leaves_room_for_one(limit, count, allowed):
    assert most(limit, count) == allowed
    assert most(None, count) is None


def test_hosts_that_are_out_of_use_already_count():
    assert not exceeds(["a"], {}, 1)
    assert exceeds(["a"], {"b": "dead"}, 1)
    assert not exceeds(["a"], {"b": "dead"}, 2)
    assert exceeds(["a", "b"], {"b": "dead", "c": "dead"}, 2)
    assert not exceeds(["a", "b"], {"b": "dead"}, 2), "one that's dead itself isn't counted twice"
    assert not exceeds(["a"], {"a": "dead", "b": "dead", "c": "dead"}, 1), "a host that's dead may be healed"


names = st.sets(st.sampled_from("abcdef"), min_size=1)


@given(names, st.sets(st.sampled_from("abcdef")), st.integers(1, 6))
def test_a_batch_that_takes_a_serving_host_never_leaves_too_few(batch, unwell, limit):
    allowed = not exceeds(sorted(batch), dict.fromkeys(unwell, "x"), limit)
    assert allowed == (batch <= unwell or len(batch | unwell) <= limit)


class Fleet:
    """Hosts as they're told to be: `linked`, `problem` and a health check's error, or an error of the session."""

    def __init__(self, states):
        self.states = states
        self.sessions = {name: state for name, state in states.items() if state != "gone"}

    def connected(self, hosts):
        return list(hosts)

    def each(self, hosts, job):
        results, errors = {}, {}
        for host in hosts:
            state = self.states[host.name]
            try:
                if state != "gone":
                    session = Called(lambda name, state=state, **_: self.call(name, state), host=host)
                    results[host.name] = job(session)
            except Unreachable as error:
                errors[host.name] = error
        return Outcome(results, errors)

    def call(self, name, state):
        if state == "silent":
            raise Unreachable("has answered nothing for 25 s")
        if name == "app.status":
            return {"linked": None if state == "new" else "1", "problem": "is failed" if state == "failed" else None}
        if state == "unwell":
            message = "not healthy: http://127.0.0.1/ answered 503, expected 2xx"
            raise AgentError(message, host="x", reason="release", details={}, detail=None)
        return {"waited_s": 0}


APP = PaperApp(
    name="shop",
    path="/srv/shop",
    services=(),
    confirm_within=8.0,
    user=None,
    keep=5,
    shared=Shared(),
    max_unavailable="1",
    health=Health(http="http://x"),
    stops=(),
    prepare=(),
    known={"name": "shop", "path": "/srv/shop", "services": []},
)


def room(**states):
    hosts = [SimpleNamespace(name=name) for name in states]
    return Room(APP, Fleet(states), hosts, lambda event: None), hosts


def test_hosts_that_do_not_serve_go_first_and_do_not_hold_up_what_heals_them():
    one, hosts = room(a="well", b="unwell", c="well", d="new")
    assert [host.name for host in one.first_the_unwell(hosts)] == ["b", "d", "a", "c"]
    assert one.refusal(["b"]) == {}
    assert list(one.refusal(["a"])) == ["a"]


@pytest.mark.parametrize("state", ["unwell", "failed", "gone", "new"])
def test_a_batch_is_refused_with_the_numbers_and_the_reasons(state):
    one, _ = room(a="well", b=state, c="well", d="well")
    failure = one.refusal(["a"])["a"]
    why = {
        "unwell": "answered 503, expected 2xx",
        "failed": "is failed",
        "gone": "not connected",
        "new": "no release",
    }[state]
    assert "2 of 4 hosts of 'shop' would be out of use, and max_unavailable allows 1" in failure.message
    assert f"b ({'not healthy: http://127.0.0.1/ ' if state == 'unwell' else ''}{why}" in failure.message
    assert not failure.verdict


def test_a_host_that_fell_silent_keeps_every_batch_though_there_would_be_room():
    one, _ = room(a="well", b="silent", c="well")
    one.limit = 3
    assert one.refusal(["a"]) == {"b": Failure("has answered nothing for 25 s", verdict=False, unreachable=True)}


def test_all_well_there_is_room():
    one, _ = room(a="well", b="well")
    assert one.refusal(["a"]) == {}
    assert one.limit == 1
