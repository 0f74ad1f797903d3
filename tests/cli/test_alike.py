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
    assert [one[0] for one in told] == ["98 of 100 hosts", "web5", "web7"]
    assert told[0][5] == "(all but web5, web7)"
    assert told[0][4] == "2026-11-30 16:48:10 to 2026-11-30 16:48:12 by ann"
    assert told[1:] == [rows[4], rows[6]]
    assert red == {2}


def test_twenty_hosts_have_their_rows():
    rows = [row(name) for name in HOSTS[:20]]
    assert alike(rows, {3}, HOSTS[:20]) == (rows, {3})
    many = [row(name) for name in HOSTS]
    assert alike(many, {3}, HOSTS, every=True) == (many, {3})


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


LIVE = """
    from cdconf.events import Collector, HostDone, ResourceDone, RunResult, RunStarted, Step
    from cdconf.render import Style, make_renderer
    from cdconf.render.outlet import open_outlets

    open_outlets()
    renderer, collector = make_renderer(Style(), str), Collector()
    hosts = tuple(f"web{n}" for n in range(1, 101))

    def emit(event):
        collector(event)
        renderer(event)

    emit(RunStarted("provision", "prod", hosts))
    emit(Step(f"web: {', '.join(hosts)}"))
    for number in range(26):
        for host in hosts:
            status = "failed" if host in ("web7", "web9") and number == 3 else "changed"
            if number <= 3 or host not in ("web7", "web9"):
                emit(ResourceDone(host, "file", f"/srv/{number}", status, "roles/web/role.yml:4"))
    for host in hosts:
        emit(HostDone(host, "failed" if host in ("web7", "web9") else "changed"))
    renderer.finish(RunResult("provision", "prod", collector.hosts, 1))
"""


def test_a_run_on_a_hundred_hosts_fits_a_screen(tmp_path):
    """26 changes on each of 100 hosts, two of which fail: 2,600 lines before."""
    terminal = Terminal(write(tmp_path, {"show.py": LIVE}), program=["show.py"], columns=80)
    assert terminal.end() == 0
    lines = terminal.lines()
    assert lines[0] == "==> web: all 100 hosts"
    assert "~ all 100 hosts: file /srv/0: changed" in lines
    assert "! web7: file /srv/3: failed  [roles/web/role.yml:4]" in lines
    assert "! web9: file /srv/3: failed, as on web7" in lines
    assert lines.count("~ 98 of 100 hosts (all but web7, web9): file /srv/25: changed") == 1
    assert [line for line in lines if "ok=0" in line] == [
        "98 of 100 hosts  ok=0 changed=26 failed=0  (all but web7, web9)",
        "web7, web9       ok=0 changed=3 failed=1",
    ]
    assert len(lines) < 40
    assert all(len(line) <= 80 for line in lines)
