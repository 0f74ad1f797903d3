"""How often a schedule runs: what systemd and cron make of it, and how many runs were missed."""

import itertools
import subprocess
from datetime import datetime, timedelta

import pytest

from cdconf.errors import UsageError
from cdconf.schedules.period import DAY, HOUR, MINUTE, WEEK, Period, period_of

ALL = ["10s", "15s", "1m", "5m", "30m", "1h", "6h", "12h", "1d", "7d"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("1800s", 1800), ("1h", 3600), ("60m", 3600), ("1w", WEEK)]
)
def test_a_time_is_read(text, seconds):
    assert period_of(text, for_cron=False) == Period(seconds)


@pytest.mark.parametrize("text", ["0", "0m", "-5m", "", "often", "5", "30 m", "1.5", "nan", "inf", "٣m"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="isn't a time"):
        period_of(text, for_cron=False)


@pytest.mark.parametrize(
    ("text", "near"), [("7m", "6m or 10m"), ("1s", "10s"), ("45m", "30m or 1h"), ("30d", "7d"), ("0.5s", "10s")]
)
def test_what_would_not_come_evenly_is_refused_with_what_does(text, near):
    with pytest.raises(UsageError, match="doesn't divide an hour or a day") as caught:
        period_of(text, for_cron=False)
    assert caught.value.hint.endswith(near)


def test_cron_has_no_seconds():
    with pytest.raises(UsageError, match="once a minute"):
        period_of("30s", for_cron=True)


@pytest.mark.parametrize("text", ALL)
def test_systemd_runs_it_as_often(text):
    period = period_of(text, for_cron=False)
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=4", "--base-time=2026-11-30 10:07:13 UTC", period.calendar()],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    found = [one for one in done.stdout.splitlines() if "Next elapse" in one or "Iter" in one]
    times = [datetime.strptime(" ".join(one.split()[-3:-1]), "%Y-%m-%d %H:%M:%S") for one in found]  # noqa: DTZ007
    assert len(times) == 4
    assert distances(times) == {period.seconds}
    assert period.next(datetime(2026, 11, 30, 10, 7, 13)) == times[0]  # noqa: DTZ001


def distances(times):
    return {(after - before).total_seconds() for before, after in itertools.pairwise(times)}


def fires(fields, moment):
    """Whether five fields of cron's name a minute."""
    values = (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
    return all(
        field == "*" or str(value) in field.split(",") for field, value in zip(fields.split(), values, strict=True)
    )


@pytest.mark.parametrize("text", [one for one in ALL if not one.endswith("s")])
@pytest.mark.parametrize("offset", [0, 59, 1234, 86399])
def test_cron_runs_it_as_often(text, offset):
    period = period_of(text, for_cron=True)
    offset %= min(period.seconds, DAY)
    begin = datetime(2026, 11, 30)  # noqa: DTZ001
    minutes = [begin + timedelta(minutes=one) for one in range(15 * 24 * 60)]
    found = [one for one in minutes if fires(period.cron(offset), one)]
    assert len(found) == 15 * DAY // period.seconds + (period.seconds == WEEK)
    assert distances(found) == {period.seconds}
    now = datetime(2026, 12, 1, 3, 4, 5)  # noqa: DTZ001
    assert period.next(now, offset) == next(one for one in found if one > now)


def test_machines_do_not_ask_at_the_same_time():
    period = Period(30 * MINUTE)
    assert len({period.cron(period.offset(f"machine{number}")) for number in range(100)}) > 20
    assert period.offset("machine1") == period.offset("machine1")


@pytest.mark.parametrize(
    ("late", "missed"), [(0, 0), (1800, 0), (2000, 0), (2039, 0), (2041, 1), (3600, 1), (3841, 2), (HOUR * 24, 47)]
)
def test_runs_are_missed_once_they_are_late(late, missed):
    assert Period(1800).missed(1000.0, 1000.0 + late) == missed


def test_a_clock_that_was_set_back_misses_nothing_by_that():
    assert Period(1800).missed(5000.0, 1000.0) == 0
