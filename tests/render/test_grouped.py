"""Above 20 hosts, what's equal is told once, with its hosts; nothing that was said is lost."""

import itertools
import random
import re

import pytest

from cdconf.events import (
    HostDone,
    HostResult,
    NotAttempted,
    Notice,
    ResourceDone,
    RunResult,
    RunStarted,
    SmokeDone,
    Step,
)
from cdconf.render.grouped import ABOVE, Grouped, recap_rows
from cdconf.render.host_names import listed_in_short, named
from cdconf.render.renderer import Style
from cdconf.render.words import line_of, recap

HUNDRED = tuple(f"web{number}" for number in range(1, 101))


def told(events, style=None, hosts=HUNDRED):
    grouped = Grouped(style or Style())
    started = RunStarted("provision", "dev", hosts)
    return [line for event in (started, *events) for line in grouped.lines(event)] + grouped.rest()


def motd(host, status="changed", **more):
    return ResourceDone(host, "file", "/etc/motd", status, **more)


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (HUNDRED, "all 100 hosts"),
        (HUNDRED[:1], "web1"),
        (HUNDRED[:3], "web1, web2, web3"),
        (HUNDRED[:98], "98 of 100 hosts (all but web99, web100)"),
        (HUNDRED[10:70], "60 of 100 hosts (web11 to web70)"),
        ((*HUNDRED[:5], HUNDRED[8]), "6 of 100 hosts (web1 to web5, web9)"),
        (HUNDRED[::10], "10 of 100 hosts (web1, web11, web21, web31, web41, web51 and 4 more hosts, which -v names)"),
    ],
)
def test_hosts_in_a_few_words(hosts, words):
    assert named(hosts, HUNDRED) == words


def test_numbers_count_on_only_where_the_rest_of_the_name_is_equal():
    assert listed_in_short(["db08", "db09", "db10", "db11"]) == "db08 to db11"
    assert listed_in_short(["db8", "db9", "db10"]) == "db8 to db10"
    assert listed_in_short(["db09", "db010", "db011"]) == "db09, db010, db011"
    assert listed_in_short(["a1.x", "a2.x", "a3.y"]) == "a1.x, a2.x, a3.y"
    assert listed_in_short(["web", "db", "lb"]) == "web, db, lb"
    assert listed_in_short(["x2y1", "x2y2", "x2y3", "x3y4"]) == "x2y1 to x2y3, x3y4"


def test_twenty_hosts_have_a_line_each():
    hosts = HUNDRED[:ABOVE]
    events = [motd(name) for name in hosts]
    assert told(events, hosts=hosts) == [line_of(one, Style()) for one in events]


def test_an_equal_change_is_one_line():
    assert told([motd(name) for name in HUNDRED]) == ["~ all 100 hosts: file /etc/motd: changed"]
    assert told([motd(name) for name in HUNDRED[:60]]) == ["~ 60 of 100 hosts (web1 to web60): file /etc/motd: changed"]


def test_what_differs_stays_apart():
    events = [motd(name, diff=f"-a\n+{int(name[3:]) % 2}\n") for name in HUNDRED]
    assert len(told(events)) == 1
    lines = told(events, Style(diff=True))
    assert [line.splitlines()[1:] for line in lines] == [["    -a", "    +1"], ["    -a", "    +0"]]
    assert all(line.startswith("~ 50 of 100 hosts (") for line in lines)


def test_a_change_with_each_hosts_own_name_in_it_is_one_change():
    events = [motd(name, diff=f"+name={name}.example\n+{name}0\n") for name in reversed(HUNDRED[:60])]
    assert told(events, Style(diff=True)) == [
        "~ web60: file /etc/motd: changed\n    +name=web60.example\n    +web600",
        *(f"~ web{n}: file /etc/motd: changed\n    +name=web{n}.example\n    +web{n}0" for n in range(59, 0, -1)),
    ]
    events = [motd(name, diff=f"+name={name}.example\n") for name in reversed(HUNDRED[:60])]
    assert told(events, Style(diff=True)) == [
        "~ 60 of 100 hosts (web1 to web60): file /etc/motd: changed\n    +name=web60.example\n"
        "    (as on web60; the others have their own names there)"
    ]


def test_all_have_said_it_before_the_next_step_begins():
    events = [*(motd(name) for name in HUNDRED[:50]), Step("db"), *(motd(name) for name in HUNDRED[50:])]
    assert told(events) == [
        "~ 50 of 100 hosts (web1 to web50): file /etc/motd: changed",
        "==> db",
        "~ 50 of 100 hosts (web51 to web100): file /etc/motd: changed",
    ]


def test_a_step_names_many_hosts_in_short_and_a_notice_stays_as_it_is():
    assert told([Step(f"web: {', '.join(HUNDRED)}")]) == ["==> web: all 100 hosts"]
    assert told([Step("batch 1 of 3: activate: web1, web2")]) == ["==> batch 1 of 3: activate: web1, web2"]
    assert told([Notice(", ".join(HUNDRED))]) == [", ".join(HUNDRED)]


def test_a_failure_is_told_when_it_happens_and_its_likes_once_later():
    grouped = Grouped(Style())
    grouped.lines(RunStarted("provision", "dev", HUNDRED))
    failed = [motd(name, "failed", source="roles/base/role.yml:3", message="no space\nleft") for name in HUNDRED[:9]]
    assert grouped.lines(failed[0]) == [line_of(failed[0], Style())]
    assert [line for one in failed[1:] for line in grouped.lines(one)] == []
    assert grouped.rest() == ["! 8 more hosts (web2 to web9): file /etc/motd: failed, as on web1"]
    assert grouped.rest() == []


def test_unreachable_hosts_are_alike_though_each_has_its_own_address():
    events = [HostDone(f"web{n}", "unreachable", f"web{n} (10.0.0.{n}:22): connection refused") for n in range(1, 41)]
    assert told(events) == [
        "! web1: unreachable: web1 (10.0.0.1:22): connection refused",
        "! 39 more hosts (web2 to web40): unreachable, as on web1",
    ]
    other = HostDone("web41", "unreachable", "web41 (10.0.0.41:22): the host key is unknown")
    assert line_of(other, Style()) in told([*events, other])


def test_a_smoke_test_that_failed_and_what_was_not_attempted():
    left = (("file", "/etc/a", None),)
    events = [SmokeDone(name, "web: t.py::test_x", False, "assert 1 == 2") for name in HUNDRED]
    events += [NotAttempted(name, left) for name in HUNDRED[:30]]
    assert told(events) == [
        "! web1: smoke web: t.py::test_x: failed\n    assert 1 == 2",
        "! 99 more hosts (web2 to web100): smoke web: t.py::test_x: failed, as on web1",
        "- 30 of 100 hosts (web1 to web30): not attempted (1): file /etc/a",
    ]


def test_what_one_host_says_twice_is_told_twice():
    events = [motd(name) for name in HUNDRED[:30]] + [motd("web1")]
    assert told(events) == [
        "~ 30 of 100 hosts (web1 to web30): file /etc/motd: changed",
        "~ web1: file /etc/motd: changed",
    ]


def test_drift_is_alike_whenever_and_by_whom_it_was_made():
    events = [
        motd(
            name,
            "would_change",
            by_hand=True,
            first_seen=1_000_000 + 60 * place,
            evidence=("root logged in at 12:00", *(["ann used sudo"] if place < 2 else [])),
        )
        for place, name in enumerate(HUNDRED)
    ]
    assert told(events) == [
        "~ all 100 hosts: file /etc/motd: would change (changed by hand)\n"
        "    first seen: 1970-01-12 13:46 UTC to 1970-01-12 15:25 UTC\n"
        "    evidence: root logged in at 12:00\n"
        "    evidence (web1, web2): ann used sudo"
    ]


def test_a_name_cannot_bring_a_line_of_its_own():
    hosts = (*HUNDRED, "x\x1b[2K")
    assert told([motd("x\x1b[2K"), motd("web1")], hosts=hosts) == ["~ web1, x\\x1b[2K: file /etc/motd: changed"]


def test_every_change_of_every_host_is_in_the_lines():
    """Whatever comes in whatever order: each line's hosts are those that have said so."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    events = [motd(name, diff=f"{dice.randrange(3)}\n") for name in HUNDRED if dice.random() < 0.7]
    dice.shuffle(events)
    lines = told(events, Style(diff=True, verbose=True))
    said = {}
    for line in lines:
        who, diff = re.fullmatch(r"~ (.*): file /etc/motd: changed\n    (\d)", line).groups()
        listed = re.sub(r"^\d+ of 100 hosts \((.*)\)$", r"\1", who).split(", ")
        for part in listed:
            first, _, last = part.partition(" to ")
            for number in range(int(first[3:]), int((last or first)[3:]) + 1):
                assert f"web{number}" not in said, seed
                said[f"web{number}"] = f"{diff}\n"
    assert said == {one.host: one.diff for one in events}, seed


def test_the_recap_has_a_line_for_hosts_that_came_to_the_same():
    hosts = {name: HostResult("ok", ok=26) for name in HUNDRED}
    hosts["web7"] = HostResult("failed", ok=3, failed=1)
    hosts["web9"] = HostResult("unreachable")
    result = RunResult("provision", "dev", hosts)
    assert [line for line, _ in recap_rows(result, Style())] == [
        "98 of 100 hosts  ok=26 changed=0 failed=0  (all but web7, web9)",
        "web7             ok=3 changed=0 failed=1",
        "web9             ok=0 changed=0 failed=0 unreachable",
    ]
    assert [host.status for _, host in recap_rows(result, Style())] == ["ok", "failed", "unreachable"]
    assert [line for line, _ in recap_rows(result, Style(verbose=True))] == recap(result)
    few = RunResult("provision", "dev", dict(itertools.islice(hosts.items(), ABOVE)))
    assert [line for line, _ in recap_rows(few, Style())] == recap(few)
    assert recap_rows(RunResult("status", "dev", hosts), Style()) == []
