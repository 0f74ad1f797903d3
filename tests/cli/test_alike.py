"""`status` and `run` above 20 hosts: equal rows and equal output once, with their hosts."""

import pytest

from cdconf.cli.status_alike import alike
from tests.conftest import write
from tests.terminal import Terminal

HOSTS = [f"web{number}" for number in range(1, 101)]
DEPLOYED = "2026-11-30 16:48:{:02} by ann"


def row(host, release="shop-1.4", at=12, state="verified", lease=""):
    return [host, "shop", release, state, DEPLOYED.format(at), lease]


def test_equal_rows_are_one_whenever_each_host_was_deployed_to():
    rows = [row(name, at=10 + place % 3) for place, name in enumerate(HOSTS)]
    rows[4] = row("web5", release="shop-1.3")
    rows[6] = row("web7", state="NOT verified")
    told, red = alike(rows, {6}, HOSTS)
    assert [one[0] for one in told] == ["98 of 100 hosts (all but web5, web7)", "web5", "web7"]
    assert told[0][4] == "2026-11-30 16:48:10 to 2026-11-30 16:48:12 by ann"
    assert told[1:] == [rows[4], rows[6]]
    assert red == {2}


def test_twenty_hosts_have_their_rows():
    rows = [row(name) for name in HOSTS[:20]]
    assert alike(rows, {3}, HOSTS[:20]) == (rows, {3})


SHOW = """
    import sys
    from cdconf.cli.output_alike import showing
    from cdconf.render.outlet import open_outlets

    open_outlets()
    count, every = int(sys.argv[1]), sys.argv[2] == "-v"
    hosts = [f"web{n}" for n in range(1, count + 1)]
    with showing(hosts, lambda text: text.replace("hunter2", "***"), every=every) as show:
        for name in hosts:
            show(name, "Debian hunter2")
        for name in hosts:
            show(name, "11" if name in ("web3", "web7") else "12", error=name == "web3")
"""


@pytest.fixture
def script(tmp_path):
    return write(tmp_path, {"show.py": SHOW})


def test_equal_output_is_shown_once_on_a_terminal(script):
    terminal = Terminal(script, program=["show.py", "100", "-"], columns=80)
    assert terminal.end() == 0
    assert terminal.lines() == [
        *["98 of 100 hosts (all but web3, web7):", "    Debian ***", "    12"],
        *["web3:", "    Debian ***", "    11", "web7:", "    Debian ***", "    11"],
    ]


@pytest.mark.parametrize(("count", "flag"), [("20", "-"), ("21", "-v")])
def test_few_hosts_or_a_verbose_run_have_their_lines_as_they_come(script, count, flag):
    terminal = Terminal(script, program=["show.py", count, flag], columns=80)
    assert terminal.end() == 0
    lines = terminal.lines()
    assert len(lines) == 2 * int(count)
    assert lines[:2] == ["web1:  Debian ***", "web2:  Debian ***"]
