"""fstab, mountinfo and hosts: parsed, edited, and everything else kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.system import fstab, hosts_file, mounts

TEXT = "# static\nUUID=1 / ext4 errors=remount-ro 0 1\n\nserver:/x\t/srv/a\\040b/ nfs  ro\n/swap none swap sw,pri=5 0 0"
ENTRY = {"device": "tmpfs", "path": "/tmp", "type": "tmpfs", "options": "size=1g", "dump": 0, "pass": 0}


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), min_size=1))
def test_any_path_survives(text):
    field = fstab.encode(text)
    assert fstab.decode(field) == text
    assert not set(field) & set(" \t\n")
    assert not field.startswith("#")


def test_an_entry_is_added_after_a_line_without_an_end():
    changed = fstab.put(TEXT, "path", "/tmp", ENTRY)
    assert changed == TEXT + "\ntmpfs\t/tmp\ttmpfs\tsize=1g\t0\t0\n"
    assert fstab.find(changed, "path", "/tmp") == ENTRY
    assert fstab.put(changed, "path", "/tmp", None) == TEXT + "\n"


def test_an_entry_is_replaced_in_its_place_and_its_double_goes():
    entry = dict(ENTRY, path="/srv/a b")
    changed = fstab.put(TEXT + "\nold /srv/a\\040b ext4 defaults 0 0\n", "path", "/srv/a b", entry).splitlines()
    assert changed[3] == "tmpfs\t/srv/a\\040b\ttmpfs\tsize=1g\t0\t0"
    assert len(changed) == 5
    assert changed[:3] == TEXT.splitlines()[:3]


def test_an_entry_that_says_the_same_is_left_as_it_is():
    found = fstab.find(TEXT, "path", "/srv/a b")
    assert found["options"] == "ro"
    assert fstab.put(TEXT, "path", "/srv/a b", found) == TEXT
    assert fstab.find(TEXT, "device", "/swap")["options"] == "sw,pri=5"


INFO = (
    "36 35 0:31 / /srv rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
    "37 35 0:32 /from /srv/a\\040b ro,relatime - ext4 /dev/sda1 rw\n"
    "38 35 0:33 / /t rw,nosuid - tmpfs tmpfs rw,size=65536k\n"
)


def test_mountinfo():
    found = mounts.parse(INFO)
    assert found["/srv/a b"] == {"source": "/dev/sda1", "type": "ext4", "root": "/from", "options": {"ro", "relatime"}}


@pytest.mark.parametrize(
    ("wanted", "path", "wrong"),
    [
        ("defaults", "/srv", []),
        ("noatime,nofail", "/srv", []),
        ("noexec", "/srv", ["noexec"]),
        ("bind", "/srv/a b", ["rw"]),
        ("bind,ro", "/srv/a b", []),
        ("size=64m,nosuid", "/t", []),
        ("size=32m", "/t", ["size=32m"]),
        ("size=50%", "/t", []),
    ],
)
def test_options_are_compared_as_the_kernel_shows_them(wanted, path, wrong):
    assert mounts.wrong_options(wanted.split(","), mounts.parse(INFO)[path]["options"]) == wrong


@pytest.mark.parametrize(
    ("wanted", "flags", "inherited", "added"),
    [
        (["defaults"], {"rw", "relatime"}, (), []),
        (["defaults"], {"rw", "noexec", "noatime"}, (), ["exec", "relatime"]),
        (["noexec"], {"rw", "noexec", "nosuid", "nodev", "nodiratime"}, (), ["suid", "dev", "diratime"]),
        (["users"], {"rw", "noexec", "nosuid", "nodev"}, (), []),
        (["owner"], {"rw", "noexec", "nosuid", "nodev"}, (), ["exec"]),
        (["bind"], {"rw", "noexec", "nosuid"}, {"rw", "nosuid"}, ["exec"]),
        (["rw"], {"ro"}, (), []),
    ],
)
def test_flags_that_nobody_asked_for(wanted, flags, inherited, added):
    assert mounts.added_flags(wanted, flags, inherited) == added


def test_tags_are_udevs_links():
    assert mounts.device_path("UUID=1-2") == "/dev/disk/by-uuid/1-2"
    assert mounts.device_path("LABEL=my disk") == "/dev/disk/by-label/my\\x20disk"
    assert mounts.device_path("server:/a=b") == "server:/a=b"


@given(st.lists(st.sampled_from(["# 10.0.0.1 x", "", "10.0.0.2 b # c", "::1 localhost", "10.0.0.1  a b", "nonsense"])))
def test_other_hosts_are_kept(lines):
    text = "".join(line + "\n" for line in lines)
    changed = hosts_file.put(text, "10.0.0.1", ["db", "db1"])
    assert hosts_file.names(changed, "10.0.0.1") == ["db", "db1"]
    assert hosts_file.put(changed, "10.0.0.1", ["db", "db1"]) == changed
    others = [line for line in lines if not line.startswith("10.0.0.1")]
    assert [line for line in changed.splitlines() if not line.startswith("10.0.0.1")] == others
    assert hosts_file.names(hosts_file.put(changed, "10.0.0.1", None), "10.0.0.1") is None


@pytest.mark.parametrize(
    ("wanted", "live", "wrong"),
    [
        ("hidepid=2", {"rw"}, ["hidepid=2"]),
        ("hidepid=2", {"rw", "hidepid=invisible"}, []),
        ("hidepid=invisible", {"rw", "hidepid=2"}, []),
        ("hidepid=2", {"rw", "hidepid=noaccess"}, ["hidepid=2"]),
        ("hidepid=0", {"rw"}, []),
        ("hidepid=0", {"rw", "hidepid=1"}, ["hidepid=0"]),
    ],
)
def test_proc_hides_processes_as_wanted_in_numbers_and_in_words(wanted, live, wrong):
    assert mounts.wrong_options([wanted], live) == wrong
