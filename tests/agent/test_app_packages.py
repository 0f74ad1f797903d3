"""Packages that a host installs for releases: found again by their lock file, looked after, and gone with releases."""

import os
import shutil
import subprocess
import time

import pytest

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.release import app_packages, tree
from tests.agent.test_agent_releases import FILES, Host, made, names
from tests.wheels import wheel

NOBODY = 65534


@pytest.fixture
def host(tmp_path):
    one = Host(tmp_path)
    one.wheels = tmp_path / "wheels"
    venv = {"kind": "venv", "path": "env/venv", "lock": "lock", "within": 120, "wheels": "lib"}
    one.app = {"name": "app", "path": str(one.path), "services": [], "packages": [venv]}
    return one


def release(host, name, *lines):
    """Stages a release with a lock file; returns what was installed."""
    content = {**FILES, "lock": "".join(lines).encode()}
    content.update({f"lib/{one.name}": one.read_bytes() for one in host.wheels.iterdir()})
    host.files = content
    host.stage(name, content)
    return app_packages.install(host.app, host.releases, name, lambda: None)


def there(host):
    return names(host.path / "packages")


def test_one_installation_serves_all_releases_with_its_lock_file_and_goes_with_the_last(host):
    line = wheel(host.wheels, "greeting", "1.0")
    assert [one["made"] for one in release(host, "1", line)] == [True]
    assert [one["made"] for one in release(host, "2", line)] == [False]
    [name] = there(host)
    link = host.path / "releases/2/env/venv"
    assert str(link.readlink()) == f"../../../packages/{name}"
    assert subprocess.check_output([link / "bin/greeting"], text=True) == "hello\n"
    assert host.releases.is_whole("2", tree.digest(made(host.files)[0]))
    assert host.releases.changes("1") == host.releases.changes("2") == []

    (link / "bin/greeting").write_text("#!/bin/sh\n")
    assert host.releases.changes("2") == [("changed", str(host.path / "packages" / name))]
    assert [one["made"] for one in app_packages.install(host.app, host.releases, "2", lambda: None)] == [True]
    assert host.releases.changes("2") == []
    assert len(there(host)) == 2  # what release 1 has may be at work

    link.unlink()
    assert host.releases.changes("2") == [("missing", "env/venv")]
    link.symlink_to("/etc")
    assert host.releases.changes("2") == [("changed", "env/venv")]
    app_packages.install(host.app, host.releases, "2", lambda: None)
    assert host.releases.changes("2") == []

    del host.ledger.page["releases"]["1"]
    app_packages.clean(host.releases)
    assert there(host) == [link.readlink().name]
    app_packages.install(dict(host.app, packages=[]), host.releases, "2", lambda: None)
    app_packages.clean(host.releases)
    assert (there(host), link.is_symlink(), host.releases.changes("2")) == ([], False, [])


def test_a_lock_file_of_an_artifact_leads_pip_nowhere_else(host):
    line = wheel(host.wheels, "greeting", "1.0")
    for number, more in enumerate(("--index https://example.org", "-r /etc/passwd", "--find lib")):
        with pytest.raises(Failed, match="line 2 of 'lock' leads to something else with '-"):
            release(host, str(number), line, more)
    assert there(host) == []
    host.files = {**FILES, "lock": line.encode("utf-16")}
    host.stage("x", host.files)
    with pytest.raises(Failed, match="isn't UTF-8"):
        app_packages.install(host.app, host.releases, "x", lambda: None)
    assert [one["made"] for one in release(host, "9", "# coding: utf-7\n", line)] == [True]


def test_a_failure_leaves_nothing_and_the_release_keeps_what_it_had(host):
    line = wheel(host.wheels, "greeting", "1.0")
    release(host, "1", line)
    before = there(host), host.releases.packages("1")
    with pytest.raises(Failed, match="installing what 'lock' names failed") as caught:
        release(host, "2", line.replace("sha256:", "sha256:0")[:-2] + "\n")
    assert caught.value.kind == "failed"
    host.stage("3", FILES)
    with pytest.raises(Failed, match="the release has no 'lock'"):
        app_packages.install(host.app, host.releases, "3", lambda: None)

    def stop():
        raise KeyboardInterrupt

    host.stage("4", {**host.files, "lock": line.encode() + b"# more\n"})
    with pytest.raises(KeyboardInterrupt):
        app_packages.install(host.app, host.releases, "4", stop)
    assert (there(host), host.releases.packages("1")) == before
    assert host.releases.packages("2") == {}


def test_what_was_made_for_one_kind_is_not_cleaned_away_for_the_next(host):
    line = wheel(host.wheels, "greeting", "1.0")
    second = dict(host.app["packages"][0], path="env/other", lock="more")
    host.app["packages"].append(second)
    content = {**FILES, "lock": line.encode(), "more": line.encode() + b"# another file\n"}
    content.update({f"lib/{one.name}": one.read_bytes() for one in host.wheels.iterdir()})
    host.stage("1", content)
    told = app_packages.install(host.app, host.releases, "1", lambda: None)
    assert [one["made"] for one in told] == [True, True]
    assert len(there(host)) == 2
    assert host.releases.changes("1") == []


def taken(tmp_path, within=60.0):
    """What becomes of the files in `left`."""
    kept = tmp_path / "kept"
    kept.mkdir(exist_ok=True)
    uid = os.getuid() or NOBODY
    if not os.getuid():
        subprocess.run(["chown", "-R", "-h", str(uid), str(tmp_path / "left")], check=True)
    taking = app_packages.Taking(uid, lambda: None, time.monotonic() + within)
    with files.hold(str(tmp_path / "left")) as source, files.hold(str(kept)) as place:
        taking.all_of(source, place)
    return kept


def test_nobody_else_can_change_what_is_kept_whatever_it_was_made_like(tmp_path):
    left = tmp_path / "left/inner"
    left.mkdir(parents=True)
    left.chmod(0o2777)
    for name, mode in (("data", 0o666), ("program", 0o4777), ("private", 0o600)):
        (left / name).write_text(name)
        (left / name).chmod(mode)
    os.link(left / "data", left / "again")  # esbuild makes such links
    (left / "link").symlink_to("data")
    kept = taken(tmp_path) / "inner"
    modes = {path.name: oct(path.lstat().st_mode & 0o7777) for path in kept.iterdir() if not path.is_symlink()}
    assert modes == {"data": "0o644", "again": "0o644", "program": "0o755", "private": "0o644"}
    assert oct(kept.stat().st_mode & 0o7777) == "0o755"
    assert str((kept / "link").readlink()) == "data"


def test_what_has_no_end_and_what_is_no_file_is_refused(tmp_path, monkeypatch):
    left = tmp_path / "left"
    left.mkdir()
    with (left / "sparse").open("wb") as stream:
        stream.truncate(10 * 1024**4)
    monkeypatch.setattr(app_packages, "LARGEST", 3 * app_packages.BLOCK)
    with pytest.raises(Failed, match="packages of more than"):
        taken(tmp_path)
    (tmp_path / "kept/sparse").unlink()
    with pytest.raises(Failed, match="or that took too long"):
        taken(tmp_path, within=-1.0)
    (left / "sparse").unlink()
    os.mkfifo(left / "pipe")
    with pytest.raises(Failed, match="is no file, directory or link"):
        taken(tmp_path)


def test_names_alone_have_an_end_and_so_have_directories_in_directories(tmp_path, monkeypatch):
    left = tmp_path / "left"
    left.mkdir()
    for number in range(4):
        (left / str(number)).touch()
    monkeypatch.setattr(app_packages, "LARGEST", 3 * app_packages.ENTRY)
    with pytest.raises(Failed, match="packages of more than"):
        taken(tmp_path)
    monkeypatch.undo()
    (left / "/".join("d" * 300)).mkdir(parents=True)
    shutil.rmtree(tmp_path / "kept")
    with pytest.raises(Failed, match="more than 200 deep"):
        taken(tmp_path)


def test_something_else_in_the_place_of_packages_is_told_and_kept(host):
    line = wheel(host.wheels, "greeting", "1.0")
    release(host, "1", line)
    link = host.path / "releases/1/env/venv"
    link.unlink()
    link.mkdir()
    assert ("replaced", "env/venv") in host.releases.changes("1")
    with pytest.raises(Failed, match="something else is there"):
        app_packages.install(host.app, host.releases, "1", lambda: None)
    assert link.is_dir()
