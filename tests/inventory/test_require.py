"""`require` of hosts.yml: approvals, windows, freezes and soaks, read."""

from datetime import UTC, datetime

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.inventory.requirement import Approvals, Soak, Window
from tests.conftest import write

BERLIN = "Europe/Berlin"


@pytest.fixture
def required(tmp_path):
    """Reads what an environment requires: the entry's text, on line 3."""
    write(
        tmp_path,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [web]}
                pipeline:
                  - {stage: commit, run: make}
                  - {stage: manual, environment: staging}
                  - {stage: release, environment: production}
            """,
            "roles/web/role.yml": "resources: []\n",
            "inventories/staging/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
        },
    )

    def read(*entries):
        lines = "".join(f"  - {one}\n" for one in entries)
        hosts = f"hosts: {{web1: {{address: 192.0.2.1, groups: [web]}}}}\nrequire:\n{lines}"
        write(tmp_path, {"inventories/production/hosts.yml": hosts})
        return load_environment(load_project(tmp_path), "production").require

    return read


def test_approvals(required):
    found = required("approvals: {count: 2, from: [ops], not_author: true, expires: 24h}", "approvals: {}")
    assert found.approvals == (Approvals(2, ("ops",), not_author=True, expires=86400.0), Approvals())
    assert [one.source for one in found.approvals] == [f"inventories/production/hosts.yml:{n}" for n in (3, 4)]
    assert [one.text for one in found.entries] == ["2 people of ops, no author, for 1d", "1 person"]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        (
            f'{{days: mon-thu, from: "09:00", to: "16:00", zone: {BERLIN}}}',
            Window(frozenset(range(4)), 540, 960, BERLIN),
        ),
        ("{from: 9:30x}", None),
        ("{}", Window(frozenset(range(7)), 0, 1440, "UTC")),
        ("{days: [fri-mon, wed]}", Window(frozenset({4, 5, 6, 0, 2}), 0, 1440, "UTC")),
        ('{days: "mon, WED", from: 22:00, to: 04:00}', Window(frozenset({0, 2}), 1320, 240, "UTC")),
    ],
)
def test_windows(required, text, window):
    if window is None:
        with pytest.raises(InvalidFile, match="isn't a time of the day"):
            required(f"window: {text}")
        return
    assert required(f"window: {text}").windows == (window,)


def test_a_freeze_lasts_to_the_end_of_its_last_day_by_the_clocks_of_its_zone(required):
    text = f"freeze: {{from: 2026-12-20, to: 2027-01-03, zone: {BERLIN}, why: holidays}}"
    freeze, exact = required(text, "freeze: {from: 2026-12-24 12:00, to: 2026-12-24T18:00, why: x}").freezes
    assert freeze.begins == datetime(2026, 12, 19, 23, tzinfo=UTC).timestamp()
    assert freeze.ends == datetime(2027, 1, 3, 23, tzinfo=UTC).timestamp()
    assert str(freeze) == "2026-12-20 to 2027-01-03 Europe/Berlin: holidays"
    assert exact.ends - exact.begins == 6 * 3600


def test_a_freeze_of_one_day(required):
    (freeze,) = required("freeze: {from: 2026-12-24, to: 2026-12-24, why: x}").freezes
    assert freeze.ends - freeze.begins == 86400


def test_soak(required):
    assert required("soak: {stage: manual, for: 30m}").soaks == (Soak("manual", 1800.0),)


BROKEN = {
    "window: {days: mon, from: '09:00', to: '09:00'}": "this window never opens",
    "window: {from: '24:00'}": "this window never opens",
    "window: {from: '25:00'}": "'25:00' isn't a time of the day",
    "window: {from: 9}": "'from' in window must be text",
    "window: {days: mo}": "unknown day 'mo'",
    "window: {days: mon-xyz}": "unknown day 'xyz'",
    "window: {days: []}": "'' isn't a day",
    "window: {zone: Europe/Berln}": "there is no time zone 'Europe/Berln'",
    "window: {zone: Europe}": "there is no time zone 'Europe'",
    "window: {zone: ../../etc/passwd}": "there is no time zone '../../etc/passwd'",
    "window: {day: mon}": "unknown key 'day' in window",
    "window: mon": "'window' in require must be a mapping",
    "freeze: {from: 2027-01-03, to: 2026-12-20, why: x}": "this freeze ends before it begins",
    "freeze: {from: 2026-12-20 18:00, to: 2026-12-20 18:00, why: x}": "this freeze ends before it begins",
    "freeze: {from: 2026-12-20, to: 2027-01-03}": "freeze has no 'why'",
    "freeze: {from: 2026-12-20, to: 2027-01-03, why: ' '}": "this freeze has no reason",
    "freeze: {from: 2026-13-20, to: 2027-01-03, why: x}": "'2026-13-20' isn't a day",
    "freeze: {from: 2026-12-20, to: 9999-12-30, why: x}": "'9999-12-30' isn't a day",
    "freeze: {from: 0001-01-01, to: 2026-12-20, why: x}": "'0001-01-01' isn't a day",
    "freeze: {from: soon, to: 2027-01-03, why: x}": "'soon' isn't a day",
    "soak: {stage: manaul, for: 30m}": "has no stage 'manaul'",
    "soak: {stage: commit, for: 30m}": "stage 'commit' has no hosts, so nothing can soak there",
    "soak: {stage: release, for: 30m}": "'release' can't come before production",
    "soak: {stage: manual}": "soak has no 'for'",
    "soak: {stage: manual, for: 0}": "'for' in soak must be more than 0",
    "soak: {stage: manual, for: soon}": "'for' in soak must be a duration",
    "approvals: {count: 0}": "'count' in approvals must be 1 to",
    "approvals: {count: two}": "'count' in approvals must be a whole number",
    "after: []": "'after' in require names no stage",
    "after: ['']": "'after' in require names no stage",
    "approvals: {from: []}": "'from' in approvals names nobody",
    "approvals: {expires: 0}": "'expires' in approvals must be more than 0",
    "approvals: {not_author: 1}": "'not_author' in approvals must be true or false",
    "approvals: {counts: 1}": "unknown key 'counts' in approvals",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_wrong_is_told_with_its_line(required, text):
    with pytest.raises(InvalidFile) as caught:
        required(text)
    assert BROKEN[text] in caught.value.message
    assert (caught.value.file, caught.value.line) == ("inventories/production/hosts.yml", 3)
