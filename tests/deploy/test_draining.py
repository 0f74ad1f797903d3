"""The controller's part of drains: what's asked of whom, in which order, and what failures come to."""

from types import SimpleNamespace

import pytest

from cdconf.deploy.drains import DOUBT, Drains, drains_of
from cdconf.deploy.rollout import Failure
from cdconf.engine import Outcome
from cdconf.errors import CdconfError, HostFailed, Unreachable
from cdconf.events import HostDone, HostStep, Notice
from cdconf.inventory import Drain
from cdconf.session import AgentError
from cdconf.session.session import Disconnected
from tests.called import Called
from tests.deploy.paper_hosts import PaperApp

DRAIN = Drain(group="lb", command="down", undrain="up", wait=0.0, within=30.0)
APP = PaperApp(name="shop", groups=("web",), drain=DRAIN, confirm_within=8.0, runs_on=lambda host: "web" in host.groups)
PROJECT = SimpleNamespace(groups={"lb": ("nginx",), "web": ("shop",)})


def host(name, group="web"):
    return SimpleNamespace(name=name, address=f"10.0.0.{name[-1]}", groups=(group,))


WEB = [host("web1"), host("web2")]


class Fleet:
    """Load balancers on paper; `script` says what a call gives or raises there."""

    def __init__(self, script):
        self.script = script
        self.calls = []

    def connected(self, hosts):
        return list(hosts)

    def each(self, hosts, job):
        results, errors = {}, {}
        for one in hosts:
            call = lambda name, one=one, **words: self.call(one.name, name, words)  # noqa: E731
            try:
                results[one.name] = job(Called(call, host=one))
            except CdconfError as error:
                errors[one.name] = error
        return Outcome(results, errors)

    def call(self, where, name, words):
        self.calls.append((where, name, words))
        answers = {"drain.status": {"hosts": {}, "applied": True}, "drain.end": {"ended": [], "failed": {}}}
        answer = self.script.get((where, name), answers.get(name))
        if isinstance(answer, Exception):
            raise answer
        return answer


def made(script=(), count=2, app=APP):
    fleet, events = Fleet(dict(script)), []
    balancers = [host(f"lb{number + 1}", "lb") for number in range(count)]
    return Drains(PROJECT, app, app.drain, fleet, balancers, events.append), fleet, events


def done(events):
    return {event.host: event.status for event in events if isinstance(event, HostDone)}


def test_every_host_of_the_group_drains_and_says_afterwards_that_it_still_does():
    drains, fleet, events = made()
    assert drains.begin(WEB) == {}
    asked = [(where, name) for where, name, _ in fleet.calls if name != "drain.status"]
    assert asked == [(where, name) for name in ("drain.begin", "drain.holds") for where in ("lb1", "lb2")]
    words = fleet.calls[2][2]
    assert words["hosts"] == [{"name": "web1", "address": "10.0.0.1"}, {"name": "web2", "address": "10.0.0.2"}]
    assert words["within"] == 21, "when the last host has gone back by itself"
    assert words["drain"] == {"app": "shop", "command": "down", "undrain": "up", "timeout": 30.0}
    assert drains.end(["web1"]) == {}
    drains.finish()
    assert done(events) == {"lb1": "ok", "lb2": "ok"}


def test_requests_in_flight_are_waited_for_and_that_is_said(monkeypatch):
    slept = []
    monkeypatch.setattr("cdconf.deploy.waiting.time.sleep", slept.append)
    clock = iter(range(100))
    monkeypatch.setattr("cdconf.deploy.waiting.time.monotonic", lambda: next(clock))
    app = PaperApp(**vars(APP) | {"drain": Drain("lb", "down", "up", wait=3.0, within=30.0)})
    drains, _, events = made(app=app)
    drains.begin(WEB[:1])
    said = [event.message for event in events if isinstance(event, HostStep) and event.host == "web1"]
    assert said == [f"drained, waiting for requests in flight, {left} s left" for left in (2, 1)]
    assert slept == [1.0, 1.0]


def test_one_that_does_not_drain_is_told_with_its_reason():
    bad = AgentError("the drain command for web1 failed", host="lb2", reason="failed", details={}, detail="status: 3")
    drains, fleet, events = made({("lb2", "drain.begin"): bad})
    failure = drains.begin(WEB)["web1"]
    assert failure.message.startswith("lb2 doesn't drain: the drain command for web1 failed\nstatus: 3\n")
    assert (failure.verdict, failure.unreachable) == (False, False)
    assert "drain.holds" not in [name for _, name, _ in fleet.calls]
    drains.finish()
    assert done(events) == {"lb1": "ok", "lb2": "failed"}


def test_a_silent_one_is_unreachable_and_the_hosts_it_drained_are_named():
    drains, _, events = made({("lb1", "drain.end"): Unreachable("hangs", host="lb1")})
    failures = drains.end(["web1", "web2"])
    assert {name: one.unreachable for name, one in failures.items()} == {"web1": True, "web2": True}
    drains.finish()
    assert done(events)["lb1"] == "unreachable"


def test_one_that_can_not_be_put_back_is_named_alone():
    drains, _, _ = made({("lb1", "drain.end"): {"ended": ["web2"], "failed": {"web1": "exit status: 3"}}})
    failures = drains.end(["web1", "web2"])
    assert {name: one.message for name, one in failures.items()} == {"web1": "lb1 doesn't put it back: exit status: 3"}


def test_a_balancer_that_was_never_provisioned_has_no_part_in_it():
    drains, fleet, events = made({("lb2", "drain.status"): {"hosts": {}, "applied": False}})
    drains.begin(WEB)
    assert {where for where, name, _ in fleet.calls if name == "drain.begin"} == {"lb1"}
    assert [event.message for event in events if isinstance(event, Notice)] == [
        "lb2 was never provisioned, so nothing is drained on it"
    ]


LEFT = {"hosts": {"web1": {"address": "10.0.0.1", "at": 0}, "web9": {"address": "x", "at": 0}}, "applied": True}
KNOWN = SimpleNamespace(hosts={"web1": WEB[0], "web2": WEB[1]})


def test_what_was_left_drained_is_put_back_but_for_what_is_drained_again():
    drains, fleet, _ = made({("lb1", "drain.status"): LEFT})
    assert drains.left_over == ("web1", "web9")
    drains.settle(KNOWN, but=["web1"])
    assert [words["names"] for _, name, words in fleet.calls if name == "drain.end"] == [["web9"], ["web9"]]


@pytest.mark.parametrize("name", ["web1", "web9"])
def test_what_was_left_drained_and_stays_so_ends_the_run_if_it_is_still_a_host(name):
    failed = {"ended": [], "failed": {name: "exit status: 3"}}
    drains, _, events = made({("lb1", "drain.status"): LEFT, ("lb1", "drain.end"): failed})
    if name == "web1":
        with pytest.raises(HostFailed, match="is left drained: lb1 doesn't put it back"):
            drains.settle(KNOWN)
    else:
        drains.settle(KNOWN)
        assert "web9, which the inventory doesn't know" in [e.message for e in events if isinstance(e, Notice)][-1]


def test_where_nothing_balances_load_nothing_is_drained():
    assert drains_of(PROJECT, APP, None, WEB, print) is None
    assert drains_of(PROJECT, SimpleNamespace(drain=None), None, WEB, print) is None
    one, _, _ = made(app=PaperApp(**vars(APP) | {"confirm_within": 0.0}))
    assert one._within is None


def doubted(hosts, names, kept=()):
    drains, fleet, _ = made(
        {("lb1", "drain.status"): {"hosts": {one: {"kept": {"reason": "x"}} for one in kept}, "applied": True}}, count=1
    )
    fleet.environment = SimpleNamespace(hosts={one.name: one for one in hosts})
    assert drains.doubt(names) == {}
    return [words for _, name, words in fleet.calls if name == "drain.keep"]


def test_hosts_that_are_about_to_be_changed_stay_out_of_use_should_the_run_be_killed():
    told = {"app": "shop", "reasons": {"web1": DOUBT}}
    assert doubted([*WEB, host("db1", "db")], ["web1"]) == [told]


def test_hosts_are_not_left_out_of_use_where_no_other_one_of_the_app_serves():
    assert doubted([*WEB, host("db1", "db")], ["web1", "web2"]) == []
    assert doubted(WEB, ["web1"], kept=["web2"]) == []


def test_what_can_not_be_noted_is_a_failure():
    drains, fleet, _ = made({("lb2", "drain.keep"): Unreachable("hangs", host="lb2")})
    fleet.environment = SimpleNamespace(hosts={one.name: one for one in WEB})
    assert drains.doubt(["web1"])["web1"].unreachable


def broken_once(call, again=None):
    """Drains on two load balancers, of which the second one's connection ends at a call; `again` is raised then."""
    drains, fleet, _ = made({("lb2", call): Disconnected("the connection broke", host="lb2")})
    tried = []

    def afresh(hosts, job, *, rejoin):
        tried.append(([one.name for one in hosts], rejoin))
        fleet.script = {("lb2", call): again} if again else {}
        return fleet.each(hosts, job)

    fleet.afresh = afresh
    return drains, fleet, tried


def test_a_load_balancer_whose_connection_ended_is_asked_once_more_to_put_back():
    drains, fleet, tried = broken_once("drain.end")
    assert drains.end(["web1"], proven=True) == {}
    assert tried == [(["lb2"], True)]
    assert [where for where, name, _ in fleet.calls if name == "drain.end"] == ["lb1", "lb2", "lb2"]
    drains, _, _ = broken_once("drain.end", Unreachable("refuses", host="lb2"))
    assert "lb2 doesn't put it back: the connection broke" in drains.end(["web1"])["web1"].message


def test_one_that_hangs_is_not_waited_for_again():
    drains, fleet, tried = broken_once("drain.end")
    fleet.script = {("lb2", "drain.end"): Unreachable("has answered nothing", host="lb2")}
    assert drains.end(["web1"])["web1"].unreachable
    assert tried == []


def test_what_is_kept_is_noted_over_a_new_connection_too():
    drains, _, tried = broken_once("drain.keep")
    assert drains.keep({"web1": Failure("not well", verdict=True)}) == {}
    assert tried == [(["lb2"], True)]
