"""Which run came after which: by hosts' fencing numbers, and by time where no host has seen both."""

import random

import pytest

from cdconf.history.order import newest, newest_first


def row(name, at, environment="dev", of=None, **fences):
    return {"id": name, "ordered_at": at, "environment": environment, "environment_of": of, "fences": fences}


def names(*rows):
    return [rows[place]["id"] for place in newest_first(rows)]


def test_without_fences_time_decides():
    assert names(row("a", 1), row("b", 3), row("c", 2)) == ["b", "c", "a"]


def test_what_a_host_says_beats_the_clock():
    assert names(row("v7", 7200, web1=10), row("v6", 3600, web1=11)) == ["v6", "v7"]


def test_an_order_reaches_over_hosts_that_only_some_share():
    a, b, c = row("a", 300, web1=1), row("b", 200, web1=2, web2=1), row("c", 100, web2=2)
    assert names(a, b, c) == ["c", "b", "a"]


def test_hosts_of_other_environments_and_checkouts_are_others():
    assert names(row("a", 2, web1=1), row("b", 1, "prod", web1=2)) == ["a", "b"]
    assert names(row("a", 2, of="x", web1=1), row("b", 1, of="y", web1=2)) == ["a", "b"]


def test_a_run_that_no_host_has_seen_stands_by_its_time():
    assert names(row("a", 1, web1=1), row("build", 2), row("b", 3, web1=2)) == ["b", "build", "a"]


def test_hosts_that_contradict_each_other_decide_nothing_and_lose_no_run():
    a, b, c = row("a", 1, web1=2, web2=1), row("b", 2, web1=1, web2=2), row("c", 3, web1=3, web2=3)
    assert names(a, b, c) == ["c", "b", "a"]


@pytest.mark.parametrize("fences", ["no object", 7, ["web1"], {"web1": "12"}, {"web1": None}, {"web1": {}}, None])
def test_what_others_wrote_into_a_team_s_database_stops_nobody(fences):
    broken = row("x", None) | {"fences": fences}
    assert set(names(broken, row("a", 1, web1=3), row("b", 0, web1=4))) == {"x", "a", "b"}


def test_any_history_of_any_clocks_comes_out_as_it_happened():
    """Runs happen one after another on random hosts; each controller's clock is wrong in its own way."""
    chance = random.Random(7)
    for _ in range(50):
        clocks = [chance.uniform(-7200, 7200) for _ in range(3)]
        hosts, rows = {f"web{number}": 0 for number in range(4)}, []
        for number in range(40):
            fences = {}
            for host in ["web0", *chance.sample(sorted(hosts), 2)]:
                hosts[host] = fences[host] = hosts[host] + chance.randint(1, 3)
            rows.append(row(f"{number:02}", number * 60 + chance.choice(clocks), **fences))
        wanted = [one["id"] for one in reversed(rows)]
        chance.shuffle(rows)
        assert names(*rows) == wanted


def test_the_newest_is_the_first_of_all_in_their_order():
    chance = random.Random(3)
    for _ in range(300):
        rows = [
            row(f"{number}", chance.randrange(20), **{f"web{chance.randrange(3)}": chance.randrange(9) for _ in "ab"})
            for number in range(chance.randrange(1, 12))
        ]
        assert newest(rows) is rows[newest_first(rows)[0]]
