"""Archives of every kind, and those that would leave their directory, fill the disk or eat the memory."""

import gzip
import io
import random
import stat
import tarfile
import tracemalloc
import zipfile

import pytest

from cdconf.artifacts.members import too_large
from cdconf.artifacts.unpack import Limits, unpack
from cdconf.errors import ArtifactError, InvalidFile
from cdconf.inventory import load_project
from tests.artifacts.conftest import FILE, HARD, LINK, archive
from tests.conftest import cdconf


def zipped(path, *members, **options):
    """Members are `(name, mode, content)`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as opened:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.create_system = mode << 16, 3
            info.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(info, content)
    return path


def tree(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR))
        for path in folder.rglob("*")
        if path.is_file()
    }


PROGRAM, DATA, LINKED = stat.S_IFREG | 0o755, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777


@pytest.mark.parametrize(("suffix", "mode"), [("tar", "w:"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("txz", "w:xz")])
def test_tars_of_all_compressions_are_unpacked(tmp_path, suffix, mode):
    file = archive(tmp_path / f"a-1.{suffix}", ("a-1/f", FILE, b"x" * 100_000), mode=mode)
    unpack(file, tmp_path / "out", file.name)
    assert tree(tmp_path / "out") == {"f": (b"x" * 100_000, False)}


def test_a_tar_of_zstd_is_unpacked(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    plain = archive(tmp_path / "plain", ("f", FILE, b"x" * 100_000), mode="w:")
    packed = tmp_path / "a-1.tar.zst"
    packed.write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    unpack(packed, tmp_path / "out", packed.name)
    assert tree(tmp_path / "out") == {"f": (b"x" * 100_000, False)}
    with pytest.raises(ArtifactError, match="more than 5000 bytes"):
        unpack(packed, tmp_path / "bomb", packed.name, Limits(total=5000))
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(ArtifactError, match="can't be unpacked"):
        unpack(packed, tmp_path / "half", packed.name)


def test_a_zip_is_unpacked_with_its_programs_and_links(tmp_path):
    file = zipped(
        tmp_path / "a-1.zip", ("a-1/bin/run", PROGRAM, b"run"), ("a-1/f", DATA, b"f"), ("a-1/l", LINKED, b"bin/run")
    )
    unpack(file, tmp_path / "out", file.name)
    assert tree(tmp_path / "out") == {"bin/run": (b"run", True), "f": (b"f", False), "l": (b"run", True)}
    assert (tmp_path / "out/l").is_symlink()


def test_a_wheel_is_unpacked_and_a_jar_is_not(tmp_path):
    file = zipped(tmp_path / "a-1-py3-none-any.whl", ("a/__init__.py", DATA, b""), ("a-1.dist-info/RECORD", DATA, b""))
    unpack(file, tmp_path / "wheel", file.name)
    assert set(tree(tmp_path / "wheel")) == {"a/__init__.py", "a-1.dist-info/RECORD"}
    (tmp_path / "jar").mkdir()
    unpack(file, tmp_path / "jar", "a-1.jar")
    assert tree(tmp_path / "jar") == {"a-1.jar": (file.read_bytes(), False)}


@pytest.mark.parametrize(
    ("content", "executable"), [(b"\x7fELF\x02", True), (b"#!/bin/sh\n", True), (b"text", False), (b"", False)]
)
def test_any_other_file_is_taken_as_it_is(tmp_path, content, executable):
    file = tmp_path / "server"
    file.write_bytes(content)
    (tmp_path / "out").mkdir()
    unpack(file, tmp_path / "out", "server")
    assert tree(tmp_path / "out") == {"server": (content, executable)}


def test_a_tar_is_known_by_its_content_too(tmp_path):
    file = archive(tmp_path / "renamed", ("f", FILE, b"x"))
    unpack(file, tmp_path / "out", file.name)
    assert set(tree(tmp_path / "out")) == {"f"}


def test_a_hard_link_becomes_a_file_of_its_own(tmp_path):
    file = archive(tmp_path / "a-1.tar.gz", ("a-1/f", FILE, b"x"), ("a-1/g", HARD, "a-1/f"), ("a-1/h", HARD, "a-1/g"))
    unpack(file, tmp_path / "out", file.name)
    assert tree(tmp_path / "out") == dict.fromkeys("fgh", (b"x", False))
    assert {(tmp_path / "out" / name).stat().st_nlink for name in "fgh"} == {1}
    with pytest.raises(ArtifactError, match="more than 2 bytes"):
        unpack(file, tmp_path / "full", file.name, Limits(total=2))
    late = archive(tmp_path / "late.tar.gz", ("g", HARD, "f"), ("f", FILE, b"x"))
    with pytest.raises(ArtifactError, match="the artifact's hard link 'g' -> 'f' isn't to a file that comes before it"):
        unpack(late, tmp_path / "late", late.name)


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_read_to_its_check_sum(tmp_path, mode):
    content = random.Random(1).randbytes(200_000)
    file = archive(tmp_path / f"a-1.tar.{mode}", ("f", FILE, content), mode=f"w:{mode}")
    data = bytearray(file.read_bytes())
    data[100_000] ^= 1  # in the file, whose tar is as good as before
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match="can't be unpacked"):
        unpack(file, tmp_path / "out", file.name)


def test_what_goes_on_behind_the_last_member_is_no_archive(tmp_path):
    file = tmp_path / "a-1.tar.gz"
    plain = archive(tmp_path / "plain", ("f", FILE, b"x"), mode="w:")
    file.write_bytes(gzip.compress(plain.read_bytes() + bytes(3_000_000)))
    unpack(file, tmp_path / "out", file.name)
    with pytest.raises(ArtifactError, match="has data after its last member"):
        unpack(file, tmp_path / "long", file.name, Limits(total=2_000_000))


@pytest.mark.parametrize("name", ["a" * 256, "a/" * 1500 + "b", "é" * 128])
def test_names_that_no_file_system_takes_are_told_in_short(tmp_path, name):
    file = archive(tmp_path / "a-1.tar.gz", ("f", FILE, b"x"), (name, FILE, b"x"))
    with pytest.raises(ArtifactError, match="has a name that's too long for a file") as caught:
        unpack(file, tmp_path / "out", file.name)
    assert len(caught.value.message) < 200
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "members",
    [
        [("../out", DATA, b"x")],
        [("/etc/out", DATA, b"x")],
        [("a/../../out", DATA, b"x")],
        [("a\0b", DATA, b"x")],
        [("a\nb", DATA, b"x")],
        [("l", LINKED, b"/etc"), ("f", DATA, b"")],
        [("l", LINKED, b"../.."), ("f", DATA, b"")],
        [("l", LINKED, b"."), ("l/f", DATA, b"x")],
        [("l", LINKED, b"")],
        [("l", LINKED, b"x" * 5000)],
        [("p", stat.S_IFIFO | 0o644, b"")],
        [("a", DATA, b"1"), ("./a", DATA, b"2")],
        [],
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_could_leave_its_directory_is_refused(tmp_path, members):
    file = tmp_path / "x-1.zip"
    with zipfile.ZipFile(file, "w") as opened:
        for name, mode, content in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.orig_filename = name, name
            info.external_attr, info.create_system = mode << 16, 3
            opened.writestr(info, content)
    target = tmp_path / "deep/er/target"
    target.mkdir(parents=True)
    with pytest.raises(ArtifactError):
        unpack(file, target, file.name)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "deep/er/out").exists()


def test_an_encrypted_zip_is_refused_in_words(tmp_path):
    file = zipped(tmp_path / "x.zip", ("f", DATA, b"x"))
    data = bytearray(file.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match="'f' is encrypted"):
        unpack(file, tmp_path / "out", file.name)


@pytest.mark.parametrize("name", ["x.zip", "x.whl", "x.tar.gz", "x.tar.xz", "x.tar"])
@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"no archive" * 100])
def test_what_is_not_the_archive_that_its_name_promises_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="can't be unpacked"):
        unpack(tmp_path / name, tmp_path / "out", name)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused_before_anything_is_written(tmp_path, kind):
    file = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        zipped(file, ("small", DATA, b"x"), ("large", DATA, bytes(1_000_001)))
    else:
        archive(file, ("small", FILE, b"x"), ("large", FILE, bytes(1_000_001)))
    assert file.stat().st_size < 3000
    (tmp_path / "out").mkdir()
    with pytest.raises(ArtifactError, match="more than 1000001 bytes"):
        unpack(file, tmp_path / "out", file.name, Limits(total=1_000_001))
    assert list((tmp_path / "out").iterdir()) == []
    unpack(file, tmp_path / "out", file.name, Limits(total=1_000_002))


@pytest.mark.parametrize(("limit", "shown"), [(5 << 30, "5 GiB"), (3 << 20, "3 MiB"), (5 * 10**9, "5000000000 bytes")])
def test_a_limit_is_shown_as_it_was_set(limit, shown):
    error = too_large(limit)
    assert error.message.endswith(f"more than {shown}")
    assert "`max_size`" in error.hint


def test_the_app_sets_the_limit(project):
    text = (project / "cdconf.yml").read_text().rstrip()
    app = "apps: {app: {groups: [web], path: /srv/app, artifact: app-*.tar, max_size: 100kB}}"
    (project / "cdconf.yml").write_text(f"{text}\n{app}\n")
    large = archive(project / "app-1.tar", ("f", FILE, bytes(100_001)), mode="w:")
    result = cdconf(project, "artifact", "add", "app", str(large), "--version", "1")
    assert (result.returncode, "unpacks to more than 100000 bytes" in result.stderr) == (1, True)
    archive(large, ("f", FILE, bytes(100_000)), mode="w:")
    assert cdconf(project, "artifact", "add", "app", str(large), "--version", "1").returncode == 0


@pytest.mark.parametrize("value", ["0MB", "1", "'1'", "1 MB", "1mb", "1.5GB", "[1MB]", "1" * 5000 + "MB"])
def test_a_limit_that_is_no_size_is_refused_with_its_line(project, value):
    text = (project / "cdconf.yml").read_text()
    (project / "cdconf.yml").write_text(
        f"{text.rstrip()}\napps:\n  app: {{groups: [web], path: /srv/app, max_size: {value}}}\n"
    )
    with pytest.raises(InvalidFile, match="'max_size' in app 'app' must be a size") as caught:
        load_project(project)
    assert (caught.value.line, "500MB" in caught.value.hint) == (6, True)


def test_a_zip_that_lies_about_its_size_writes_no_more_than_it_said(tmp_path):
    file = zipped(tmp_path / "liar.zip", ("large", DATA, bytes(1_000_000)))
    data = file.read_bytes()
    file.write_bytes(data.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(ArtifactError, match="can't be unpacked"):
        unpack(file, tmp_path / "out", file.name, Limits(total=1000))
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 10


def test_too_many_members_are_refused(tmp_path):
    file = archive(tmp_path / "many.tar.gz", *((str(number), LINK, "0") for number in range(6)))
    with pytest.raises(ArtifactError, match="more than 5 members"):
        unpack(file, tmp_path / "out", file.name, Limits(members=5))


def test_a_header_of_a_hundred_megabytes_is_refused_without_reading_it(tmp_path):
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, 100 * 1024 * 1024
    file = tmp_path / "bomb.tar.gz"
    with gzip.open(file, "wb", compresslevel=1) as stream:
        stream.write(entry.tobuf())
        for _ in range(100):
            stream.write(bytes(1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError, match="header of many megabytes"):
            unpack(file, tmp_path / "out", file.name)
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_headers_that_nest_without_end_are_refused(tmp_path):
    header, content = tarfile.TarInfo("h"), b"11 path=f\n "
    header.type, header.size = tarfile.XHDTYPE, len(content)
    one = header.tobuf() + content.ljust(512, b"\0")
    file = tmp_path / "deep.tar"
    file.write_bytes(one * 3000)
    with pytest.raises(ArtifactError, match="can't be unpacked"):
        unpack(file, tmp_path / "out", file.name)


def test_a_read_by_tarfile_that_is_honest_is_as_long_as_it_must_be(tmp_path):
    """Long names and values travel in headers of their own, which must still be read."""
    name = "/".join(["d" * 100] * 20) + "/ü"
    file = tmp_path / "long.tar.gz"
    with tarfile.open(file, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    unpack(file, tmp_path / "out", file.name)
    assert (tmp_path / "out" / name).read_bytes() == b"x"
