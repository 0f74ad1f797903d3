"""Files in directories that others can write to: which links are followed, and what's never touched."""

import os
import stat

import pytest

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import trees

USER = 4242
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")


@pytest.fixture
def home(tmp_path):
    """A directory of a user's, and one of root's beside it."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, USER, USER)
    secret = tmp_path / "etc"
    secret.mkdir()
    (secret / "shadow").write_text("secret")
    (secret / "shadow").chmod(0o600)
    return home


def owner(path):
    return os.lstat(path).st_uid


def user_link(path, target):
    path.symlink_to(target)
    os.lchown(path, USER, USER)


def test_a_user_s_link_on_the_way_is_refused_with_the_real_path(home):
    user_link(home / "conf", home.parent / "etc")
    real = home.parent / "etc/shadow"
    for action in (files.read, files.lstat, files.remove, lambda path: files.write_atomic(path, b"x")):
        with pytest.raises(Failed, match=f"home/conf' is a link of 4242, .* name the real path: '{real.parent}'"):
            action(str(home / "conf/shadow"))
    assert real.read_text() == "secret"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_root_s_link_where_others_can_write_is_refused(tmp_path, mode):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").write_text("x")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to("../real")
    assert files.read(str(folder / "link/x")) == b"x"
    folder.chmod(mode)
    with pytest.raises(Failed, match="is a link in a directory that others can write to"):
        files.read(str(folder / "link/x"))


def test_an_acl_counts_as_writing(tmp_path):
    (tmp_path / "real").mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to("../real")
    acl = b"\x02\0\0\0"
    for tag, bits, number in ((1, 7, -1), (2, 7, USER), (4, 5, -1), (16, 7, -1), (32, 5, -1)):
        acl += tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + (number & 0xFFFFFFFF).to_bytes(4, "little")
    try:
        os.setxattr(folder, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no ACLs")
    with pytest.raises(Failed, match="others can write to"):
        files.hold(str(folder / "link"))


def test_links_of_root_alone_are_followed_relative_absolute_and_in_chains(tmp_path):
    (tmp_path / "data/srv").mkdir(parents=True)
    (tmp_path / "one").symlink_to("data")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "data/up").symlink_to("../two/srv")
    files.write_atomic(str(tmp_path / "two/up/f"), b"x")
    assert (tmp_path / "data/srv/f").read_bytes() == b"x"
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        files.hold(str(tmp_path / "round"))


def test_a_link_at_the_end_is_followed_only_where_that_s_asked_for(home):
    place = home.parent / "etc"
    (place / "link").symlink_to("shadow")
    files.write_atomic(str(place / "link"), b"new", follow=True)
    assert ((place / "shadow").read_bytes(), (place / "link").is_symlink()) == (b"new", True)
    assert files.read(str(place / "link"), follow=True) == b"new"
    with pytest.raises(Failed, match="not a regular file"):
        files.read(str(place / "link"))
    user_link(home / "link", place / "shadow")
    with pytest.raises(Failed, match="name the real path"):
        files.read(str(home / "link"), follow=True)
    with pytest.raises(Failed, match="name the real path"):
        files.write_atomic(str(home / "link"), b"x", follow=True)


def test_a_missing_directory_is_missing(tmp_path):
    assert files.lstat(str(tmp_path / "none/x")) is None
    assert files.read(str(tmp_path / "none/x")) is None
    with pytest.raises(Missing, match="directory"):
        files.write_atomic(str(tmp_path / "none/x"), b"")


def test_a_file_with_other_names_is_neither_read_nor_changed(home):
    secret = home.parent / "etc/shadow"
    os.link(secret, home / "mine")
    path = str(home / "mine")
    for wanted in (None, str(USER), "root", "nobody-of-that-name"):
        with pytest.raises(Failed, match="2 names"):
            files.read(path, wanted)
    for difference in ({"owner": ("root", "4242")}, {"mode": ("0600", "0644")}):
        with pytest.raises(Failed, match="2 names"):
            files.set_ownership(path, difference)
    with pytest.raises(Failed, match="2 names"):
        files.write_atomic(path, b"x")
    assert (owner(secret), stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)


def test_a_file_with_other_names_that_s_the_wanted_owner_s_is_his(home):
    (home / "one").write_text("x")
    os.link(home / "one", home / "two")
    os.chown(home / "one", USER, USER)
    assert files.read(str(home / "two"), str(USER)) == b"x"
    files.set_ownership(str(home / "two"), {"mode": ("0644", "0600")}, "4242")
    assert stat.S_IMODE((home / "one").stat().st_mode) == 0o600


def test_a_pipe_keeps_nobody_waiting(home):
    os.mkfifo(home / "pipe")
    with pytest.raises(Failed, match="not a regular file"):
        files.read(str(home / "pipe"))
    files.set_ownership(str(home / "pipe"), {"owner": ("root", "4242")})
    assert owner(home / "pipe") == USER


def test_a_temporary_file_that_s_replaced_doesn_t_lead_elsewhere(home):
    secret = home.parent / "etc/shadow"
    with files.replacing(str(home / "f"), "4242", None, "0644") as stream:
        [temporary] = home.iterdir()
        temporary.unlink()
        temporary.symlink_to(secret)
        stream.write(b"data")
    assert (secret.read_text(), owner(secret)) == ("secret", 0)


def test_a_directory_that_s_swapped_while_it_s_held_isn_t_followed(home):
    (home / "sub").mkdir()
    with files.parent(str(home / "sub/f")) as (folder, name):
        (home / "sub").rename(home / "old")
        user_link(home / "sub", home.parent / "etc")
        with files.replacing_in(folder, name, {}) as stream:
            stream.write(b"x")
    assert ((home / "old/f").read_bytes(), list((home.parent / "etc").iterdir())) == (
        b"x",
        [home.parent / "etc/shadow"],
    )


def test_removing_goes_to_any_depth_and_through_no_link(home):
    top = home / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.symlink(home.parent / "etc", "link", dir_fd=here)
    os.close(here)
    files.remove_tree(str(top))
    assert not top.exists()
    assert (home.parent / "etc/shadow").exists()


def test_removing_stops_at_a_mount(home, monkeypatch):
    (home / "top/sub").mkdir(parents=True)
    (home / "top/sub/kept").touch()
    inside = (home / "top/sub").stat().st_ino
    monkeypatch.setattr(files.folder, "mount_of", lambda descriptor: 2 if os.fstat(descriptor).st_ino == inside else 1)
    with pytest.raises(Failed, match="top/sub' is mounted"):
        files.remove_tree(str(home / "top"))
    assert (home / "top/sub/kept").exists()


def test_mounts_have_numbers():
    one, other = (os.open(path, os.O_PATH) for path in ("/", "/proc"))
    assert files.mount_of(one) != files.mount_of(other)
    os.close(one)
    os.close(other)


def test_a_copy_is_the_same_and_a_stranger_s_hard_link_isn_t_copied(home):
    source, target = home / "source", home / "target"
    (source / "sub").mkdir(parents=True)
    target.mkdir()
    (source / "sub/f").write_text("x")
    (source / "sub/f").chmod(0o751)
    os.chown(source / "sub/f", USER, USER)
    (source / "link").symlink_to("sub/f")
    os.mkfifo(source / "pipe")
    with files.hold(str(source)) as one, files.hold(str(target)) as other:
        trees.copy(one, other)
    assert (target / "sub/f").read_text() == "x"
    assert (owner(target / "sub/f"), stat.S_IMODE((target / "sub/f").stat().st_mode)) == (USER, 0o751)
    assert str((target / "link").readlink()) == "sub/f"
    os.chown(source, USER, USER)
    os.link(home.parent / "etc/shadow", source / "x")
    with files.hold(str(source)) as one, files.hold(str(home)) as other, pytest.raises(Failed, match="2 names"):
        trees.copy(one, other)


def test_only_root_s_own_ways_are_root_s_alone(home):
    assert files.on_roots_alone("/etc/x")
    assert not files.on_roots_alone(str(home / "x"))
    with pytest.raises(Failed, match="a swap file can't be at"):
        files.need_roots_alone(str(home / "x"), "a swap file")


def test_another_user_s_agent_follows_its_links(home, tmp_path):
    pid = os.fork()
    if pid == 0:
        os._exit(_as_user(home, tmp_path))
    assert os.waitpid(pid, 0)[1] == 0


def _as_user(home, tmp_path):
    try:
        home.chmod(0o777)
        for above in [tmp_path, *tmp_path.parents]:
            if str(above).startswith("/tmp/"):
                above.chmod(0o755)
        (home / "real").mkdir(mode=0o777)
        (home / "real").chmod(0o777)
        (home / "link").symlink_to("real")
        os.setuid(USER)
        files.write_atomic(str(home / "link/f"), b"x")
        assert files.read(str(home / "link/f")) == b"x"
        files.remove(str(home / "link/f"))
        assert files.lstat(str(home / "link/f")) is None
    except BaseException as error:  # noqa: BLE001  the child must not go on as a second pytest
        print(repr(error))
        return 1
    return 0
