"""Shared paths on disk: links beside what was deployed, made once, followed by nobody who shouldn't, never removed."""

import os
import subprocess

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.files import disk_space
from cdconf.agent.release import shared_paths, tree
from cdconf.agent.system import in_use
from tests.agent.test_agent_releases import FILES, Host, made, names

APP = {"shared": {"directories": ["uploads", "var/log"], "files": ["lib/local.ini"]}}


@pytest.fixture
def host(tmp_path):
    one = Host(tmp_path)
    one.app = dict(APP, path=str(one.path), name="app", services=[])
    (one.path / "shared/lib").mkdir(parents=True)
    (one.path / "shared/lib/local.ini").write_text("mine")
    return one


def shared_release(host, name="1"):
    host.stage(name, FILES)
    host.releases.share(host.app, name)
    return host.path / "releases" / name


def is_whole(host, name="1"):
    return host.releases.is_whole(name, tree.digest(made(FILES)[0]))


def test_links_lead_into_shared_and_the_tree_is_still_what_was_deployed(host):
    release = shared_release(host)
    (host.path / "shared/uploads/a").write_text("kept")
    assert (release / "uploads/a").read_text() == "kept"
    assert (release / "lib/local.ini").read_text() == "mine"
    assert (release / "var/log").resolve() == host.path / "shared/var/log"
    assert is_whole(host)
    assert host.releases.changes("1") == []
    assert host.stage("1", FILES) == []  # nothing is staged again
    host.stage("2", FILES)
    assert not (host.path / "releases/2/uploads").exists()


@pytest.mark.parametrize("harm", ["added", "elsewhere", "in_between", "content"])
def test_nothing_else_hides_behind_the_links(host, harm):
    release = shared_release(host)
    if harm == "added":
        (release / "var/evil").write_text("x")
    elif harm == "elsewhere":
        (release / "uploads").unlink()
        (release / "uploads").symlink_to("/etc")
    elif harm == "in_between":
        (release / "b").unlink()
        (release / "b").symlink_to(shared_paths.target("b"))
    else:
        (release / "a").write_text("ONE")
    assert host.releases.changes("1")
    assert not is_whole(host)


def test_a_link_that_is_gone_and_a_target_that_is_gone_are_told(host):
    release = shared_release(host)
    (release / "uploads").unlink()
    (host.path / "shared/lib/local.ini").unlink()
    assert host.releases.changes("1") == [
        ("missing", str(host.path / "shared/lib/local.ini")),
        ("missing", "uploads"),
    ]
    host.releases.share(host.app, "1")
    assert (release / "uploads").is_dir()


def test_links_follow_cdconf_yml_and_what_is_shared_stays(host):
    release = shared_release(host)
    (host.path / "shared/uploads/a").write_text("kept")
    host.app["shared"] = {"directories": ["cache"], "files": []}
    host.releases.share(host.app, "1")
    assert sorted(one.name for one in release.iterdir() if one.is_symlink()) == ["cache"]
    assert (host.path / "shared/uploads/a").read_text() == "kept"
    assert host.releases.changes("1") == []
    del host.app["shared"]
    host.releases.share(host.app, "1")
    assert host.releases.shared("1") == []
    assert not (release / "cache").is_symlink()
    assert is_whole(host)


@pytest.mark.parametrize("path", ["a", "lib", "lib/c", "a/b"])
def test_what_the_release_has_itself_cant_be_shared(host, path):
    host.stage("1", FILES)
    host.app["shared"] = {"directories": [path], "files": []}
    with pytest.raises(Failed, match="of its own"):
        host.releases.share(host.app, "1")
    assert shared_paths.conflict(made(FILES)[0], [path]) is not None
    assert not (host.path / "shared" / path).exists() or path == "lib"


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../x", "a//b", ".", ""])
def test_a_path_that_leaves_is_refused_on_the_host_as_well(path):
    with pytest.raises(Failed, match="would leave its directory"):
        shared_paths.paths_of({"shared": {"directories": [path]}})


def test_missing_files_and_things_in_the_way_are_found_before_anything_changes(host):
    shared_paths.check(host.app, host.releases, "1")
    (host.path / "shared/lib/local.ini").unlink()
    with pytest.raises(Failed, match="isn't there"):
        shared_paths.check(host.app, host.releases, "1")
    host.app["toggles"] = {"path": str(host.path / "shared/lib/local.ini")}  # this one cdconf makes itself
    shared_paths.check(host.app, host.releases, "1")
    (host.path / "shared/uploads").write_text("x")
    with pytest.raises(Failed, match="isn't a directory"):
        shared_paths.check(host.app, host.releases, "1")


def test_uploads_that_someone_put_in_the_links_place_arent_swapped_away(host):
    release = shared_release(host)
    (release / "uploads").unlink()
    (release / "uploads").mkdir()
    (release / "uploads/precious").write_text("x")
    with pytest.raises(Failed, match="move what's in it to"):
        shared_paths.check(host.app, host.releases, "1")
    assert (release / "uploads/precious").exists()


def test_a_link_that_isnt_roots_is_not_followed(host, monkeypatch):
    (host.path / "shared/var").symlink_to(host.folder)
    os.lchown(host.path / "shared/var", 12345, 12345)
    with pytest.raises(Failed, match="root doesn't follow it"):
        shared_paths.make(host.app)
    assert not (host.folder / "log").exists()
    os.lchown(host.path / "shared/var", 0, 0)
    shared_paths.make(host.app)
    assert (host.folder / "log").is_dir()


def test_new_directories_are_the_users_and_old_ones_stay_as_they_are(host):
    host.app["user"] = "nobody"
    (host.path / "shared/uploads").mkdir(mode=0o700)
    shared_paths.make(host.app)
    uploads, log = (host.path / "shared/uploads").stat(), (host.path / "shared/var/log").stat()
    assert (uploads.st_uid, uploads.st_mode & 0o777) == (0, 0o700)
    assert (log.st_uid, log.st_mode & 0o777) == (65534, 0o750)
    assert (host.path / "shared/var").stat().st_uid == 0


def test_a_release_in_which_a_process_works_stays(host):
    for number in "12345":
        host.stage(number, {**FILES, "n": number.encode()})
        host.ledger.page["releases"][number]["staged_at"] = int(number)
        host.ledger.confirmed(number)
        host.releases.point(number)
    with subprocess.Popen(["sleep", "60"], cwd=host.path / "releases/1") as process:
        assert in_use.names(str(host.path / "releases")) == {"1"}
        assert host.releases.clean(2) == ["3", "2"]
        assert names(host.path / "releases") == ["1", "4", "5"]
        process.kill()
    with (host.path / "releases/1/a").open():  # this process
        assert host.releases.clean(2) == []
    assert host.releases.clean(2) == ["1"]
    assert names(host.path / "releases") == ["4", "5"]


def test_no_room_is_told_in_numbers(tmp_path):
    disk = os.statvfs(tmp_path)
    disk_space.check(str(tmp_path / "not/there/yet"), 1, 1, "the release")
    with pytest.raises(Failed, match=r"no room: .* MB free, and the release needs .* MB") as caught:
        disk_space.check(str(tmp_path), disk.f_bavail * disk.f_frsize, 1, "the release")
    assert caught.value.kind == "disk_full"
    if disk.f_files:
        with pytest.raises(Failed, match=r"inodes free, and the release needs \d+"):
            disk_space.check(str(tmp_path), 1, disk.f_favail + 1, "the release")
