"""What somebody changed on the host is told from what the files want otherwise by now, field by field."""

import pytest

from cdconf.agent.converge import causes
from cdconf.agent.records.store import AppliedResources, HostStore

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
    store = HostStore("demo", str(tmp_path))
    one = AppliedResources(store)
    one.record(resource(content="old", mode="0644"), COMPARED)
    one.save()
    return AppliedResources(store)


@pytest.mark.parametrize(
    ("wanted", "differing", "cause", "fields"),
    [
        ({"content": "old", "mode": "0644"}, {"content": ("mine", "old")}, "by_hand", {"by_hand": ["content"]}),
        ({"content": "new", "mode": "0644"}, {"content": ("old", "new")}, "not_applied", {"not_applied": ["content"]}),
        (
            {"content": "new", "mode": "0644"},
            {"content": ("mine", "new")},
            "both",
            {"by_hand": ["content"], "not_applied": ["content"]},
        ),
        (
            {"content": "new", "mode": "0644"},
            {"content": ("old", "new"), "mode": ("0600", "0644")},
            "both",
            {"by_hand": ["mode"], "not_applied": ["content"]},
        ),
        (
            {"content": "new", "mode": "0600"},
            {"content": ("old", "new"), "mode": ("0644", "0600")},
            "not_applied",
            {"not_applied": ["content", "mode"]},
        ),
        (
            {"content": "old", "owner": "bob"},
            {"owner": ("root", "bob")},
            "not_applied",
            {"not_applied": ["owner"]},
        ),
        (
            {"content": "old", "validate": "true"},
            {"content": ("mine", "old")},
            "by_hand",
            {"by_hand": ["content"]},
        ),
        (
            {"content": "old", "mode": "0644"},
            {"exists": (False, True), "content": (None, "old"), "mode": (None, "0644")},
            "by_hand",
            {"by_hand": ["content", "exists", "mode"]},
        ),
        (
            {"content": "new"},
            {"exists": (False, True), "content": (None, "new")},
            "both",
            {"by_hand": ["exists"], "not_applied": ["content"]},
        ),
        ({"absent": True}, {"exists": (True, False)}, "not_applied", {"not_applied": ["exists"]}),
    ],
)
def test_a_change_by_hand_is_seen_behind_newer_files(applied, wanted, differing, cause, fields):
    found = causes.of_difference(applied, resource(**wanted), differing)
    assert found.document() == {"cause": cause, "fields": fields}


def test_what_was_never_applied_was_not_changed_by_hand(tmp_path):
    fresh = AppliedResources(HostStore("demo", str(tmp_path)))
    assert causes.of_difference(fresh, resource(content="x"), {"content": ("y", "x")}).cause == "not_applied"
    assert causes.of_obstacle(fresh, resource(content="x")).cause == "not_applied"


def test_what_was_removed_and_came_back_was_brought_by_hand(applied):
    applied.record(resource(absent=True))
    assert causes.of_difference(applied, resource(absent=True), {"exists": (True, False)}).cause == "by_hand"
    missing = {"exists": (False, True), "content": (None, "x")}
    assert causes.of_difference(applied, resource(content="x"), missing).cause == "not_applied"
    other = {"content": ("mine", "x")}
    assert causes.of_difference(applied, resource(content="x"), other).cause == "both"


def test_what_an_older_agent_remembers_is_not_guessed_at(applied):
    del applied.entries["file:/a"]["macs"]
    found = causes.of_difference(applied, resource(content="new"), {"content": ("mine", "new")})
    assert (found.cause, found.is_by_hand) == ("unknown", False)
    same = causes.of_difference(applied, resource(content="old", mode="0644"), {"content": ("mine", "old")})
    assert same.cause == "by_hand"


def test_a_directory_in_the_place_of_a_file_was_made_by_hand(applied):
    assert causes.of_obstacle(applied, resource(content="old", mode="0644")).cause == "by_hand"
    assert causes.of_obstacle(applied, resource(content="new")).cause == "unknown"
