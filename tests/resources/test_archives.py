import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.files import archives

TYPES = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)


def tar(path, *members, mode="w"):
    """A tar of (name, content or type, link's target)."""
    with tarfile.open(path, mode) as archive:
        for name, content, *target in members:
            info = tarfile.TarInfo(name)
            if content not in TYPES:
                info.size = len(content)
                info.mode = 0o4777
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type = content
                info.linkname = target[0] if target else ""
                archive.addfile(info)
    return str(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_unpacks_tars(tmp_path, mode):
    path = tar(
        tmp_path / "a",
        ("./top/", tarfile.DIRTYPE),
        ("top/d/f", b"x"),
        ("top/l", tarfile.SYMTYPE, "d/f"),
        ("top/d/up", tarfile.SYMTYPE, "../d/f"),
        ("top/h", tarfile.LNKTYPE, "top/d/f"),
        mode=mode,
    )
    (tmp_path / "tree").mkdir()
    with archives.opened(path, 1) as members:
        archives.unpack(members, str(tmp_path / "tree"))
    assert (tmp_path / "tree/l").read_text() == (tmp_path / "tree/d/up").read_text() == "x"
    assert (tmp_path / "tree/h").samefile(tmp_path / "tree/d/f")
    assert stat.S_IMODE((tmp_path / "tree/d/f").stat().st_mode) == 0o755


def test_unpacks_zips(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/f", "x")
        link = zipfile.ZipInfo("l")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "d/f")
    (tmp_path / "tree").mkdir()
    with archives.opened(str(tmp_path / "a.zip"), 0) as members:
        archives.unpack(members, str(tmp_path / "tree"))
    assert (tmp_path / "tree/l").is_symlink()
    assert (tmp_path / "tree/l").read_text() == "x"


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as inner:
        inner.writestr("inner", "x")
    with archives.opened(tar(tmp_path / "a.tar", ("outer.zip", buffer.getvalue())), 0) as members:
        assert [one.path for one in members] == ["outer.zip"]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("../x", b"")], "would leave"),
        ([("/x", b"")], "would leave"),
        ([("a/../../x", b"")], "would leave"),
        ([("l", tarfile.SYMTYPE, "/etc")], "out of its directory"),
        ([("d/l", tarfile.SYMTYPE, "../../x")], "out of its directory"),
        ([("d/e/x", tarfile.SYMTYPE, "../.."), ("l", tarfile.SYMTYPE, "d/e/x/../y")], "out of its directory"),
        ([("l", tarfile.SYMTYPE, "d"), ("l/f", b"")], "goes through 'l'"),
        ([("h", tarfile.LNKTYPE, "/etc/shadow")], "would leave"),
        ([("h", tarfile.LNKTYPE, "none")], "isn't a file of the archive"),
        ([("dev", tarfile.CHRTYPE)], "is a device"),
        ([("a", b"x"), ("h", tarfile.LNKTYPE, "a"), ("./a", b"y")], "hard link to 'a', which is there twice"),
        ([("l", tarfile.SYMTYPE, "/x"), ("l/f", b""), ("l", tarfile.SYMTYPE, "y")], "goes through 'l'"),
        ([("d/f", b""), ("d", b"")], "goes through 'd'"),
        ([], "is empty"),
    ],
)
def test_refuses(tmp_path, members, why):
    with pytest.raises(Failed, match=why), archives.opened(tar(tmp_path / "a.tar", *members), 0):
        pass


def test_the_last_of_the_members_of_one_name_is_unpacked(tmp_path):
    path = tar(
        tmp_path / "a.tar",
        ("l", tarfile.SYMTYPE, "/etc"),
        ("f", b"one"),
        ("g", b"same"),
        ("l/", tarfile.DIRTYPE),
        ("l/x", b"in"),
        ("./f", b"two!"),
        ("g", tarfile.LNKTYPE, "g"),
    )
    (tmp_path / "tree").mkdir()
    with archives.opened(path, 0) as members:
        archives.unpack(members, str(tmp_path / "tree"))
        assert archives.sizes(members) == {"l": None, "f": 4, "g": 4, "l/x": 2}
    assert (tmp_path / "tree/f").read_text() == "two!"
    assert (tmp_path / "tree/g").read_text() == "same"
    assert (tmp_path / "tree/l/x").read_text() == "in"
    assert not (tmp_path / "tree/l").is_symlink()


def test_links_lead_anywhere_where_it_s_said(tmp_path):
    path = tar(tmp_path / "a.tar", ("l", tarfile.SYMTYPE, "/etc/shadow"), ("up", tarfile.SYMTYPE, "../../x"))
    (tmp_path / "tree").mkdir()
    with archives.opened(path, 0, "any") as members:
        archives.unpack(members, str(tmp_path / "tree"))
    assert (tmp_path / "tree/l").readlink() == Path("/etc/shadow")
    hard = tar(tmp_path / "b.tar", ("h", tarfile.LNKTYPE, "../x"))
    with pytest.raises(Failed, match="would leave"), archives.opened(hard, 0, "any"):
        pass


def test_strip_may_not_leave_nothing(tmp_path):
    with pytest.raises(Failed, match="leaves nothing"), archives.opened(tar(tmp_path / "a.tar", ("a/f", b"")), 2):
        pass


@pytest.mark.parametrize(
    ("stored", "system", "flags", "name"),
    [
        ("ü".encode(), 3, 0, "ü"),
        ("ü".encode("cp437"), 0, 0, "ü"),
        ("ü".encode("latin-1"), 3, 0, "ⁿ"),
        (b"plain", 3, 0, "plain"),
    ],
)
def test_names_in_zips_without_the_flag_for_utf8(stored, system, flags, name):
    info = zipfile.ZipInfo(stored.decode("cp437"))
    info.create_system, info.flag_bits = system, flags
    assert archives._zip_name(info) == name
