"""inventories/ENV/waivers.yml: what it may say, and how it's changed without touching the rest of it."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory.model import Environment
from cdconf.inventory.waivers import Waiver, day_of, hosts_of, read_waivers
from cdconf.inventory.waivers_edit import with_waivers, without_waivers
from cdconf.yamlfile import loads

FILE = "inventories/dev/waivers.yml"
MOTD = "host: web1, type: file, title: /etc/motd, until: 2027-01-31, reason: it moves"
ONE = f"waivers:\n  - {{{MOTD}}}\n"


def read(text):
    return read_waivers(loads(text, FILE))


def names(text):
    return [" ".join(one.names) for one in read(text)]


def waiver(title="/etc/hosts", **about):
    return Waiver(**{"host": "web", "type": "file", "title": title, "until": date(2027, 2, 1), "reason": "why"} | about)


def test_a_waiver_is_read_with_its_place():
    found = read(f"# first\nwaivers:\n  - {{{MOTD}, unknown: true, by: kim, added: 2027-01-01}}\n")
    assert found == (
        Waiver("web1", "file", "/etc/motd", date(2027, 1, 31), "it moves", True, "kim", date(2027, 1, 1), FILE, 3),
    )


@pytest.mark.parametrize("text", ["", "waivers:\n", "waivers: []\n", "{}\n"])
def test_no_waivers(text):
    assert read(text) == ()


def test_its_last_day_belongs_to_it_by_utc():
    (found,) = read(ONE)
    assert found.holds(datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    assert not found.holds(datetime(2027, 2, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("waiver: []\n", 1, "unknown key 'waiver' in waivers.yml"),
        ("waivers: all\n", 1, "must be a list"),
        ("waivers:\n  - web1\n", 1, "must be a mapping"),
        (f"waivers:\n  - {{{MOTD}, untill: 2027-01-01}}\n", 2, "unknown key 'untill'"),
        ("waivers:\n  - {host: web1, type: file, title: /x, reason: r}\n", 2, "has no 'until'"),
        ("waivers:\n  - {host: web1, type: file, title: /x, until: 2027-01-31}\n", 2, "has no 'reason'"),
        (
            "waivers:\n  - host: a\n    type: b\n    title: c\n    reason: d\n    until: 2027-02-30\n",
            6,
            "must be a day",
        ),
        ("waivers:\n  - host: a\n    type: b\n    title: c\n    reason: d\n    until: 20270228\n", 6, "must be text"),
        ("waivers:\n  - host: a\n    type: b\n    title: c\n    reason: ' '\n    until: 2027-02-28\n", 5, "is empty"),
        (f"waivers:\n  - {{{MOTD}, unknown: maybe}}\n", 2, "must be true or false"),
        (f"{ONE}  - {{{MOTD}}}\n", 3, "has a waiver already (line 2)"),
        (f"waivers:\n  - {{{MOTD.replace('it moves', 'x' * 501)}}}\n", 2, "more than 500 characters"),
    ],
)
def test_what_it_must_not_say(text, line, words):
    with pytest.raises(InvalidFile) as caught:
        read(text)
    assert words in str(caught.value)
    assert (caught.value.file, caught.value.line) == (FILE, line)


def test_a_file_has_an_end():
    lines = "".join(
        f"  - {{host: a, type: b, title: t{number}, until: 2027-01-01, reason: r}}\n" for number in range(10_001)
    )
    with pytest.raises(InvalidFile, match="more than 10000 waivers"):
        read(f"waivers:\n{lines}")


@pytest.mark.parametrize("text", ["2027-1-31", "2027-01-31 10:00", "2027-W05-1", "1999-01-01", "\u0662027-01-31"])
def test_what_is_no_day(text):
    assert day_of(text) is None


@pytest.mark.parametrize(
    ("pattern", "hosts"), [("web", {"web1", "web2"}), ("web,!web2", {"web1"}), ("db*", {"db1"}), ("gone", set())]
)
def test_hosts_are_named_as_limit_does(pattern, hosts):
    groups = {"web1": ("web",), "web2": ("web",), "db1": ("db",)}
    there = {name: SimpleNamespace(name=name, groups=several) for name, several in groups.items()}
    environment = SimpleNamespace(spec=Environment, name="dev", hosts=there)
    assert hosts_of(SimpleNamespace(groups={"web": [], "db": []}), environment, pattern) == hosts


BLOCK = """# of the old fleet
waivers:
    # the first
    - host: web1
      type: file
      title: /etc/motd
      until: 2027-01-31
      reason: |
        two
        lines

    # the last
    - {host: db1, type: package, title: nginx, until: 2027-01-31, reason: it's old}   # soon
# the end
"""


def test_a_waiver_comes_behind_the_others():
    text = with_waivers(BLOCK, [waiver()], FILE)
    before, end = BLOCK.split("# the end\n")
    line = "    - {host: web, type: file, title: /etc/hosts, until: 2027-02-01, reason: why}\n"
    assert text == f"{before}{line}# the end\n{end}"


@pytest.mark.parametrize(
    "text", ["", "# only this\n", "{}\n", "waivers:\n", "waivers: ~\n", "waivers: []  # none\n", ONE, ONE.rstrip("\n"),
             f"waivers: [{{{MOTD}}}]\n", "{waivers: []}\n", ONE.replace("\n", "\r\n")]
)  # fmt: skip
def test_it_can_be_added_and_removed_in_any_way_of_writing(text):
    before = names(text)
    added = [waiver(), waiver("/etc/a: b"), waiver("true"), waiver("\"\n\t'ü☃\x7f {{ x }}", by="kim", unknown=True)]
    more = with_waivers(text, added, FILE)
    assert names(more) == [*before, *(" ".join(one.names) for one in added)]
    assert read(more)[-1].unknown
    assert all(comment in more for comment in ("# only this", "# none") if comment in text)
    assert ("\r\n" in more) == ("\r\n" in text)
    assert "\n" not in more.replace("\r\n", "") or "\r\n" not in text
    assert names(without_waivers(more, added, FILE)) == before


@pytest.mark.parametrize("place", [0, 1])
def test_removing_one_leaves_every_other_line(place):
    gone = read(BLOCK)[place]
    text = without_waivers(BLOCK, [gone], FILE)
    assert names(text) == [one for one in names(BLOCK) if one != " ".join(gone.names)]
    left = set(BLOCK.splitlines()) - set(text.splitlines())
    assert all(comment in text for comment in ("# of the old fleet", "# the first", "# the last", "# the end"))
    assert not any("#" in line for line in left if "soon" not in line)


def test_the_last_one_can_go():
    assert names(without_waivers(ONE, read(ONE), FILE)) == []


def test_what_cant_be_changed_safely_is_refused():
    text = f"waivers:\n  - &one {{{MOTD}}}\n  - {{<<: 1}}\n"
    with pytest.raises(InvalidFile):
        with_waivers(text, [waiver()], FILE)
