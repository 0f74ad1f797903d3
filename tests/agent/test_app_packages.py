"""Packages that a host installs for releases: found again by their lock file, looked after, and gone with releases."""

import subprocess

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.release import app_packages, tree
from tests.agent.test_agent_releases import FILES, Host, made, names
from tests.wheels import wheel


@pytest.fixture
def host(tmp_path):
    one = Host(tmp_path)
    one.wheels = tmp_path / "wheels"
    venv = {"kind": "venv", "path": "env/venv", "lock": "lock", "within": 120, "wheels": "lib"}
    one.app = {"name": "app", "path": str(one.path), "services": [], "packages": [venv]}
    return one


def release(host, name, *lines):
    """Stages a release with a lock file; returns what was installed."""
    files = {**FILES, "lock": "".join(lines).encode()}
    files.update({f"lib/{one.name}": one.read_bytes() for one in host.wheels.iterdir()})
    host.files = files
    host.stage(name, files)
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
