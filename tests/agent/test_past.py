"""What hosts remember: who did what, when and why, bounded, in ledgers of any age."""

from cdconf.agent.records import events as past
from cdconf.agent.records.ledger import FILE, Ledger, remembered
from cdconf.agent.records.store import HostStore

BY = {"run": "r1", "owner": "ann@laptop pid 7", "reason": "deploy shop 2"}


def make(tmp_path, by=BY):
    return Ledger(HostStore("demo", str(tmp_path)), "shop", by)


def events(tmp_path):
    return make(tmp_path).page["events"]


def test_a_deployment_leaves_who_did_what_with_which_release(tmp_path):
    ledger = make(tmp_path)
    ledger.staged("2-abc", "2", "a" * 64, "t" * 64)
    ledger.activating("2-abc", "r1")
    ledger.active("2-abc")
    ledger.confirmed("2-abc", "r1")
    found = events(tmp_path)
    assert [one["event"] for one in found] == ["staged", "activated", "verified"]
    for one in found:
        assert {name: one[name] for name in BY} == BY
        assert (one["release"], one["version"], one["archive"]) == ("2-abc", "2", "a" * 64)
        assert isinstance(one["at"], float)


def test_a_confirmation_that_is_told_twice_is_one_event(tmp_path):
    ledger = make(tmp_path)
    ledger.staged("2-abc", "2", "a" * 64, "t" * 64)
    for _ in range(2):  # a deployment of the same release later on is another event
        ledger.activating("2-abc", "r1")
        ledger.active("2-abc")
        ledger.confirmed("2-abc", "r1")
        ledger.confirmed("2-abc", "r1")
    assert [one["event"] for one in events(tmp_path)] == ["staged", *["activated", "verified"] * 2]


def test_going_back_says_from_where_to_where_and_why(tmp_path):
    ledger = make(tmp_path)
    ledger.staged("2-abc", "2", "a" * 64, "t" * 64)
    ledger.activating("2-abc", "r1")
    ledger.rolled_back("1-old", "smoke tests failed: test_it")
    ledger.reverted("1-old", "2-abc", "r0", None)
    back, alone = events(tmp_path)[-2:]
    assert (back["event"], back["release"], back["to"]) == ("rolled_back", "2-abc", "1-old")
    assert (back["version"], back["why"], back["run"]) == ("2", "smoke tests failed: test_it", "r1")
    assert (alone["event"], alone["run"], alone["owner"]) == ("reverted", "r0", "the host itself")
    assert "why" not in alone


def test_pins_come_and_go_with_their_reasons(tmp_path):
    ledger = make(tmp_path)
    ledger.pin("a" * 64, "2", "it hung")
    ledger.unpin("a" * 64, "the database was full")
    ledger.unpin("b" * 64, "never was")
    pinned, unpinned = events(tmp_path)
    assert (pinned["event"], pinned["why"], pinned["archive"]) == ("pinned", "it hung", "a" * 64)
    assert (unpinned["event"], unpinned["why"], unpinned["version"]) == ("unpinned", "the database was full", "2")


def test_only_the_last_events_are_kept(tmp_path):
    ledger = make(tmp_path)
    for number in range(past.KEPT + 5):
        ledger.active(str(number))
    found = events(tmp_path)
    assert len(found) == past.KEPT
    assert found[-1]["release"] == str(past.KEPT + 4)
    assert found[0]["release"] == "5"


def test_a_ledger_without_events_is_read_and_written_on(tmp_path):
    store = HostStore("demo", str(tmp_path))
    old = {"current": "1", "verified": ["1"], "activating": None, "releases": {}, "pinned": {}}
    store.write(FILE, {"shop": old, "other": old})
    Ledger(store, "shop").active("2")
    assert [one["event"] for one in events(tmp_path)] == ["activated"]
    assert store.read(FILE)["other"] == {**old, "confirmed": None, "reverted": None, "events": []}
    assert remembered(store)["apps"]["shop"]["verified"] == ["1"]


def test_provisioning_is_noted_when_it_changed_something_or_another_catalog_was_applied(tmp_path):
    store = HostStore("demo", str(tmp_path))

    def provision(catalog, changed=0, failed=False):
        past.provisioned(store, BY, catalog, {"ok": 3, "changed": changed}, failed)
        return len(remembered(store)["provisions"])

    assert provision("c1", changed=3) == 1
    assert provision("c1") == 1, "nothing has changed"
    assert provision("c1", changed=1) == 2
    assert provision("c2") == 3
    assert provision("c2", failed=True) == 4
    newest = remembered(store)["provisions"][-1]
    assert (newest["owner"], newest["catalog"], newest["failed"]) == (BY["owner"], "c2", True)
    for number in range(past.KEPT_PROVISIONS + 3):
        provision(str(number))
    assert len(remembered(store)["provisions"]) == past.KEPT_PROVISIONS


def test_a_full_disk_ends_no_provisioning(tmp_path, monkeypatch):
    store = HostStore("demo", str(tmp_path))

    def full(name, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write", full)
    past.provisioned(store, BY, "c1", {"changed": 1}, False)


BY_ANN = {"run": "r1", "owner": "ann@laptop pid 7"}
OLD, NEW = ({"commit": digit * 40, "dirty": False} for digit in "ab")


def provisioned(store, catalog, files, **counts):
    past.provisioned(store, BY_ANN, catalog, counts, False, files)


def test_the_files_that_were_applied_last_are_known(tmp_path):
    store = HostStore("demo", str(tmp_path))
    assert past.applied_from(store) is None
    provisioned(store, "c1", OLD, changed=3)
    assert past.applied_from(store) == {**OLD, "owner": "ann@laptop pid 7"}
    provisioned(store, "c2", NEW, changed=1)
    assert past.applied_from(store)["commit"] == NEW["commit"]


def test_files_that_change_nothing_here_are_the_ones_that_were_applied_from_then_on(tmp_path):
    store = HostStore("demo", str(tmp_path))
    provisioned(store, "c1", {**OLD, "dirty": True}, changed=3)
    provisioned(store, "c1", NEW, ok=3)
    assert past.applied_from(store)["commit"] == NEW["commit"]
    assert past.applied_from(store)["dirty"] is False
    assert len(past.provisions(store)) == 1


def test_a_part_of_older_files_leaves_what_was_known(tmp_path):
    store = HostStore("demo", str(tmp_path))
    provisioned(store, "c1", NEW, changed=3)
    provisioned(store, "part", None, changed=1)
    assert past.applied_from(store)["commit"] == NEW["commit"]


def test_a_memory_of_an_older_version_names_no_files(tmp_path):
    store = HostStore("demo", str(tmp_path))
    store.write(past.FILE, [{"at": 1.0, "counts": {}, "failed": False, "catalog": "c1", "run": "r0"}])
    assert past.applied_from(store) is None
