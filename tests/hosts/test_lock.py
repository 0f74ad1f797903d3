"""Ending a lease by hand, and what's remembered of it."""

import json
import time

import pytest

from tests.conftest import begun

pytestmark = pytest.mark.hosts


def test_a_lease_that_is_ended_by_hand_is_in_the_history_with_its_owner(live):
    history = live.root / ".cdconf/history.jsonl"
    before = len(history.read_text().splitlines())
    holder = begun(live.root, "run", "dev", "--limit", "web1", "--", "sleep", "20")
    try:
        deadline = time.monotonic() + 15
        while live.document("lock", "status", "dev", "--limit", "web1")["leases"]["web1"] is None:
            assert time.monotonic() < deadline
        document = live.document("lock", "release", "dev", "--limit", "web1", "--yes")
    finally:
        holder.terminate()
        holder.wait(timeout=30)
    owner = document["released"]["web1"]["owner"]
    records = [json.loads(line) for line in history.read_text().splitlines()[before:]]
    (mine,) = [one for one in records if one["command"] == "lock"]
    assert mine["detail"] == f"release web1: web1 (of {owner}, run)"
    assert mine["user"]
    assert mine["hosts"] == {"web1": {"status": "changed", "ok": 0, "changed": 0, "failed": 0}}
    assert "release web1: web1 (of" in live("history", "dev").stdout


def test_a_damaged_lease_keeps_runs_away_until_it_is_ended_by_hand(live):
    state = "/var/lib/cdconf/live"
    (folder,) = live.on("web1", "ls -d /var/lib/cdconf/*/identity.json").split()
    state = folder.rpartition("/")[0]
    live.on("web1", f"echo '[]' > {state}/lease.json")
    refused = live("run", "dev", "--limit", "web1", "--", "true", code=1)
    assert f"{state}/lease.json is damaged: " in refused.stderr
    assert "`cdconf lock release` removes it" in refused.stderr
    document = live.document("lock", "release", "dev", "--limit", "web1", "--yes")
    assert document["released"]["web1"] == {"damaged": document["released"]["web1"]["damaged"]}
    live("run", "dev", "--limit", "web1", "--", "true")
