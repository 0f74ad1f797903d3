"""What a user can put into his own directory for root to find there: programs, ACLs, mounts, directories of root's."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cdconf.agent import files
from cdconf.agent.edit import env_file
from cdconf.agent.errors import Failed
from cdconf.agent.files import home_files, trees
from cdconf.agent.release import staging
from cdconf.agent.toggles.toggles import Toggles
from cdconf.resources.certificate import agent as certificate
from cdconf.resources.download import agent as download
from cdconf.resources.file import agent as file

USER = 4242
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")


class Place:
    """`home` is the user's directory, `etc` is root's with a secret in it."""

    def __init__(self, folder):
        self.home, self.etc = folder / "home", folder / "etc"
        self.home.mkdir()
        self.etc.mkdir()
        os.chown(self.home, USER, USER)
        self.secret = self.etc / "shadow"
        self.secret.write_text("secret")
        self.secret.chmod(0o600)

    def own(self, name, text="his", mode=0o644):
        """A file of the user's."""
        path = self.home / name
        path.write_text(text)
        os.chown(path, USER, USER)
        path.chmod(mode)
        return path

    def mount(self, source, path):
        """Root has mounted something there, and the user has moved the directory that it's in."""
        if source.is_dir():
            path.mkdir()
        else:
            path.touch()
        if subprocess.run(["mount", "--bind", source, path], check=False, capture_output=True).returncode != 0:
            pytest.skip("nothing can be mounted here")
        return path

    def is_unharmed(self):
        status = self.secret.stat()
        mine = (status.st_uid, stat.S_IMODE(status.st_mode), self.secret.read_text()) == (0, 0o600, "secret")
        return mine and [one.name for one in self.etc.iterdir()] == ["shadow"] and self.etc.stat().st_uid == 0


@pytest.fixture
def place(tmp_path):
    yield Place(tmp_path)
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        if line.split()[1].startswith(str(tmp_path)):
            subprocess.run(["umount", line.split()[1]], check=True)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def allow(path, bits, kind="access"):
    """An entry for the user in a path's ACL (acl(5))."""
    value = b"\x02\0\0\0"
    for tag, own, number in ((1, 6, -1), (2, bits, USER), (4, 4, -1), (16, bits | 4, -1), (32, 4, -1)):
        value += tag.to_bytes(2, "little") + own.to_bytes(2, "little") + (number & 0xFFFFFFFF).to_bytes(4, "little")
    try:
        os.setxattr(path, "system.posix_acl_" + kind, value)
    except OSError:
        pytest.skip("this file system has no ACLs")


@pytest.mark.parametrize("bits", [0o4755, 0o2755, 0o6755])
def test_a_user_s_program_doesn_t_become_a_setuid_program_of_root_s(place, bits):
    path = place.own("program", mode=bits)
    files.set_ownership(str(path), {"owner": ("4242", "root")})
    assert (path.stat().st_uid, mode(path)) == (0, 0o755)
    group = place.own("group", mode=bits)
    files.set_ownership(str(group), {"group": ("4242", "root")})
    assert mode(group) == bits & ~0o2000
    with files.hold(str(place.home)) as folder:
        place.own("below", mode=bits)
        files.set_in(folder, "below", {"owner": "root"}, "root", folder.mount())
    assert mode(place.home / "below") == 0o755


def test_a_setuid_bit_stays_where_the_owner_stays_or_the_mode_is_wanted(place):
    path = place.own("program", mode=0o4755)
    files.set_ownership(str(path), {"owner": ("4242", str(USER))})
    assert mode(path) == 0o4755
    fields = {"path": str(path), "owner": "root", "mode": "4755"}
    file.apply(fields, {"owner": ("4242", "root")})
    assert (path.stat().st_uid, mode(path)) == (0, 0o4755)
    folder = place.home / "folder"
    folder.mkdir()
    folder.chmod(0o2775)
    files.set_ownership(str(folder), {"owner": ("root", str(USER))})
    assert mode(folder) == 0o2775


def test_a_copy_for_another_user_has_no_setuid_bit(place):
    for name in ("one", "his", "root-s"):
        (place.home / name).mkdir()
    place.own("program", mode=0o4755).rename(place.home / "one/program")
    with files.hold(str(place.home / "one")) as one:
        for name, uid in (("his", -1), ("root-s", 0)):
            with files.hold(str(place.home / name)) as other:
                trees.copy(one, other, uid)
    assert mode(place.home / "his/program") == 0o4755
    assert mode(place.home / "root-s/program") == 0o755


def test_root_s_links_in_a_directory_that_a_user_moved_aren_t_followed(place):
    moved = place.home / "conf"
    moved.mkdir()  # root's, with root's own links in it
    (moved / "target").symlink_to(place.secret)
    (moved / "sub").symlink_to(place.etc)
    with pytest.raises(Failed, match="conf/target' is a link below a directory that others can write to"):
        files.write_atomic(str(moved / "target"), b"x", follow=True)
    for action in (files.read, files.remove, lambda path: files.write_atomic(path, b"x"), files.make_directory):
        with pytest.raises(Failed, match="conf/sub' is a link below"):
            action(str(moved / "sub/shadow"))
    assert place.is_unharmed()


def test_root_s_links_below_a_sticky_directory_of_root_s_are_followed(tmp_path):
    sticky = tmp_path / "tmp"
    (sticky / "mine").mkdir(parents=True)
    sticky.chmod(0o1777)
    (tmp_path / "real").mkdir()
    (sticky / "mine/link").symlink_to(tmp_path / "real")
    files.write_atomic(str(sticky / "mine/link/x"), b"x")
    os.chown(sticky / "mine", USER, USER)
    with pytest.raises(Failed, match="others can write to"):
        files.read(str(sticky / "mine/link/x"))


def test_a_mounted_file_in_a_user_s_directory_is_neither_read_nor_changed(place):
    path = str(place.mount(place.secret, place.home / "mounted"))
    for action in (
        files.read,
        lambda path: files.write_atomic(path, b"x", str(USER), mode="0644"),
        lambda path: files.set_ownership(path, {"owner": ("root", str(USER))}),
        lambda path: files.set_ownership(path, {"mode": ("0600", "0644")}),
    ):
        with pytest.raises(Failed, match="mounted' is mounted there"):
            action(path)
    assert place.is_unharmed()
    (place.home / "root-s").mkdir()
    with pytest.raises(Failed, match="is mounted there"):
        files.read(str(place.mount(place.secret, place.home / "root-s/mounted")))


def test_a_mounted_file_and_volumes_that_only_root_can_have_placed_are_used(place):
    own = place.etc.parent / "own"
    own.mkdir()
    path = place.mount(place.secret, own / "mounted")
    files.write_atomic(str(path), b"new")
    assert (place.secret.read_bytes(), files.read(str(path))) == (b"new", b"new")
    volume = place.mount(place.etc, place.home / "volume")
    files.set_ownership(str(volume), {"owner": ("root", str(USER))})
    files.write_atomic(str(volume / "made"), b"x")
    assert place.etc.stat().st_uid == USER
    assert (place.etc / "made").read_bytes() == b"x"


def test_an_interrupted_release_isn_t_staged_into_a_mount(place):
    one = place.mount(place.etc, place.home / ".staging-1")
    entry = {"path": "lib/file", "kind": "file", "mode": "0644", "sha256": "0" * 64, "size": 0}
    with pytest.raises(Failed, match=r"staging-1' is mounted"):
        staging.Staging(str(one), [entry], {}).fill(lambda *_: ({}, {}), lambda: None)
    assert place.is_unharmed()
    two = place.etc.parent / "own"
    two.mkdir(mode=0o700)
    place.mount(place.etc, two / "lib")
    with pytest.raises(Failed, match="lib' is mounted"):
        staging.Staging(str(two), [entry], {}).fill(lambda *_: ({}, {}), lambda: None)
    assert place.is_unharmed()


def test_toggles_and_keys_aren_t_written_into_a_mount(place, monkeypatch):
    folder = place.mount(place.etc, place.home / "toggles")
    one = Toggles.__new__(Toggles)
    one.path, one.wanted, one.page, one.app = str(folder / "on.json"), {"reload": False}, {}, {}
    monkeypatch.setattr(one, "_save", lambda: None, raising=False)
    with pytest.raises(Failed, match="toggles' is mounted"):
        one._write({"a": True})
    entry = type("Entry", (), {"pw_dir": str(place.home), "pw_uid": USER, "pw_gid": USER, "pw_name": str(USER)})
    with pytest.raises(Failed, match="toggles' is mounted"), home_files.folder(entry, "toggles", "0700"):
        pass
    assert place.is_unharmed()


def test_a_mount_is_used_where_it_s_the_user_s_own_or_nobody_else_can_have_moved_it(place):
    his = place.etc.parent / "his"
    his.mkdir()
    os.chown(his, USER, USER)
    place.mount(his, place.home / "volume")
    (place.home / "volume/sub").mkdir()
    own = place.etc.parent / "own"
    own.mkdir()
    place.mount(place.etc, own / "volume")
    for path in (place.home / "volume", place.home / "volume/sub", own / "volume", place.home, Path("/")):
        with files.hold(str(path)) as folder:
            folder.check_mounts()
    place.mount(place.etc, place.home / "moved")
    with files.hold(str(place.home / "moved")) as folder, pytest.raises(Failed, match="moved' is mounted there"):
        folder.check_mounts()


def test_shared_paths_aren_t_made_or_linked_in_a_mount(place):
    from cdconf.agent.release import shared_paths

    path = place.mount(place.etc, place.home / "shared")
    with pytest.raises(Failed, match="shared' is mounted"):
        shared_paths.make({"path": str(place.home), "user": "nobody", "shared": {"directories": ["data/uploads"]}})
    with pytest.raises(Failed, match="shared' is mounted"):
        shared_paths.lay(str(path), [], ["log"])
    assert place.is_unharmed()


def test_a_release_that_is_mounted_meanwhile_is_not_written_to(place):
    root = place.home / "release"
    (root).mkdir(mode=0o700)
    one = staging.Staging(str(root), [], {})
    one.fill(lambda *_: ({}, {}), lambda: None)
    root.rmdir()
    place.mount(place.etc, root)
    for action in (lambda: one.receive(lambda: b""), lambda: one.finish("0" * 64)):
        with pytest.raises(Failed, match="release' is mounted"):
            action()


@pytest.mark.parametrize("what", ["his file", "his directory"])
def test_a_user_s_acl_doesn_t_let_him_read_what_is_root_s(place, what):
    path = place.own("secret", mode=0o664)
    allow(path, 6) if what == "his file" else allow(place.home, 7, "default")
    if what == "his directory":
        path.unlink()
    files.write_atomic(str(path), b"secret", "root", None, "0640")
    assert "system.posix_acl_access" not in os.listxattr(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (0, 0, 0o640)


def test_a_user_s_file_gives_neither_its_group_nor_wide_modes_to_root_s(place):
    path = place.own("script", mode=0o6777)
    files.write_atomic(str(path), b"x", "root")
    assert (path.stat().st_gid, mode(path)) == (0, 0o755)
    place.home.chmod(0o2755)
    files.write_atomic(str(place.home / "new"), b"x", "root", None, "0640")
    assert (place.home / "new").stat().st_gid == 0


def test_a_directory_of_root_s_has_no_acl_of_a_user_s(place):
    allow(place.home, 7, "default")
    place.home.chmod(0o2755)
    with files.hold(str(place.home)) as folder:
        files.new_directory(folder, "one", {"owner": "root", "mode": "0750"})
        with trees.work(folder) as made:
            assert os.listxattr(f"/proc/self/fd/{made.descriptor}") == []
    files.make_directory(str(place.home / "two/three"))
    for name in ("one", "two", "two/three"):
        assert [one for one in os.listxattr(place.home / name) if "acl" in one] == []
    assert ((place.home / "one").stat().st_gid, mode(place.home / "one")) == (0, 0o750)


def test_acls_stay_where_they_are_root_s_or_the_owner_s_own(place):
    allow(place.secret, 4)
    files.write_atomic(str(place.secret), b"new")
    assert "system.posix_acl_access" in os.listxattr(place.secret)
    path = place.own("own")
    allow(path, 4)
    for owner in (None, str(USER)):
        files.write_atomic(str(path), b"new", owner)
        assert "system.posix_acl_access" in os.listxattr(path)
    allow(place.etc, 4, "default")
    files.write_atomic(str(place.etc / "inherits"), b"new")
    assert "system.posix_acl_access" in os.listxattr(place.etc / "inherits")


def test_a_huge_file_of_nothing_isn_t_read_to_its_end(place, monkeypatch):
    path = place.own("huge")
    with path.open("r+b") as stream:
        stream.truncate(64 * 1024**3)
    monkeypatch.setattr(download, "sha256_of", lambda stream: pytest.fail("it was read"))
    assert download.observe({"path": str(path), "sha256": "0" * 64})["sha256"] is None
    with pytest.raises(Failed, match="has more than 1048576 bytes"):
        env_file.read(str(path))
    assert len(certificate._read(str(path), None)) == certificate.LIMIT
