"""What must not be running is refused with a clear error before anything changes on any host."""

import base64
import io
import json
import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager

import pytest

from tests.conftest import git

pytestmark = pytest.mark.hosts

HOSTS = ("web1", "web2")
LOOK = (
    "cd /srv/app; cat /var/lib/cdconf/e2e/ledger.json; readlink current; find . -printf '%p %i %m %T@\\n' | sort;"
    "ls /var/lib/cdconf/e2e | grep -v lease; systemctl show -p MainPID app; ls -A /srv /etc /tmp"
)
FILE, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
ZEROS = 64 * 1024 * 1024


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An operator without keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def running(live):
    """The version that all hosts run."""
    (version, *others) = set(live.served().values())
    if version and not others:
        return version
    version = live.commit(note="runs\n")
    live("deploy", "app", "--to", "dev")
    return version


@contextmanager
def unchanged(live, version):
    """Nothing of releases, ledger, links and services changes on any host meanwhile, nor what the store has."""

    def look():
        return {host: live.on(host, LOOK) for host in HOSTS}

    before, artifacts = look(), live.document("artifact", "list")["artifacts"]
    assert all(version in text for text in before.values())
    yield
    assert look() == before
    assert live.document("artifact", "list")["artifacts"] == artifacts
    assert not any(live.document("lock", "status", "dev")["leases"].values())
    assert live.served() == dict.fromkeys(HOSTS, version)


def refused(live, *arguments):
    """What a deployment says that fails, without a traceback."""
    result = live(*arguments, code=1)
    assert "Traceback" not in result.stderr
    assert "a bug in" not in result.stderr
    return next(line for line in result.stderr.splitlines() if line.startswith("error: "))


FULL = """
    set -e; mkdir -p /mnt/small; used=$(du -sm {folder} | cut -f1)
    mount -t tmpfs -o size=$((used + {size}))m none /mnt/small
    cp -a {folder}/. /mnt/small/; mount --move /mnt/small {folder}
    dd if=/dev/zero of={folder}/filler bs=1M count=$(($(stat -f -c '%a*%S/1048576' {folder}) - {left})) status=none
    mountpoint -q {folder} && echo full
"""


@contextmanager
def full_disk(live, host, folder, size, left):
    """A directory of a host is a small disk with so many MB left."""
    assert live.on(host, FULL.format(folder=folder, size=size, left=left)) == "full"
    try:
        yield
    finally:
        live.on(host, f"umount -l {folder}")


def test_a_full_disk_on_one_host_is_found_before_any_host_gets_anything(live, running):
    live.commit(note="needs room\n")
    with full_disk(live, "web2", "/srv/app", 40, 8), unchanged(live, running):
        said = refused(live, "deploy", "app", "--to", "dev")
    assert "web2: no room: /srv/app has " in said
    assert "and the release needs " in said


@pytest.mark.parametrize(("left", "said"), [(2, "and what is remembered of it needs"), (0, "space")])
def test_a_host_that_cannot_write_down_what_it_does_is_left_alone(live, running, left, said):
    live.commit(note="needs a note\n")
    with full_disk(live, "web2", "/var/lib/cdconf/e2e", 8, left):
        if not left:
            live.on("web2", "cat /dev/zero > /var/lib/cdconf/e2e/filler2 2>/dev/null; :")
        with unchanged(live, running):
            assert said in refused(live, "deploy", "app", "--to", "dev")


def test_an_archive_or_a_tree_with_another_digest_is_refused(live, running):
    version = live.commit(note="tampered\n")
    store = live.root / ".cdconf/artifacts"
    metadata = store / f"app@{version}.json"
    good = metadata.read_text()
    about = json.loads(good)
    blob = store / f"{about['archive']}.blob"
    content = blob.read_bytes()
    try:
        with unchanged(live, running):
            blob.write_bytes(content[:-1] + b"x")
            said = refused(live, "deploy", "app", "--to", "dev")
            assert f"the archive of app@{version} isn't what its digest says: {about['archive']}" in said
            blob.unlink()
            assert "is missing from the store" in refused(live, "deploy", "app", "--to", "dev")
            blob.write_bytes(content)
            metadata.write_text(json.dumps(about | {"tree": "0" * 64}))
            assert "provenance" in (said := refused(live, "deploy", f"app@{version}", "--to", "dev"))
            assert "differ: subject is" in said
            metadata.write_text(json.dumps(about | {"tree": "0" * 64, "provenance": None}))  # an older store's
            assert "isn't what its digest says: " + "0" * 64 in refused(live, "deploy", f"app@{version}", "--to", "dev")
            metadata.write_text(good)
            assert "there is no artifact 'ffffffff'" in refused(live, "deploy", "ffffffff", "--to", "dev")
    finally:
        blob.write_bytes(content)
        metadata.write_text(good)
    live("deploy", "app", "--to", "dev")
    assert live.served() == dict.fromkeys(HOSTS, version)


def test_a_forged_a_foreign_and_a_missing_signature_are_refused(live, running, home):
    key = live("key", "new").stdout
    version = live.commit(note="signed\n")
    metadata = live.root / f".cdconf/artifacts/app@{version}.json"
    good = metadata.read_text()
    (mine,) = json.loads(good)["provenance"]["signatures"]

    def signed(*signatures):
        document = json.loads(good)
        document["provenance"]["signatures"] = list(signatures)
        metadata.write_text(json.dumps(document))
        return refused(live, "deploy", "app", "--to", "dev")

    with unchanged(live, running):
        assert "is forged" in signed({**mine, "sig": base64.b64encode(bytes(64)).decode()})
        assert "isn't signed" in signed()
        metadata.write_text(good)
        live("key", "distrust", json.loads(live("key", "list", "--json").stdout)["keys"][0]["id"])
        (home / ".config/cdconf/keys/e2e").unlink()
        live("key", "new")
        assert "a key that this project doesn't trust" in refused(live, "deploy", "app", "--to", "dev")
    live("key", "trust", *key.split())
    live("deploy", "app", "--to", "dev")
    assert live.served() == dict.fromkeys(HOSTS, version)


EVIL = {
    "dots": ([("../../etc/evil", FILE, b"x")], "'../../etc/evil' would leave its directory"),
    "absolute": ([("/etc/evil", FILE, b"x")], "'/etc/evil' would leave its directory"),
    "inner dots": ([("a/../../evil", FILE, b"x")], "'a/../../evil' would leave its directory"),
    "link out": ([("out", LINK, "/etc"), ("f", FILE, b"")], "'out' -> '/etc' leaves its directory"),
    "link up": ([("a/out", LINK, "../../x"), ("f", FILE, b"")], "'a/out' -> '../../x' leaves its directory"),
    "through a link": ([("a", LINK, "."), ("a/evil", FILE, b"x")], "'a/evil' goes through 'a'"),
    "through a link out": ([("a", LINK, "/etc"), ("a/evil", FILE, b"x")], "'a/evil' goes through 'a'"),
    "two links": ([("a", LINK, "b"), ("b", LINK, "../../x")], "leaves its directory"),
    "hard link": ([("a", HARD, "/etc/shadow")], "'a' -> '/etc/shadow' isn't to a file that comes before it"),
    "device": ([("a", DEVICE, b"")], "'a' is neither a file, a directory nor a link"),
}


def tarred(path, members):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, value in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind in (LINK, HARD):
                entry.linkname = value
                tar.addfile(entry)
            else:
                entry.size = len(value)
                tar.addfile(entry, io.BytesIO(value))
    return path


def zipped(path, members):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        for name, kind, value in members:
            info = zipfile.ZipInfo(name)
            mode = {FILE: stat.S_IFREG | 0o644, LINK: stat.S_IFLNK | 0o777}[kind]
            info.external_attr, info.create_system = mode << 16, 3
            opened.writestr(info, value)
    return path


def test_an_archive_whose_paths_or_links_leave_it_is_refused_however_it_comes(live, running):
    with unchanged(live, running):
        for name, (members, said) in EVIL.items():
            file = tarred(live.root / "dist/app-6.6.6.tar.gz", members)
            assert said in refused(live, "deploy", str(file), "--to", "dev"), name
            assert said in refused(live, "artifact", "add", "app", str(file), "--version", "6.6.6"), name
            if not {HARD, DEVICE} & {kind for _, kind, _ in members}:
                file = zipped(live.root / "dist/app.zip", members)
                assert said in refused(live, "artifact", "add", "app", str(file), "--version", "6.6.6"), name
        assert not list(live.root.parent.rglob("evil"))


def test_a_build_whose_archive_leaves_its_directory_is_no_artifact(live, running):
    good = (live.root / "build.sh").read_text()
    evil = (
        '#!/bin/sh -e\nmkdir -p dist\ntar -czPf "dist/app-$CDCONF_VERSION.tar.gz" --transform "s,^,../../," serve.py\n'
    )
    try:
        with unchanged(live, running):
            (live.root / "build.sh").write_text(evil)
            git(live.root, "commit", "-qam", "evil")
            assert "'../../serve.py' would leave its directory" in refused(live, "build", "app")
    finally:
        (live.root / "build.sh").write_text(good)
        git(live.root, "commit", "-qam", "good again")


def bombed_tar(path):
    """5 GiB of zeros in a few megabytes, honestly: gzip's members may follow each other (RFC 1952)."""
    header = tarfile.TarInfo("zeros")
    header.size = 80 * ZEROS
    with path.open("wb") as stream:
        stream.write(gzipped(header.tobuf()))
        block = gzipped(bytes(ZEROS))
        for _ in range(80):
            stream.write(block)
        stream.write(gzipped(bytes(1024)))
    return path


def gzipped(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def bombed_zip(path):
    """80 names for the same 64 MiB of zeros: 5 GiB in 65 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", bytes(ZEROS))
        for number in range(79):
            info = zipfile.ZipInfo(f"zeros{number}")
            first = opened.filelist[0]
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(info, field, getattr(first, field))
            opened.filelist.append(info)
    return path


def test_what_unpacks_to_more_than_the_app_allows_is_refused(live, running):
    config = live.root / "cdconf.yml"
    good = config.read_text()
    file = tarred(live.root / "dist/app-7.7.7.tar.gz", [("zeros", FILE, bytes(2_000_001))])
    try:
        with unchanged(live, running):
            config.write_text(good.replace("path: /srv/app", "path: /srv/app\n    max_size: 2MB"))
            assert "unpacks to more than 2000000 bytes" in refused(live, "deploy", str(file), "--to", "dev")
    finally:
        config.write_text(good)
        file.unlink()


def test_a_bomb_is_refused_before_it_goes_off(live, running):
    (live.root / "dist").mkdir(exist_ok=True)
    room = shutil.disk_usage(live.root).free
    with unchanged(live, running):
        file = bombed_tar(live.root / "dist/app-9.9.9.tar.gz")
        assert file.stat().st_size < 10_000_000
        said = refused(live, "deploy", str(file), "--to", "dev")
        assert "the artifact unpacks to more than 4 GiB" in said
        file.unlink()
        file = bombed_zip(live.root / "dist/app.zip")
        assert file.stat().st_size < 100_000
        said = refused(live, "artifact", "add", "app", str(file), "--version", "9.9.9")
        assert "the artifact unpacks to more than 4 GiB" in said
    assert room - shutil.disk_usage(live.root).free < 1024**3
