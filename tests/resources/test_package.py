"""What package managers print and keep in files, parsed; decisions that need no host."""

import fcntl
import subprocess
import sys
import time

import pytest

from cdconf.agent.commands import locks
from cdconf.agent.errors import Failed
from cdconf.agent.packages import apk, apt, apt_index, common, dpkg, rpm

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
    known = dpkg.DpkgStatus(STATUS)
    assert known.installed("libbar1").version == "2:1.0-1"
    assert known.package("libbar1").held
    assert not known.package("dpkg").held
    assert known.package("dpkg").essential
    assert known.installed("pending")
    assert [known.installed(name) for name in ("half", "gone", "never")] == [None, None, None]
    assert known.package("gone").leftover


def test_a_bare_name_is_of_the_hosts_own_architecture():
    known = dpkg.DpkgStatus(STATUS)
    assert known.installed("libfoo1") is None
    assert known.installed("libfoo1:i386").version == "1.0"


def test_only_installed_packages_provide():
    known = dpkg.DpkgStatus(STATUS)
    assert known.providers("bar-api") == known.providers("bar-other") == ["libbar1"]
    assert known.providers("bar") == []


def test_an_empty_or_missing_status_has_no_packages(tmp_path):
    assert dpkg.DpkgStatus("").installed("dpkg") is None
    assert dpkg.status(str(tmp_path / "none")).installed("dpkg") is None


@pytest.mark.parametrize(
    ("pin", "version", "fits"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.0.1", False),
        ("1.*", "1.0-1", True),
        ("1.*", "11.0", False),
        ("1.?", "1.2", True),
    ],
)
def test_pins(pin, version, fits):
    assert common.fits(pin, [version]) == fits


def test_candidates_of_apt_cache_policy():
    text = "nginx:\n  Installed: (none)\n  Candidate: 1.22.1-9\n  Version table:\n     1.22.1-9 500\nno:\n"
    text += "  Candidate: (none)\n"
    assert apt_index.parse_policy(text) == {"nginx": "1.22.1-9"}


def test_latest_says_what_it_is_worth():
    assert common.latest_state("1", "1", "fetched 3 days ago")["version"] == "latest"
    assert "3 days" in common.latest_state("1", "1", "fetched 3 days ago")["note"]
    assert common.latest_state("1", "2", "fetched 3 days ago")["version"].startswith("1 (2 is in")
    assert "have changed" in common.latest_state("1", "1", None)["version"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (90, "a minute ago"), (7300, "2 hours ago"), (86400 * 3, "3 days ago")],
)
def test_ages(seconds, words):
    assert common.age_text(seconds) == f"fetched {words}"


def test_what_nobody_asked_to_remove_is_named():
    apt._refuse_more("Remv caseone [1.0]\nInst other (1)\nRemv lib:i386 [2]\n", {"caseone", "lib:i386"})
    with pytest.raises(Failed, match="would remove casetwo too"):
        apt._refuse_more("Remv casetwo [1.0]\nRemv caseone [1.0]\n", {"caseone"})


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        ("", "E: Could not get lock /x. It is held by process 7 (unattended-upgr)\n", "unattended-upgr (process 7)"),
        (
            "packages will be REMOVED:\n  a b\nx\n",
            "E: Packages need to be removed but remove is disabled.\n",
            "remove a b",
        ),
        ("", "W: old\nE: Unable to locate package x\nE: later\n", "failed: Unable to locate package x"),
        ("", "killed\n", "apt-get install failed"),
    ],
)
def test_reasons(out, err, reason):
    assert reason in apt._reason("install", out, err)


def test_a_held_lock_is_waited_for_and_its_holder_named(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    program = f"import fcntl, time; f = open({str(path)!r}, 'w'); fcntl.lockf(f, 2); print(flush=True); time.sleep(60)"
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
    with (tmp_path / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert locks.holder(stream.name) is None


APK = """\
C:Q1abc=
P:musl
V:1.2.5-r0
A:x86_64
p:so:libc.musl-x86_64.so.1=1 libc-api=1.2 cmd:ldd=1.2.5-r0
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

C:Q1def=
P:nginx
V:1.26.2-r0
A:x86_64
"""


def test_apks_installed_database():
    versions, provided = apk.parse(APK)
    assert versions == {"musl": "1.2.5-r0", "nginx": "1.26.2-r0"}
    assert provided == {"libc-api"}
    assert apk.parse("") == ({}, set())


def test_apks_pins():
    assert apk.pinned("alpine-base\nnginx=1.26.2-r0\nredis@edge\ncurl=~8\nbash~5\nzlib>1\n!sudo\n") == {"nginx"}


def test_apks_upgrades():
    said = "Installed:                                Available:\nlib-a-1.0-r0                            < 1.1-r2 \n"
    assert apk.parse_upgrades(said) == {"lib-a": "1.1-r2"}


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"name": "nginx"}, "nginx"),
        ({"name": "nginx", "version": "latest"}, "nginx"),
        ({"name": "nginx", "hold": True}, "nginx=1.26.2-r0"),
        ({"name": "nginx", "version": "1.26.2-r0"}, "nginx=1.26.2-r0"),
        ({"name": "nginx", "version": "1.26.2"}, "nginx~1.26.2"),
        ({"name": "nginx", "version": "1.26.*"}, "nginx~1.26"),
    ],
)
def test_apks_arguments(fields, argument):
    assert apk.argument(fields, {"nginx": "1.26.2-r0"}) == argument


def test_apk_knows_no_other_patterns():
    with pytest.raises(Failed, match="a pattern must be"):
        apk.argument({"name": "nginx", "version": "1.*.3"}, {})


RPMS = """\
kernel\t0\t5.14\t1.el9\tx86_64
kernel\t0\t5.15\t1.el9\tx86_64
glibc\t0\t2.34\t1.el9\ti686
bind\t32\t9.16\t2.el9\tx86_64
Unable to detect release version
"""


def test_rpms_versions_in_all_their_spellings():
    known = rpm.InstalledPackages(RPMS)
    bind, kernels = known.find("bind"), known.find("kernel")
    assert bind[0].version == "32:9.16-2.el9"
    assert not common.fits("9.16", bind[0].spellings)
    assert [one.version for one in kernels] == ["5.14-1.el9", "5.15-1.el9"]
    for pin in ("5.14", "5.14-1.el9", "0:5.14", "0:5.14-1.el9", "5.1[45]"):
        assert common.fits(pin, kernels[0].spellings), pin
    assert known.find("glibc:x86_64") == []
    assert len(known.find("glibc:i686")) == 1


def test_rpm_names_on_dnfs_command_line():
    assert rpm.argument("glibc:i686") == "glibc.i686"
    assert rpm.argument("perl(Foo::Bar)") == "perl(Foo::Bar)"


def test_dnfs_version_locks(tmp_path):
    path = tmp_path / "versionlock.list"
    path.write_text("# Added lock\nrpm-one-0:2.0-1.*\n!bad-0:1-1.*\n\nno-epoch-1.0-3.el9.*\n")
    assert rpm.locked(str(path)) == {"rpm-one", "no-epoch"}
    assert rpm.locked(str(tmp_path / "none")) == set()


POLICY = """\
libpython3.11:
  Installed: (none)
  Candidate: 3.11.2-6
  Version table:
     3.11.2-6 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
zsh:
  Installed: (none)
  Candidate: (none)
  Version table:
zsh:i386:
  Installed: (none)
  Candidate: 5.9-4
  Version table:
"""


def test_only_headings_of_the_very_name_are_names():
    headings = apt_index.parse_headings(POLICY)
    names = [
        "libpython3.11",
        "libpython3.1",
        "zsh",
        "zsh:amd64",
        "zsh:any",
        "zsh:i386",
        "zsh:arm64",
        "libpython3.11:i386",
    ]
    known = apt_index.known(names, "amd64", headings)
    assert known == {"libpython3.11", "zsh", "zsh:amd64", "zsh:any", "zsh:i386"}


def test_what_is_no_name_is_refused_with_what_helps(monkeypatch):
    monkeypatch.setattr(apt_index, "_policy", lambda names: POLICY)
    apt_index.refuse_unknown(["zsh"], "amd64")
    with pytest.raises(Failed, match=r"there is no package 'libpython3\.1' in the host's index") as caught:
        apt_index.refuse_unknown(["zsh", "libpython3.1"], "amd64")
    assert apt._STALE.search(caught.value.output)  # the index is fetched, and it's asked again
    with pytest.raises(Failed) as caught:
        apt_index.refuse_unknown(["zsh:arm64"], "amd64")
    assert "dpkg --add-architecture arm64" in caught.value.details["hint"]


def test_apk_refuses_what_it_would_read_as_a_version(monkeypatch):
    monkeypatch.setattr(apk, "_read", lambda path: "")
    for name in ("busybox~1.3", "busybox@edge"):
        with pytest.raises(Failed, match="is no package's name"):
            apk.observe([{"name": name}])
