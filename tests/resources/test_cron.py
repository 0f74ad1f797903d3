"""Schedules, and what becomes of a percent sign."""

import pytest

from cdconf.agent.commands.execute import Result
from cdconf.agent.errors import Failed, Missing
from cdconf.resources.cron import agent, schedule
from cdconf.resources.cron.spec import escape


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 0-6/2 1,15 jan-dec sun", "0 0 31 12 7", "@daily", "5-10/5,20 * * FEB MON-FRI"]
)
def test_what_cron_takes(text):
    assert schedule.check("  " + text.replace(" ", "   ")) == text


@pytest.mark.parametrize("text", ["\u00b2 * * * *", "\u0661 * * * *", "*/\u0661 * * * *"])
def test_other_digits_than_ascii_s_are_no_numbers(text):
    with pytest.raises(ValueError, match="minute"):
        schedule.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5/5 * * * *",
        "10-5 * * * *",
        "a * * * *",
        "*-5 * * * *",
        "@dayly",
        "1, * * * *",
        "-1 * * * *",
        "* * * mon *",
    ],
)
def test_what_cron_wouldnt_take(text):
    with pytest.raises(ValueError):
        schedule.check(text)


@pytest.mark.parametrize(("given", "written"), [("a%b", r"a\%b"), (r"a\%b%", r"a\%b\%"), ("plain", "plain")])
def test_percent_signs(given, written):
    assert escape(given) == written
    assert escape(written) == written


def job(command, **variables):
    lines = [f'{name}="{value}"' for name, value in variables.items()] + [f"@daily root {command}"]
    return {"name": "job", "user": "root", "content": "".join(line + "\n" for line in lines)}


@pytest.mark.parametrize(
    ("daemon", "said", "limit"),
    [
        ("/usr/sbin/cron", "usage: cron [-l] [-f] [-L loglevel]", 998),
        ("/usr/sbin/crond", "cronie 1.4.11", 998),
        ("/usr/sbin/crond", "cronie 1.5.7", 131070),
        ("/usr/sbin/cron", "cronie 1.10.0", 131070),
    ],
)
def test_lines_as_long_as_the_hosts_cron_takes(monkeypatch, daemon, said, limit):
    monkeypatch.setattr(agent, "run", lambda argv, timeout: Result(1, "", said))
    agent._check_length(job("x" * limit), daemon)
    with pytest.raises(Failed, match=f"has {limit + 1} bytes, and this host's cron takes {limit} at most"):
        agent._check_length(job("ü" * (limit // 2) + "x"), daemon)
    with pytest.raises(Failed, match="the variable of the job"):
        agent._check_length(job("true", A="x" * limit), daemon)


@pytest.mark.parametrize("daemon", ["/usr/sbin/bcron-start", agent.GENERATORS[0]])
def test_others_take_lines_of_any_length(daemon):
    agent._check_length(job("x" * 200000), daemon)


def test_busyboxs_crond_reads_no_such_directory(monkeypatch, tmp_path):
    (tmp_path / "busybox").write_text("")
    (tmp_path / "crond").symlink_to("busybox")
    monkeypatch.setattr(agent.programs, "find", lambda name: str(tmp_path / "crond") if name == "crond" else None)
    monkeypatch.setattr(agent, "GENERATORS", ())
    with pytest.raises(Missing, match="such as 'cron'"):
        agent._daemon()
