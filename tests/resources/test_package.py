"""What package managers print and keep in files, parsed; decisions that need no host."""

import fcntl
import os
import subprocess
import sys
import time

import pytest

from cdconf.agent import apt, apt_index, dpkg, locks, packages
from cdconf.agent.base import Failed

STATUS = """\
Package: dpkg
Essential: yes
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: libfoo1
Status: install ok installed
Architecture: i386
Multi-Arch: same
Version: 1.0
Description: a package of another architecture
 Version: 9.9

Package: libbar1
Status: hold ok installed
Architecture: all
Version: 2:1.0-1
Provides: bar-api (= 3), bar-other

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
Provides: bar-other

Package: half
Status: install ok half-configured
Architecture: amd64
Version: 1

Package: pending
Status: install ok triggers-pending
Architecture: amd64
Version: 1
"""


def test_status_says_what_is_properly_installed():
    known = dpkg.Status(STATUS)
    assert known.installed("libbar1").version == "2:1.0-1"
    assert known.package("libbar1").held
    assert not known.package("dpkg").held
    assert known.package("dpkg").essential
    assert known.installed("pending")
    assert [known.installed(name) for name in ("half", "gone", "never")] == [None, None, None]
    assert known.package("gone").leftover


def test_a_bare_name_is_of_the_hosts_own_architecture():
    known = dpkg.Status(STATUS)
    assert known.installed("libfoo1") is None
    assert known.installed("libfoo1:i386").version == "1.0"


def test_only_installed_packages_provide():
    known = dpkg.Status(STATUS)
    assert known.providers("bar-api") == known.providers("bar-other") == ["libbar1"]
    assert known.providers("bar") == []


def test_an_empty_or_missing_status_has_no_packages(tmp_path):
    assert dpkg.Status("").installed("dpkg") is None
    assert dpkg.status(str(tmp_path / "none")).installed("dpkg") is None


@pytest.mark.parametrize(
    ("pin", "version", "fits"),
    [("1.0", "1.0", True), ("1.0", "1.0.1", False), ("1.*", "1.0-1", True), ("1.*", "11.0", False), ("1.?", "1.2", True)],
)
def test_pins(pin, version, fits):
    assert packages.fits(pin, [version]) is fits


def test_candidates_of_apt_cache_policy():
    text = "nginx:\n  Installed: (none)\n  Candidate: 1.22.1-9\n  Version table:\n     1.22.1-9 500\nno:\n  Candidate: (none)\n"
    assert apt_index.parse_policy(text) == {"nginx": "1.22.1-9"}


def test_latest_says_what_it_is_worth():
    assert packages.latest_state("1", "1", "fetched 3 days ago")["version"] == "latest"
    assert "3 days" in packages.latest_state("1", "1", "fetched 3 days ago")["note"]
    assert packages.latest_state("1", "2", "fetched 3 days ago")["version"].startswith("1 (2 is in")
    assert "have changed" in packages.latest_state("1", "1", None)["version"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (90, "a minute ago"), (7300, "2 hours ago"), (86400 * 3, "3 days ago")],
)
def test_ages(seconds, words):
    assert packages.age_text(seconds) == f"fetched {words}"


def test_what_nobody_asked_to_remove_is_named():
    apt._refuse_more("Remv caseone [1.0]\nInst other (1)\nRemv lib:i386 [2]\n", {"caseone", "lib:i386"})
    with pytest.raises(Failed, match="would remove casetwo too"):
        apt._refuse_more("Remv casetwo [1.0]\nRemv caseone [1.0]\n", {"caseone"})


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        ("", "E: Could not get lock /x. It is held by process 7 (unattended-upgr)\n", "unattended-upgr (process 7)"),
        ("packages will be REMOVED:\n  a b\nx\n", "E: Packages need to be removed but remove is disabled.\n", "remove a b"),
        ("", "W: old\nE: Unable to locate package x\nE: later\n", "failed: Unable to locate package x"),
        ("", "killed\n", "apt-get install failed"),
    ],
)
def test_reasons(out, err, reason):
    assert reason in apt._reason("install", out, err)


def test_a_held_lock_is_waited_for_and_its_holder_named(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    program = f"import fcntl, sys, time; f = open({str(path)!r}, 'w'); fcntl.lockf(f, 2); print(); sys.stdout.flush(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert locks.holder(str(path)) == process.pid
        with pytest.raises(Failed, match=rf"python\S* \(process {process.pid}\) has held"):
            locks.wait([str(path)], 0)
    finally:
        process.kill()
        process.communicate()
    began = time.monotonic()
    locks.wait([str(path), str(tmp_path / "none")], 30)
    assert time.monotonic() - began < 5


def test_ones_own_flock_is_no_posix_lock(tmp_path):
    with open(tmp_path / "lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert locks.holder(stream.name) is None
    assert os.path.exists(stream.name)
