"""Schedules, and what becomes of a percent sign."""

import pytest

from cdconf.resources.cron import schedule
from cdconf.resources.cron.spec import escape


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 0-6/2 1,15 jan-dec sun", "0 0 31 12 7", "@daily", "5-10/5,20 * * FEB MON-FRI"]
)
def test_what_cron_takes(text):
    assert schedule.check("  " + text.replace(" ", "   ")) == text


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
