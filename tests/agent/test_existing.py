"""The facts users, packages and paths, gathered from file trees like those of real hosts."""

import os
from pathlib import Path

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.facts import existing, groups
from tests.conftest import write

PASSWD = """
root:x:0:0:root:/root:/bin/bash
app:x:1000:1000:Löwe:/srv/app:
app:x:1001:1001::/other:/bin/sh
+nis::::::
broken:x:a:b::/:/bin/sh
alone:x:1002:4711::/home/alone:/bin/sh
"""
STATUS = """
Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-1

Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u4

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: half
Status: install ok half-configured
Architecture: amd64
Version: 1
"""


def test_users_are_those_of_passwd_with_their_groups(tmp_path):
    write(tmp_path, {"etc/passwd": PASSWD, "etc/group": "root:x:0:\napp:x:1000:\nsudo:x:27:app\nadm:x:4:app,root\n"})
    found = groups.gather(["users"], str(tmp_path))["users"]
    assert list(found) == ["root", "app", "alone"], "the first entry of a name counts"
    assert found["app"] == {
        "name": "app",
        "uid": 1000,
        "gid": 1000,
        "group": "app",
        "groups": ["adm", "sudo"],
        "home": "/srv/app",
        "shell": "",
    }
    assert (found["root"]["groups"], found["alone"]["group"]) == (["adm"], None)


def test_a_host_with_too_many_users_is_an_error(tmp_path):
    lines = "".join(f"u{number}:x:{number}:0::/:/bin/sh\n" for number in range(existing.MOST["users"] + 1))
    write(tmp_path, {"etc/passwd": lines})
    with pytest.raises(Failed, match=r"more than 5000 users, too many for `facts\.users`"):
        groups.gather(["users"], str(tmp_path))


def test_packages_of_dpkg_are_those_that_are_installed(tmp_path):
    write(tmp_path, {"var/lib/dpkg/status": STATUS.lstrip("\n")})
    found = groups.gather(["packages"], str(tmp_path))["packages"]
    assert {name: one["version"] for name, one in found.items()} == {"dpkg": "1.21", "libc6": "2.36-9+deb12u4"}


def test_packages_of_apk_come_first(tmp_path):
    write(tmp_path, {"lib/apk/db/installed": "P:musl\nV:1.2.4-r2\n\nP:busybox\nV:1.36.1-r5\n"})
    found = groups.gather(["packages"], str(tmp_path))["packages"]
    assert found["musl"] == {"name": "musl", "version": "1.2.4-r2"}


def test_of_several_kernels_rpm_tells_the_one_that_was_installed_last():
    lines = (
        "200\tkernel\t0\t5.14\t2\tx86_64\n100\tkernel\t0\t5.14\t1\tx86_64\n1\tgpg-pubkey\t0\tx\t1\t(none)\nwarning: x\n"
    )
    assert existing.rpm.versions(lines + "9\tbind\t32\t9.16\t1\tx86_64\n") == {
        "kernel": "5.14-2",
        "bind": "32:9.16-1",
    }


@pytest.fixture
def tree(tmp_path):
    write(
        tmp_path, {"etc/cron.d/a": "", "etc/cron.d/b": "", "etc/cron.d/.hidden": "", "etc/x/conf": "", "etc/y/conf": ""}
    )
    (tmp_path / "etc/cron.d/sub").mkdir()
    (tmp_path / "etc/cron.d/to").symlink_to("sub")
    (tmp_path / "etc/cron.d/dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "etc/cron.d/pipe")
    (tmp_path / "etc/cron.d/line\nbreak").write_text("")
    (tmp_path / os.fsdecode(b"etc/cron.d/\xff")).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/etc/cron.d/[ab]", ["a file", "b file"]),
        ("/etc/cron.d/*", ["a file", "b file", "dangling link", "pipe other", "sub directory", "to link"]),
        ("/etc/cron.d/.*", [".hidden file"]),
        ("/etc/cron.d/*/", ["sub directory", "to link"]),
        ("/etc/?/conf", ["conf file", "conf file"]),
        ("/etc/cron.d/a", ["a file"]),
        ("/etc/cron.d/none", []),
        ("/nowhere/*", []),
        ("/etc/cron.d/a/*", []),
    ],
)
def test_paths_match_as_in_a_shell(tree, pattern, expected):
    found = groups.gather([f"paths:{pattern}"], str(tree))["paths"]
    assert [f"{Path(one['path']).name} {one['type']}" for one in found[pattern]] == expected


def test_several_patterns_come_together(tree):
    found = groups.gather(["paths:/etc/?/conf", "users", "paths:/etc/cron.d/a"], str(tree))
    assert {pattern: len(paths) for pattern, paths in found["paths"].items()} == {"/etc/?/conf": 2, "/etc/cron.d/a": 1}


def test_too_many_paths_are_an_error_and_so_is_a_walk_without_end(tree, monkeypatch):
    monkeypatch.setitem(existing.MOST, "paths", 3)
    with pytest.raises(Failed, match=r"'/etc/cron.d/\*' matches more than 3 paths"):
        groups.gather(["paths:/etc/cron.d/*"], str(tree))
    monkeypatch.setattr(existing, "LOOKED_AT", 4)
    monkeypatch.setitem(existing.MOST, "paths", 2000)
    with pytest.raises(Failed, match="goes through more than 4 names"):
        groups.gather(["paths:/etc/cron.d/no*"], str(tree))
