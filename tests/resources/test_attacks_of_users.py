"""What a host's user did to root by a directory of his own, one attack each; `USER` is the one who attacks."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cdconf.agent.edit import env_file, lines
from cdconf.agent.errors import Failed
from cdconf.agent.files import walk
from cdconf.agent.records import store as state
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release.releases import Releases
from cdconf.agent.toggles.toggles import Toggles
from cdconf.resources.archive import agent as archive
from cdconf.resources.certificate import agent as certificate
from cdconf.resources.directory import agent as directory
from cdconf.resources.download import agent as download
from cdconf.resources.file import agent as file
from cdconf.resources.git import agent as git
from cdconf.resources.link import agent as link
from cdconf.resources.setting import agent as setting
from cdconf.resources.swap import agent as swap
from tests.agent.test_agent_releases import FILES, Host

USER = 4242
GONE, MADE = {"exists": (True, False)}, {"exists": (False, True)}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")


class World:
    """`home` is the user's directory, `etc` is root's with a secret in it."""

    def __init__(self, folder):
        self.folder = folder
        self.home, self.etc = folder / "home", folder / "etc"
        self.home.mkdir()
        self.etc.mkdir()
        os.chown(self.home, USER, USER)
        self.secret = self.etc / "shadow"
        self.secret.write_text("secret")
        self.secret.chmod(0o600)
        self.before = self.look()

    def look(self):
        """All that root has, with owners, modes and contents."""
        found = {}
        for path in [self.etc, *sorted(self.etc.rglob("*"))]:
            status = path.lstat()
            text = path.read_text() if stat.S_ISREG(status.st_mode) else None
            found[str(path)] = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), text)
        return found

    def link(self, name, target):
        """A link of the user's."""
        path = self.home / name
        path.symlink_to(target)
        os.lchown(path, USER, USER)

    def unharmed(self):
        assert self.look() == self.before


@pytest.fixture
def world(tmp_path, monkeypatch):
    one = World(tmp_path)
    monkeypatch.setattr(state, "root", lambda: str(tmp_path / "state"))
    yield one
    one.unharmed()


def packed(path, *names):
    """A tar with files, and its SHA-256."""
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpacked(world, members, name="tool", sha256=None):
    """A directory as the last release left it, with a marker that says so."""
    place = world.home / name
    place.mkdir()
    os.chown(place, USER, USER)
    marker = place / ".cdconf-archive"
    marker.write_text(json.dumps({"sha256": sha256 or "0" * 64, "strip": 0, "members": members}))
    return place


def refused(action, *arguments):
    """It may refuse, or do what's right; what it did is looked at afterwards."""
    try:
        return action(*arguments)
    except (Failed, OSError) as error:
        return error


def run_alone(script, *arguments):
    """A process of its own for what may never end."""
    words = [sys.executable, "-c", script, *map(str, arguments)]
    environment = dict(os.environ, PYTHONPATH=str(Path(state.__file__).parents[2]))
    return subprocess.run(words, check=False, timeout=20, capture_output=True, env=environment)


def archive_fields(world, place, owner=None):
    tar = world.folder / "a.tar"
    digest = packed(tar, "f")
    fields = {"path": str(place), "file": str(tar), "sha256": digest, "strip": 0, "timeout": 5}
    return dict(fields, owner=owner) if owner else fields


@pytest.mark.parametrize("member", ["../../etc/shadow", "d/../../../etc/shadow", "link/shadow"])
def test_an_archive_s_marker_gives_nothing_away(world, member):
    place = unpacked(world, {member: None, "f": 0})
    (place / "f").touch()
    (place / "link").symlink_to(world.etc)
    fields = archive_fields(world, place, str(USER))
    marker = json.loads((place / ".cdconf-archive").read_text())
    (place / ".cdconf-archive").write_text(json.dumps(dict(marker, sha256=fields["sha256"])))
    refused(archive.observe, fields)
    refused(archive.apply, fields, {"owner": ("root", str(USER))})
    world.unharmed()


@pytest.mark.parametrize("member", ["../../etc/shadow", "link/shadow"])
def test_an_archive_s_marker_deletes_nothing(world, member):
    place = unpacked(world, {member: None})
    (place / "link").symlink_to(world.etc)
    fields = archive_fields(world, place)
    refused(archive.apply, fields, {"sha256": ("0" * 64, fields["sha256"])})
    world.unharmed()
    unpacked(world, {member: None}, "gone")
    (world.home / "gone/link").symlink_to(world.etc)
    refused(archive.apply, dict(fields, path=str(world.home / "gone"), absent=True), GONE)


def test_an_absolute_member_of_a_marker_keeps_nobody_busy(world):
    script = """
import sys
from cdconf.agent.records import store as state
from cdconf.resources.archive import agent
state.root = lambda: sys.argv[3]
fields = {"path": sys.argv[1], "file": sys.argv[2], "sha256": sys.argv[4], "strip": 0, "owner": "4242"}
agent.observe(fields)
agent.apply(fields, {"owner": ("root", "4242")})
"""
    place = unpacked(world, {"/nowhere/else": None})
    fields = archive_fields(world, place)
    marker = json.loads((place / ".cdconf-archive").read_text())
    (place / ".cdconf-archive").write_text(json.dumps(dict(marker, sha256=fields["sha256"])))
    run_alone(script, place, fields["file"], world.folder / "state", fields["sha256"])


def test_a_marker_of_the_user_s_own_is_none(world):
    place = unpacked(world, {"f": 0})
    os.chown(place / ".cdconf-archive", USER, USER)
    assert archive.observe(archive_fields(world, place)) is None


def test_what_the_last_release_unpacked_is_taken_over_by_the_archive_s_own_list(world):
    tar = world.folder / "a.tar"
    digest = packed(tar, "f", "g")
    place = unpacked(world, {"f": 0, "../../etc/shadow": 6}, sha256=digest)
    (place / "f").touch()
    (place / "g").touch()
    fields = {"path": str(place), "file": str(tar), "sha256": digest, "strip": 0}
    assert archive.observe(fields)["sha256"] == digest
    [record] = (world.folder / "state/.archives").iterdir()
    assert json.loads(record.read_text())["members"] == {"f": 0, "g": 0}
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    (place / ".cdconf-archive").write_text("{}")
    assert archive.observe(fields)["sha256"] == digest  # the marker isn't asked any more


def test_a_marker_without_its_files_isn_t_believed(world):
    tar = world.folder / "a.tar"
    digest = packed(tar, "f", "g")
    place = unpacked(world, {"f": 0}, sha256=digest)
    (place / "f").touch()
    fields = {"path": str(place), "file": str(tar), "sha256": digest, "strip": 0}
    assert "g is missing" in archive.observe(fields)["sha256"]


def test_an_archive_s_modes_aren_t_widened(world):
    tar = world.folder / "a.tar"
    with tarfile.open(tar, "w") as made:
        for name, mode in (("private", 0o700), ("common", 0o1777), ("open", 0o777)):
            one = tarfile.TarInfo(name)
            one.type, one.mode = tarfile.DIRTYPE, mode
            made.addfile(one)
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    place = world.home / "tool"
    archive.apply({"path": str(place), "file": str(tar), "sha256": digest, "strip": 0}, MADE)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()}
    assert {name: modes[name] for name in ("private", "common", "open")} == {
        "private": 0o700,
        "common": 0o1777,
        "open": 0o755,
    }


def swapped(world, name):
    """Replaces a directory by a link to root's."""
    place = world.home / name
    if place.is_dir() and not place.is_symlink():
        place.rename(world.home / f"{name}.old")
        world.link(name, world.etc)


def test_a_directory_swapped_while_owners_are_set_gives_nothing_away(world, monkeypatch):
    (world.home / "sub").mkdir()
    (world.home / "sub/shadow").touch()
    original = walk.wrong

    def attack(status, wanted):
        if stat.S_ISREG(status.st_mode):
            swapped(world, "sub")
        return original(status, wanted)

    monkeypatch.setattr(walk, "wrong", attack)
    refused(walk.set_all, str(world.home), {"owner": str(USER), "group": str(USER)})


def test_a_directory_swapped_before_it_s_purged_deletes_nothing(world):
    (world.home / "sub").mkdir()
    (world.home / "sub/shadow").touch()
    swapped(world, "sub")
    fields = {"path": str(world.home), "purge": [], "managed": {"paths": ["sub"], "trees": []}}
    refused(directory.apply, fields, {"purge": (["sub/shadow"], [])})


def test_a_user_s_link_on_the_way_is_followed_by_nobody(world):
    world.link(".config", world.etc)
    path = str(world.home / ".config/shadow")
    for action in (
        lambda: file.observe({"path": path, "content": "x"}),
        lambda: file.apply({"path": path, "content": "x", "owner": str(USER)}, MADE),
        lambda: file.apply({"path": path, "owner": str(USER)}, {"owner": ("root", str(USER))}),
        lambda: file.apply({"path": path, "absent": True}, GONE),
        lambda: setting.observe({"path": path, "key": "a", "value": "b"}),
        lambda: setting.apply({"path": path, "key": "a", "value": "b", "create": True}, MADE),
        lambda: lines.read(path),
        lambda: directory.apply({"path": path + "/new", "owner": str(USER)}, MADE),
        lambda: directory.apply({"path": str(world.home / ".config/new"), "owner": str(USER)}, MADE),
        lambda: link.apply({"path": path, "target": "x"}, MADE),
        lambda: link.apply({"path": path, "absent": True}, GONE),
        lambda: certificate.apply({"path": path, "key": path + ".key", "absent": True}, GONE),
        lambda: download.apply({"path": path, "absent": True}, GONE),
        lambda: download.apply({"path": path}, {"mode": ("0600", "0644")}),
        lambda: env_file.read(path),
        lambda: swap.apply({"path": path, "size": "65536", "active": False, "options": "defaults"}, MADE),
    ):
        with pytest.raises((Failed, OSError)):
            action()
        world.unharmed()


@pytest.mark.parametrize("kind", ["line", "setting"])
def test_a_user_s_link_at_the_end_isn_t_edited_through(world, kind):
    world.link("conf", world.secret)
    fields = {"path": str(world.home / "conf"), "key": "a", "value": "b"}
    with pytest.raises(Failed):
        lines.write(fields, "x\n") if kind == "line" else setting.apply(fields, MADE)


def test_a_hard_link_to_a_secret_is_neither_read_nor_given_away(world):
    os.link(world.secret, world.home / "mine")
    path = str(world.home / "mine")
    world.before = world.look()
    for action in (
        lambda: file.observe({"path": path, "content": "x", "owner": str(USER)}),
        lambda: file.apply({"path": path, "owner": str(USER)}, {"owner": ("root", str(USER))}),
        lambda: file.apply({"path": path, "mode": "0644"}, {"mode": ("0600", "0644")}),
        lambda: lines.read(path),
        lambda: download.observe({"path": path, "owner": str(USER), "sha256": "x"}),
        lambda: directory.apply(
            {"path": str(world.home), "recursive": True, "owner": str(USER)}, {"recursive": ([], [])}
        ),
    ):
        with pytest.raises(Failed, match="2 names"):
            action()
        world.unharmed()


def test_a_pipe_in_a_git_tree_keeps_nobody_waiting(world):
    (world.home / "tree/.git").mkdir(parents=True)
    os.mkfifo(world.home / "tree/.git/HEAD")
    script = "import sys; from cdconf.agent.system import gitdir; gitdir.head(sys.argv[1])"
    assert run_alone(script, world.home / "tree/.git").returncode == 1


def app(world):
    path = world.home / "app"
    path.mkdir()
    os.chown(path, USER, USER)
    ledger = Ledger(HostStore("demo", str(world.folder / "records")), "app")
    return path, Releases(str(path), ledger)


def test_releases_that_lead_elsewhere_get_no_release(world):
    path, releases = app(world)
    world.link("app/releases", world.etc)
    with pytest.raises(Failed, match="root doesn't follow"):
        releases.prepare("1", [{"path": "lib", "kind": "directory", "mode": "0755"}], {}, lambda: None)
    assert os.lstat(path).st_uid == USER  # whose it is isn't cdconf's to say


def test_what_a_user_prepared_for_staging_isn_t_written_to(world):
    path, releases = app(world)
    (path / "releases/.staging-1").mkdir(parents=True)
    os.link(world.secret, path / "releases/.staging-1/a")
    for one in (path / "releases", path / "releases/.staging-1"):
        os.chown(one, USER, USER)
    world.before = world.look()
    content = hashlib.sha256(b"one").hexdigest()
    manifest = [{"path": "a", "kind": "file", "mode": "0644", "sha256": content, "size": 3}]
    releases.prepare("1", manifest, {}, lambda: None)
    assert (path / "releases/.staging-1").stat().st_uid == 0


def mounted(source, place):
    place.mkdir(parents=True)
    if subprocess.run(["mount", "--bind", source, place], check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")


@pytest.mark.parametrize("what", ["release", "git", "directory", "purge"])
def test_what_s_mounted_below_isn_t_emptied(world, what):
    if what == "release":
        (world.folder / "h").mkdir()
        host = Host(world.folder / "h")
        for name in "123":
            host.stage(name, FILES)
        place = host.path / "releases/2/data"
    else:
        place = world.home / "tree/sub/data"
    mounted(world.etc, place)
    tree = str(world.home / "tree")
    try:
        if what == "release":
            host.releases.clean(1)
        elif what == "git":
            refused(git.apply, {"path": tree}, GONE)
        elif what == "directory":
            refused(directory.apply, {"path": tree, "force": True}, GONE)
        else:
            refused(walk.remove, tree, "sub")
        world.unharmed()
    finally:
        places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        found = [one for one in places if one.startswith(str(world.folder))]
        for one in found:
            subprocess.run(["umount", one], check=True)


def test_shared_directories_aren_t_made_behind_a_user_s_link(world):
    from cdconf.agent.release import shared_paths

    path, _ = app(world)
    world.link("app/shared", world.etc)
    with pytest.raises(Failed, match="root doesn't follow"):
        shared_paths.make({"name": "app", "path": str(path), "user": "nobody", "shared": {"directories": ["uploads"]}})


def test_toggles_aren_t_written_behind_a_user_s_link(world):
    world.link("conf", world.etc)
    wanted = {"path": str(world.home / "conf/toggles.json"), "values": {"a": True}, "reload": False}
    store = HostStore("demo", str(world.folder / "records"))
    with pytest.raises(Failed, match="root doesn't follow"):
        Toggles(store, {"name": "app", "services": [], "toggles": wanted})._write({"a": True})


def test_what_cdconf_remembers_in_another_user_s_directory_is_refused(world):
    records = world.folder / "records"
    records.mkdir()
    (records / "identity.json").write_text('{"environment": "mine"}')
    os.chown(records, USER, USER)
    store = HostStore("demo", str(records))
    with pytest.raises(Failed, match="belongs to 4242"):
        store.read("identity.json")
    with pytest.raises(Failed, match="belongs to 4242"):
        store.write("x.json", {})


def test_a_validation_of_what_was_fetched_looks_at_a_copy(world):
    source = world.folder / "fetched"
    source.write_text("good")
    digest = hashlib.sha256(b"good").hexdigest()
    seen = world.folder / "seen"
    fields = {"path": str(world.home / "f.conf"), "url": source.as_uri(), "sha256": digest, "timeout": 5}
    download.apply(dict(fields, validate=f"echo {{}} > {seen}; grep -q good {{}}"), MADE)
    assert (world.home / "f.conf").read_text() == "good"
    assert not seen.read_text().startswith(str(world.home))
