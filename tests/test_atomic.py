"""Files that are replaced, or made, in one step."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.atomic import make_private, write_private, write_public


def names(folder):
    return [path.name for path in folder.iterdir()]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("write", "expected"), [(write_private, 0o600), (write_public, 0o644)])
def test_a_file_is_replaced_whole_and_has_its_mode_whatever_the_umask_says(write, expected, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0o077)
    try:
        write(path, "nëw\r\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == "nëw\r\n".encode()
    assert mode(path) == expected
    assert names(tmp_path) == ["file"]


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "taken", b"new")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")
    assert names(tmp_path) == ["taken"]


def test_of_two_that_make_a_file_the_first_one_makes_it(tmp_path):
    path = tmp_path / "key"
    assert make_private(path, b"first")
    assert not make_private(path, b"second")
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"first", 0o600, ["key"])


@pytest.mark.parametrize("write", [write_private, write_public])
def test_a_pipe_is_written_to_and_stays(write, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_bytes)
        write(path, "new")
        assert read.result(timeout=10) == b"new"
    assert path.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_a_device_is_written_to_and_stays(tmp_path):
    path = tmp_path / "null"
    path.symlink_to(os.devnull)
    write_private(path, "new")
    assert path.is_symlink()
    assert path.is_char_device()


def test_standard_output_that_is_a_file_gets_the_text(tmp_path):
    command = "from pathlib import Path; from cdconf.atomic import write_public; write_public(Path('/dev/fd/1'), 'new')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", command], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "new"
    assert names(tmp_path) == ["out"]
