"""What waivers make of a run that looks for drift."""

from datetime import UTC, date, datetime

import pytest

from cdconf.drift.findings import findings_of
from cdconf.drift.waivers import Waivers
from cdconf.drift.waiving import AFTER_WAIVED, Waiving
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE
from cdconf.events import Collector, HostDone, NotAttempted, Notice, ResourceDone
from cdconf.inventory.waivers import Waiver

HOSTS = {"web": {"web1", "web2"}, "web1": {"web1"}, "gone": set()}
LAST = date(2027, 1, 31)


def waiver(host="web1", kind="file", title="/etc/motd", until=LAST, **about):
    return Waiver(host, kind, title, until, "it moves", file="waivers.yml", line=3, **about)


class Run:
    """A run with these waivers, on a day."""

    def __init__(self, *waivers, day=LAST, hour=23, whole=True):
        self.collector, self.events = Collector(), []
        at = datetime(day.year, day.month, day.day, hour, 59, tzinfo=UTC).timestamp()
        self.emit = Waiving(Waivers(waivers, HOSTS), self._heard, lambda: at, whole=whole)

    def _heard(self, event):
        self.events.append(event)
        self.collector(event)

    def found(self, host="web1", kind="file", title="/etc/motd", status="would_change", **about):
        cause = None if (about.get("message") or "").startswith("notified") else "by_hand"
        self.emit(ResourceDone(host, kind, title, status, cause=cause, **about))
        return self.events[-1]

    def findings(self):
        return findings_of(one for host in self.collector.hosts.values() for one in host.resources)

    def done(self, *hosts, status="changed"):
        for host in hosts:
            self.emit(HostDone(host, status))

    def said(self):
        before = len(self.events)
        told = self.emit.tell()
        return told, [one.message for one in self.events[before:] if isinstance(one, Notice)]


def test_a_finding_that_is_waived_is_no_difference():
    run = Run(waiver())
    shown = run.found(by_hand=True)
    run.done("web1")
    assert (shown.waived, shown.waived_until, shown.status) == ("it moves", "2027-01-31", "would_change")
    assert run.emit.exit_code(DIFFERENT) == OK
    result = run.collector.hosts["web1"]
    assert (result.status, result.changed, result.waived) == ("ok", 0, 1)
    assert [(one.waived, one.cause) for one in run.findings()] == [("it moves", "by_hand")]
    assert run.said() == ({"waived": 1, "expired": [], "unsure": [], "unused": []}, [])


@pytest.mark.parametrize("code", [FAILED, UNREACHABLE])
def test_it_hides_no_failure(code):
    run = Run(waiver())
    run.found()
    assert run.emit.exit_code(code) == code


@pytest.mark.parametrize(
    "other",
    [{"title": "/etc/hosts"}, {"kind": "directory"}, {"host": "web2"}, {"title": "/etc/x", "status": "orphaned"}],
)
def test_all_else_is_a_difference_as_ever(other):
    run = Run(waiver())
    run.found()
    assert run.found(**other).waived is None
    assert run.emit.exit_code(DIFFERENT) == DIFFERENT


def test_it_holds_on_each_host_that_its_pattern_names():
    run = Run(waiver("web"))
    assert run.found(host="web2").waived == "it moves"


def test_an_orphan_is_named_by_what_it_was():
    run = Run(waiver(kind="orphan", title="file /etc/motd"), waiver(kind="package", title="nginx"))
    assert run.found(status="orphaned").waived == "it moves"
    assert run.found(kind="package", title="nginx", status="orphaned").waived is None
    assert run.findings()[0].identity == ("web1", "orphan", "file /etc/motd")


def test_one_that_ended_is_named_and_its_finding_is_back():
    run = Run(waiver(), day=date(2027, 2, 1), hour=0)
    assert run.found().waived is None
    run.done("web1")
    told, said = run.said()
    assert run.emit.exit_code(DIFFERENT) == DIFFERENT
    assert run.collector.hosts["web1"].status == "changed"
    assert [one["title"] for one in told["expired"]] == ["/etc/motd"]
    assert told["unused"] == []
    assert said == ["web1: file /etc/motd: its waiver ended on 2027-01-31 (waivers.yml:3; it moves)"]


def test_one_that_goes_on_wins_over_one_that_ended():
    run = Run(waiver("web", until=date(2026, 1, 1)), waiver())
    assert run.found().waived == "it moves"


def test_what_cant_be_told_is_waived_only_by_one_that_says_so():
    run = Run(waiver(), waiver(title="/etc/hosts", unknown=True))
    assert run.found(status="unknown").waived is None
    assert run.found(title="/etc/hosts", status="unknown").waived == "it moves"
    told, said = run.said()
    assert run.emit.exit_code(DIFFERENT) == DIFFERENT
    assert [one["title"] for one in told["unsure"]] == ["/etc/motd"]
    assert "its waiver doesn't cover what's unknown; `unknown: true` in it does" in said[0]


def test_what_failed_is_never_waived():
    run = Run(waiver(unknown=True))
    assert run.found(status="failed", message="can't be read").waived is None
    assert run.said()[0]["unused"] == []


def test_a_handler_follows_what_makes_it_due():
    notified = {"kind": "handler", "title": "restart", "message": "notified; runs at the end"}
    run = Run(waiver())
    run.found()
    assert run.found(**notified).waived == AFTER_WAIVED
    run.found(title="/etc/hosts")
    assert run.found(**notified).waived is None
    assert [one.title for one in run.findings()] == ["/etc/motd", "/etc/hosts"]


def test_a_handler_that_an_earlier_run_left_is_a_finding():
    run = Run(waiver())
    run.found()
    pending = run.found(kind="handler", title="restart", message="pending since an earlier run; runs at the end")
    assert pending.waived is None
    assert run.emit.exit_code(DIFFERENT) == DIFFERENT


def test_one_that_nothing_needs_is_told():
    run = Run(waiver("web"), waiver("gone"), waiver("web1", title="/x", until=date(2026, 1, 1)))
    run.found(host="web1", status="ok")
    run.done("web1", "web2", status="ok")
    told, said = run.said()
    assert [(one["host"], one["title"]) for one in told["unused"]] == [
        ("web", "/etc/motd"),
        ("gone", "/etc/motd"),
        ("web1", "/x"),
    ]
    assert said[0] == "the waiver of file /etc/motd on 'web' isn't needed any more: remove it (waivers.yml:3; it moves)"
    assert "ended on 2026-01-01, and isn't needed any more" in said[2]
    assert run.emit.exit_code(OK) == OK


@pytest.mark.parametrize(
    "gap", [HostDone("web2", "unreachable"), HostDone("web2", "failed"), NotAttempted("web2", (), True),
            ResourceDone("web2", "file", "/x", "failed")]
)  # fmt: skip
def test_nothing_is_said_of_one_whose_hosts_werent_looked_at(gap):
    run = Run(waiver("web"))
    run.done("web1", "web2", status="ok")
    run.emit(gap)
    assert run.said()[0]["unused"] == []
    partial = Run(waiver("web"), whole=False)
    partial.done("web1", "web2", status="ok")
    assert partial.said()[0]["unused"] == []
