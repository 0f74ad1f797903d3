"""What somebody changed on the host is told from what the files want otherwise by now."""

import pytest

from cdconf.agent.state import Applied, Store

COMPARED = ("content", "mode")


def resource(absent=False, **fields):
    about = {
        "id": "file:/a",
        "type": "file",
        "title": "/a",
        "role": "r",
        "source": "r:1",
        "removable": True,
        "order": 0,
    }
    return about | {"fields": {"path": "/a", **fields}, "absent": absent, "sensitive": False, "identity": ["path"]}


@pytest.fixture
def applied(tmp_path):
    """What remembers that a file with the content `old` and a mode was applied, as a later run reads it."""
    store = Store("demo", str(tmp_path))
    one = Applied(store)
    one.record(resource(content="old", mode="0644"), COMPARED)
    one.save()
    return Applied(store)


@pytest.mark.parametrize(
    ("wanted", "differing", "is_by_hand"),
    [
        ({"content": "old", "mode": "0644"}, {"content": ("mine", "old")}, True),
        ({"content": "new", "mode": "0644"}, {"content": ("old", "new")}, False),
        ({"content": "new", "mode": "0644"}, {"content": ("mine", "new")}, True),
        ({"content": "new", "mode": "0644"}, {"content": ("old", "new"), "mode": ("0600", "0644")}, True),
        ({"content": "new", "mode": "0600"}, {"content": ("old", "new"), "mode": ("0644", "0600")}, False),
        ({"content": "new", "owner": "bob"}, {"content": ("old", "new"), "owner": ("root", "bob")}, False),
        ({"content": "new"}, {"exists": (False, True), "content": (None, "new")}, True),
        ({"absent": True}, {"exists": (True, False)}, False),
    ],
)
def test_a_change_by_hand_is_seen_behind_newer_files(applied, wanted, differing, is_by_hand):
    assert applied.is_by_hand(resource(**wanted), differing) == is_by_hand


def test_what_was_never_applied_was_not_changed_by_hand(tmp_path):
    assert not Applied(Store("demo", str(tmp_path))).is_by_hand(resource(content="x"), {"content": ("y", "x")})


def test_what_was_removed_and_came_back_was_brought_by_hand(applied):
    applied.record(resource(absent=True))
    assert applied.is_by_hand(resource(absent=True), {"exists": (True, False)})
    assert not applied.is_by_hand(resource(content="x"), {"exists": (False, True), "content": (None, "x")})


def test_what_an_older_agent_remembers_tells_less_and_nothing_wrong(applied):
    del applied.entries["file:/a"]["macs"]
    assert not applied.is_by_hand(resource(content="new"), {"content": ("mine", "new")})
    assert applied.is_by_hand(resource(content="old", mode="0644"), {"content": ("mine", "old")})
