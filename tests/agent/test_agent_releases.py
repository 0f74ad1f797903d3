"""Releases on disk, with the agent's own code, in a temp directory: whatever people and crashes did to them."""

import hashlib
import os
import shutil
from types import SimpleNamespace

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import Lease
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release import chunks, tree
from cdconf.agent.release.releases import Releases
from cdconf.agent.system import kernel


class Host:
    """An app's directory and ledger."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "srv"
        self.path.mkdir()
        self.ledger = Ledger(HostStore("demo", str(folder / "state")), "app")
        self.releases = Releases(str(self.path), self.ledger)

    def stage(self, name, files):
        """Stages a release as the controller does; returns the contents that were sent."""
        manifest, blobs = made(files)
        digest = tree.digest(manifest)
        staging = self.releases.prepare(name, manifest, {}, lambda: None)
        sent = []
        if staging is not None:
            names = list(chunks.table(manifest, {}))
            sent = [blobs[names[number].hex()] for number in staging.lacking]
            frames = iter([chunks.pack(blob, 6) for blob in sent])
            self.releases.stage(staging, name, digest, lambda: next(frames))
        self.ledger.staged(name, "1", "archive", digest)
        return sent

    def read(self, path):
        return (self.path / path).read_bytes()


def made(files):
    blobs = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    manifest = [{"path": "lib", "kind": "directory", "mode": "0755"}]
    for path, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        manifest.append({"path": path, "kind": "file", "mode": "0644", "sha256": digest, "size": len(data)})
    return manifest, blobs


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


FILES = {"a": b"one", "b": b"two", "lib/c": b"one"}


def test_only_contents_that_no_release_here_has_are_sent(host):
    assert host.stage("1", FILES) == [b"one", b"two"]
    assert host.stage("2", {**FILES, "d": b"new"}) == [b"new"]
    assert host.read("releases/2/lib/c") == b"one"


@pytest.mark.parametrize("damage", ["change", "remove", "directory", "link", "pipe"])
def test_a_damaged_release_gives_no_content_away(host, damage):
    host.stage("1", FILES)
    victim = host.path / "releases/1/b"
    status = victim.stat()
    victim.unlink()
    if damage == "change":
        victim.write_bytes(b"TWO")
        os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))  # the same size and time
    elif damage == "directory":
        victim.mkdir()
    elif damage == "link":
        victim.symlink_to("a")
    elif damage == "pipe":
        os.mkfifo(victim)
    assert host.stage("2", {**FILES, "d": b"new"}) == [b"two", b"new"]
    assert host.read("releases/2/b") == b"two"


def test_a_content_that_another_release_has_whole_is_taken_from_there(host):
    host.stage("1", FILES)
    host.stage("2", FILES)
    (host.path / "releases/1/b").write_bytes(b"TWO")
    assert host.stage("3", FILES) == []
    assert host.read("releases/3/b") == b"two"


def test_a_content_that_changes_while_it_is_staged_is_noticed_and_nothing_is_left(host):
    host.stage("1", FILES)
    manifest, _ = made(FILES)
    staging = host.releases.prepare("2", manifest, {}, lambda: None)
    assert staging.lacking == []
    (host.path / "releases/.staging-2/b").write_bytes(b"TWO")
    with pytest.raises(Failed, match="the release on disk isn't what its digest says"):
        host.releases.stage(staging, "2", tree.digest(manifest), None)
    assert names(host.path / "releases") == ["1"]


def test_a_damaged_manifest_costs_bandwidth_and_nothing_else(host):
    host.stage("1", FILES)
    (host.folder / "state/manifest-app-1.json").write_text("[1]")
    assert host.stage("2", FILES) == [b"one", b"two"]


APP = {"name": "app", "services": []}


def test_a_full_disk_stops_a_release_that_must_be_staged_and_no_other(host, monkeypatch):
    host.stage("1", FILES)
    agent = SimpleNamespace(store=host.ledger.store, lease=Lease(host.ledger.store))
    digest = host.ledger.page["releases"]["1"]["tree"]
    full = SimpleNamespace(f_bavail=1, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda path: full)

    def preflight():
        return deploy_calls.preflight(agent, dict(APP, path=str(host.path)), "1", digest, 1000, 3)

    assert preflight() == {"whole": True, "held": []}
    (host.path / "releases/1/b").write_bytes(b"TWO")
    with pytest.raises(Failed, match=r"the release needs 16\.8 MB") as caught:
        preflight()
    assert caught.value.kind == "disk_full"


@pytest.mark.parametrize("forget", ["manifest", "ledger", "tree"])
def test_a_release_that_the_host_does_not_know_is_staged(host, forget):
    host.stage("1", FILES)
    digest = host.ledger.page["releases"]["1"]["tree"]
    assert host.releases.is_whole("1", digest)
    if forget == "manifest":
        (host.folder / "state/manifest-app-1.json").unlink()
    elif forget == "ledger":
        del host.ledger.page["releases"]["1"]
    else:
        digest = "0" * 64
    assert not host.releases.is_whole("1", digest)


def test_changes_are_named(host):
    host.stage("1", FILES)
    root = host.path / "releases/1"
    assert host.releases.changes("1") == []
    (root / "a").write_bytes(b"other")
    (root / "b").unlink()
    (root / "lib/c").chmod(0o755)
    (root / "more/deep").mkdir(parents=True)
    (root / "lib/__pycache__").mkdir()
    (root / "lib/__pycache__/c.pyc").write_bytes(b"")
    wanted = {("changed", "a"), ("missing", "b"), ("changed", "lib/c"), ("added", "more")}
    found = host.releases.changes("1")
    assert (set(found), len(found)) == (wanted, 4)


def test_a_release_that_is_here_whole_is_left_alone(host):
    host.stage("1", FILES)
    before = (host.path / "releases/1").stat().st_ino
    host.stage("1", FILES)
    assert (host.path / "releases/1").stat().st_ino == before


@pytest.fixture(params=["exchange", "without exchange"])
def watched(request, host, monkeypatch):
    """A live release; `current` is looked at before and after everything that moves or removes names."""
    if request.param == "without exchange":
        monkeypatch.setattr(kernel, "exchange", lambda one, other: False)
    host.stage("1", FILES)
    host.releases.point("1")
    host.gaps = []

    def look(function):
        def wrapped(*arguments, **keywords):
            if not (host.path / "current/a").exists():
                host.gaps.append((function.__name__, arguments))
            result = function(*arguments, **keywords)
            if not (host.path / "current/a").exists():
                host.gaps.append((function.__name__, arguments))
            return result

        return wrapped

    for module, name in ((os, "rename"), (os, "unlink"), (os, "symlink"), (shutil, "rmtree"), (kernel, "exchange")):
        monkeypatch.setattr(module, name, look(getattr(module, name)))
    return host


def test_a_live_release_is_mended_without_a_moment_in_which_it_is_gone(watched):
    live = watched.path / "releases/1"
    (live / "b").write_bytes(b"TWO")
    working = os.open(live, os.O_RDONLY)  # as a service whose working directory it is
    try:
        watched.stage("1", FILES)
        assert watched.gaps == []
        assert watched.read("current/b") == b"two"
        assert watched.releases.linked() == "1"
        assert os.stat("b", dir_fd=working)
        watched.ledger.confirmed("1")
        watched.releases.clean(5)
        assert os.stat("b", dir_fd=working), "somebody still works there"
    finally:
        os.close(working)
    watched.releases.clean(5)
    assert names(watched.path / "releases") == ["1"]


def test_cleaning_keeps_what_runs_and_what_a_rollback_needs(host):
    for number in "12345":
        host.stage(number, {"a": number.encode()})
        host.releases.point(number)
        host.ledger.confirmed(number)
        host.ledger.page["releases"][number]["staged_at"] = int(number)
    (host.path / "releases/.staging-9").mkdir()
    assert set(host.releases.clean(1)) == {"1", "2", "3"}
    assert names(host.path / "releases") == ["4", "5"]
    assert not (host.folder / "state/manifest-app-1.json").exists()


def test_releases_that_failed_take_no_place_of_those_to_go_back_to(host):
    for number in "123456":
        host.stage(number, {"a": number.encode()})
        host.ledger.page["releases"][number].update(staged_at=int(number), archive=number)
        if number in "1236":
            host.ledger.confirmed(number)
        else:
            host.ledger.pin(number, number, "not healthy")
    host.ledger.pin("2", "2", "it failed later on")
    assert host.releases.clean(4) == ["5", "4"]
    assert names(host.path / "releases") == ["1", "2", "3", "6"]


def test_a_release_that_is_gone_from_the_disk_is_nothing_to_go_back_to(host):
    for number in "12":
        host.stage(number, {"a": number.encode()})
        host.ledger.confirmed(number)
    shutil.rmtree(host.path / "releases/2")
    assert host.releases.verified() == "1"


def test_current_counts_only_when_it_points_to_a_release_of_this_app(host):
    host.stage("1", FILES)
    host.releases.point("1")
    assert host.releases.linked() == "1"
    elsewhere = host.folder / "evil/releases/1"
    elsewhere.mkdir(parents=True)
    (host.path / "current").unlink()
    (host.path / "current").symlink_to(elsewhere)
    assert host.releases.linked() == str(elsewhere)
    (host.path / "current").unlink()
    (host.path / "current").symlink_to(host.path / "releases/1")
    assert host.releases.linked() == "1"


def test_a_directory_where_current_is_to_be_is_found_before_anything_is_done(host):
    host.releases.check_link()
    (host.path / "current").mkdir()
    with pytest.raises(Failed, match="isn't a link"):
        host.releases.check_link()


def test_cleaning_counts_only_releases_that_are_here_among_those_to_go_back_to(host):
    for number in "123":
        host.stage(number, {"a": number.encode()})
        host.releases.point(number)
        host.ledger.confirmed(number)
        host.ledger.page["releases"][number]["staged_at"] = int(number)
    shutil.rmtree(host.path / "releases/2")
    host.releases.clean(1)
    assert names(host.path / "releases") == ["1", "3"]
    assert host.ledger.page["verified"] == ["1", "3"]
