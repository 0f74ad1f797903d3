"""A host that compares itself with what it remembers."""

import json

import pytest

from cdconf.agent.converge import evidence
from cdconf.agent.converge.apply import Convergence
from cdconf.agent.converge.drifting import Drifting
from cdconf.agent.records.store import HostStore


def resource(kind, title, order=0, **fields):
    about = {"id": f"{kind}:{title}", "type": kind, "title": title, "role": "r", "source": "r:1", "order": order}
    about |= {"absent": fields.pop("absent", False), "sensitive": fields.pop("sensitive", False), "notify": []}
    return about | {"fields": fields, "identity": ["path"], "removable": True}


def catalog(*resources):
    compare = {"file": ["content", "mode"], "directory": ["mode"], "command": [], "link": ["target"]}
    return {"resources": list(resources), "handlers": {}, "compare": compare, "complete": True, "environment": "dev"}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host on which some things were applied; calling it looks, without or with a catalog."""
    monkeypatch.setattr(evidence, "run", lambda *arguments, **options: evidence.Failed("no journal"))
    monkeypatch.setattr(evidence.ChangeEvidence, "_journal", lambda self: [])
    store = HostStore("demo", str(tmp_path / "state"))
    wanted = [
        resource("file", str(tmp_path / "a"), path=str(tmp_path / "a"), content="x" * 300, mode="0644"),
        resource(
            "file", str(tmp_path / "b"), 1, path=str(tmp_path / "b"), content="secret", mode="0600", sensitive=True
        ),
        resource("file", str(tmp_path / "gone"), 2, path=str(tmp_path / "gone"), absent=True),
    ]

    def converge(*resources):
        done = Convergence(catalog(*resources), False, store, lambda event: None, lambda: None).run()
        assert not done["failed"]

    def look(document=None):
        events = []
        result = Drifting(document, store, events.append).run()
        return result, {event["title"].rpartition("/")[2]: event for event in events}

    converge(*wanted)
    look.converge, look.store, look.wanted, look.path = converge, store, wanted, tmp_path
    return look


def test_all_is_well_after_an_apply(host):
    result, events = host()
    assert result["counts"] == {"ok": 3}
    assert {event.get("cause") for event in events.values()} == {None}


def test_what_somebody_changed_is_found_by_its_fields_and_nothing_of_it_is_shown(host):
    (host.path / "a").write_text("other")
    (host.path / "b").write_text("stolen")
    (host.path / "gone").touch()
    _, events = host()
    assert {name: (one["cause"], one["fields"]) for name, one in events.items()} == {
        "a": ("by_hand", {"by_hand": ["content"]}),
        "b": ("by_hand", {"by_hand": ["content"]}),
        "gone": ("by_hand", {"by_hand": ["exists"]}),
    }
    assert "secret" not in str(events)
    assert not any(word in str(events) for word in ("other", "stolen", "xxx"))
    assert events["a"]["first_seen"] > 0
    assert events["a"]["evidence"][0].startswith(f"{host.path}/a belongs to ")


def test_what_lies_in_the_way_is_a_change_by_hand(host):
    (host.path / "a").unlink()
    (host.path / "a").mkdir()
    event = host()[1]["a"]
    assert (event["cause"], event["status"]) == ("by_hand", "would_change")
    assert "mv -T" in event["repair"]


def test_what_an_older_cdconf_applied_is_unknown_and_counted(host):
    path = host.store.path("applied.json")
    with open(path) as stream:  # noqa: PTH123
        entries = json.load(stream)
    for entry in entries.values():
        for name in ("version", "kept", "type", "title") if "absent" in entry else ("version", "kept"):
            entry.pop(name)
    with open(path, "w") as stream:  # noqa: PTH123
        json.dump(entries, stream)
    result, events = host()
    assert result["counts"] == {"unknown": 3}
    assert {event["cause"] for event in events.values()} == {"unknown"}
    assert "next provision" in events["a"]["message"]


def test_what_a_later_version_keeps_is_unknown(host):
    host.store.write(
        "applied.json", {name: dict(one, version=99) for name, one in host.store.read("applied.json").items()}
    )
    assert host()[0]["counts"] == {"unknown": 3}


def test_a_type_that_the_agent_lacks_hides_nothing(host):
    entries = host.store.read("applied.json")
    entries["own:x"] = dict(entries[f"file:{host.path}/a"], type="own", title="x")
    host.store.write("applied.json", entries)
    (host.path / "b").unlink()
    _, events = host()
    assert (events["x"]["cause"], events["b"]["cause"]) == ("unknown", "by_hand")


def test_handlers_that_were_left_behind_are_found(host):
    left = {"name": "restart app", "type": "service", "title": "app", "fields": {}, "action": "restart"}
    host.store.write("pending.json", [left])
    assert host()[1]["restart app"]["cause"] == "not_applied"


def test_a_changed_pin_of_what_may_stay_is_not_taken_for_a_change_by_hand(host):
    """What purging leaves depends on the files: a role that no longer manages a file didn't put it there."""
    folder = host.path / "d"
    managed = {"paths": ["ours"], "trees": []}
    one = resource("directory", str(folder), 3, path=str(folder), mode="0755", purge=[], managed=managed)
    document = catalog(one)
    document["compare"]["directory"].append("purge")
    folder.mkdir(mode=0o755)
    (folder / "ours").touch()
    assert not Convergence(document, False, host.store, lambda event: None, lambda: None).run()["failed"]
    document["resources"] = [dict(one, fields=dict(one["fields"], managed={"paths": [], "trees": []}))]
    assert host(document)[1]["d"]["cause"] == "not_applied"
    (folder / "mine").touch()
    assert host(document)[1]["d"]["cause"] == "by_hand"


def test_what_was_added_where_nothing_is_purged_is_no_finding(host):
    (host.path / "beside").touch()
    for document in (None, catalog(*host.wanted)):
        assert host(document)[0]["counts"] == {"ok": 3}


def test_a_resource_that_cannot_be_observed_hides_nothing(host, monkeypatch):
    from cdconf.agent.converge import type_agents

    observe = type_agents.agent_of("file").observe

    def broken(fields):
        if fields["path"].endswith("/a"):
            raise evidence.Failed("it's broken")
        return observe(fields)

    monkeypatch.setattr(type_agents.agent_of("file"), "observe", broken)
    (host.path / "b").unlink()
    for document in (None, catalog(*host.wanted)):
        events = host(document)[1]
        assert (events["a"]["cause"], events["b"]["cause"]) == ("unknown", "by_hand")
