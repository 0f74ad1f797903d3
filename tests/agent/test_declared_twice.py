"""A resource that two roles declare, on the host: two steps, and one memory."""

import pytest

from cdconf.agent.converge.apply import Convergence
from cdconf.agent.records.store import HostStore

COMPARE = {"file": ["content", "owner", "group", "mode"]}
HANDLERS = {name: {"name": name, "type": "none", "title": name, "fields": {}, "action": "run"} for name in "ab"}


def entry(path, source, notify=(), **fields):
    about = {"id": f"file:{path}", "type": "file", "title": str(path), "role": source, "source": f"{source}:1"}
    about |= {"fields": {"path": str(path), **fields}, "absent": False, "identity": ["path"], "notify": list(notify)}
    return about | {"sensitive": False, "removable": True}


@pytest.fixture
def host(tmp_path):
    path = tmp_path / "motd"
    store = HostStore("demo", str(tmp_path / "state"))

    def converge(*entries, check=False, prune=False):
        events = []
        resources = [{**one, "order": order} for order, one in enumerate(entries)]
        catalog = {"resources": resources, "compare": COMPARE, "handlers": HANDLERS, "complete": True}
        Convergence(catalog, check, store, events.append, lambda: None, prune).run()
        return [(one["type"], one["status"], one.get("by_hand", False)) for one in events if one["type"] != "handler"]

    converge.path, converge.store = path, store
    return converge


def both(path):
    return entry(path, "first", content="hello\n"), entry(path, "second", mode="0600")


def test_each_step_changes_its_own_fields_and_a_second_run_nothing(host):
    assert host(*both(host.path)) == [("file", "changed", False)] * 2
    assert (host.path.read_text(), host.path.stat().st_mode & 0o777) == ("hello\n", 0o600)
    assert host(*both(host.path)) == [("file", "ok", False)] * 2


def test_the_memory_is_of_one_resource_with_the_fields_of_all(host):
    host(*both(host.path))
    (known,) = host.store.read("applied.json").values()
    assert known["fields"] == {"path": str(host.path), "content": "hello\n", "mode": "0600"}
    assert set(known["macs"]) == {"content", "mode"}
    assert (known["role"], known["order"]) == ("first", 0)


def test_a_hand_edit_is_told_at_the_declaration_of_the_field(host):
    host(*both(host.path))
    host.path.chmod(0o644)
    assert host(*both(host.path), check=True) == [("file", "ok", False), ("file", "would_change", True)]


def test_a_declaration_that_goes_leaves_no_orphan_and_the_last_one_does(host):
    host(*both(host.path))
    assert host(both(host.path)[0], prune=True) == [("file", "ok", False)]
    assert host.path.exists()
    assert host(prune=True) == [("file", "changed", False)]
    assert not host.path.exists()


def test_a_run_that_ends_in_between_still_knows_what_it_made(host, tmp_path):
    first, second = both(host.path)
    (tmp_path / "file").write_text("")
    host(first, entry(tmp_path / "file" / "below", "first", content="x"), second)
    assert list(host.store.read("applied.json")) == [f"file:{host.path}"]
    assert host.store.read("applied.json")[f"file:{host.path}"]["macs"].keys() == {"content"}
    assert host(first, second, check=True)[1] == ("file", "would_change", False), "nobody changed it by hand"


def test_a_handler_belongs_to_the_declaration_that_changed_something(host, monkeypatch):
    ran = []
    monkeypatch.setattr("cdconf.agent.converge.handlers.act", lambda one: ran.append(one["name"]))
    first = entry(host.path, "first", notify="a", content="hello\n")
    second = entry(host.path, "second", notify="b", mode="0600")
    host(first, second)
    assert ran == ["a", "b"]
    host.path.chmod(0o644)
    host(first, second)
    assert ran == ["a", "b", "b"]
