"""Drift is told once when it's found, and once when it's gone, whatever the network does in between."""

from dataclasses import replace

import pytest

from cdconf.drift.findings import DriftFinding
from cdconf.notify.drifted import EnvironmentLook, told_of
from tests.notify.boxes import Box

MOTD = DriftFinding("web1", "file", "/etc/motd", "by_hand", "roles/base/role.yml:2")
HOSTS = DriftFinding("web1", "file", "/etc/hosts", "not_applied")


def looks(box, run, *findings, seen=True, environment="production", with_files=True):
    """One look; gives `kind: last word of the title` of what it tells."""
    look = EnvironmentLook("demo", environment, run, findings, lambda identity: seen, with_files)
    with box.outbox.change():
        told = told_of(box.outbox, look)
        box.outbox.add(told, box.targets, "demo")
    return [(one.kind, one.title.rpartition(" ")[2]) for one in told]


def waiting(box):
    return [(one.kind, one.title.rpartition(" ")[2]) for one in box.outbox.messages("waiting")]


def test_it_is_told_once(tmp_path):
    box = Box(tmp_path)
    for run in "abc":
        looks(box, run, MOTD)
    assert waiting(box) == [("drift_found", "/etc/motd")]


def test_it_is_told_once_that_it_is_gone_and_anew_when_it_comes_back(tmp_path):
    box = Box(tmp_path)
    for run, findings in enumerate([(MOTD,), (MOTD,), (), (), (MOTD,), (MOTD,), ()]):
        looks(box, str(run), *findings)
    assert [kind for kind, _ in waiting(box)] == ["drift_found", "drift_gone"] * 2


def test_what_was_not_looked_at_is_not_gone(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", MOTD)
    assert looks(box, "b", seen=False) == []
    assert looks(box, "c") == [("drift_gone", "/etc/motd")]


def test_what_cannot_be_told_neither_begins_nor_ends(tmp_path):
    box = Box(tmp_path)
    unknown = replace(MOTD, cause="unknown")
    assert looks(box, "a", unknown) == []
    looks(box, "b", MOTD)
    assert looks(box, "c", unknown) == []
    assert looks(box, "d") == [("drift_gone", "/etc/motd")]


def test_a_waived_finding_ends_without_a_word_and_rings_when_the_waiver_is_over(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", MOTD)
    assert looks(box, "b", replace(MOTD, waived="known")) == []
    assert looks(box, "c", replace(MOTD, waived="known")) == []
    looks(box, "d", MOTD)
    looks(box, "e", MOTD)
    assert waiting(box) == [("drift_found", "/etc/motd")] * 2


def test_another_cause_is_no_other_finding(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", MOTD)
    looks(box, "b", replace(MOTD, cause="both"))
    assert len(waiting(box)) == 1


def test_environments_are_apart(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", MOTD)
    assert looks(box, "b", environment="staging") == []
    looks(box, "c", MOTD, environment="staging")
    assert len(waiting(box)) == 2


def test_a_new_target_is_told_what_is_still_open(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", MOTD)
    box.drain()
    box.targets |= Box(tmp_path, "dev").targets
    looks(box, "b", MOTD)
    box.drain()
    looks(box, "c", MOTD)
    box.drain()
    assert [where for where, _ in box.sent] == ["json://ops", "json://dev"]


def test_what_is_open_for_months_is_told_once(tmp_path):
    box = Box(tmp_path)
    for run in range(100):
        looks(box, str(run), MOTD)
        box.drain()
        box.time.now += 86400
    assert len(box.sent) == 1


def test_a_run_that_is_killed_before_its_change_is_whole_is_told_by_the_next(tmp_path):
    box = Box(tmp_path)
    look = EnvironmentLook("demo", "production", "a", (MOTD,), lambda identity: True)

    def killed():
        yield from told_of(box.outbox, look)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), box.outbox.change():
        box.outbox.add(killed(), box.targets, "demo")
    looks(box, "b", MOTD)
    assert waiting(box) == [("drift_found", "/etc/motd")]


def test_what_it_says(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", replace(MOTD, evidence=("dpkg's log: nothing",), repair="cdconf provision production"), HOSTS)
    first, second = box.outbox.messages("waiting")
    assert first.title == "demo: production: drift on web1: file /etc/motd"
    assert first.body.splitlines() == [
        "file /etc/motd on web1: somebody has changed it on the host.",
        "declared in roles/base/role.yml:2",
        "dpkg's log: nothing",
        "mend it: cdconf provision production",
    ]
    assert second.body.splitlines()[-1] == "look: cdconf drift production"


def test_a_look_without_files_does_not_say_that_what_is_not_applied_is_gone(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", HOSTS, MOTD)
    looks(box, "b", MOTD, with_files=False)
    looks(box, "c", with_files=False)
    looks(box, "d", HOSTS)
    looks(box, "e")
    assert sorted(waiting(box)) == [
        ("drift_found", "/etc/hosts"),
        ("drift_found", "/etc/motd"),
        ("drift_gone", "/etc/hosts"),
        ("drift_gone", "/etc/motd"),
    ]


def test_a_finding_with_another_cause_is_told_for_that_and_is_not_gone(tmp_path):
    box = Box(tmp_path)
    looks(box, "a", HOSTS)
    looks(box, "b", replace(HOSTS, cause="by_hand"))
    looks(box, "c")
    assert [kind for kind, _ in waiting(box)] == ["drift_found", "drift_found", "drift_gone"]
