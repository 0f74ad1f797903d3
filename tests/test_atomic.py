"""Files that are replaced, or made, in one step."""

import os
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.atomic import make_private, write_output, write_private, write_public


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


@pytest.mark.parametrize("private", [True, False])
def test_a_pipe_that_somebody_names_is_written_to_and_stays(private, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_bytes)
        write_output(path, "new", private=private)
        assert read.result(timeout=10) == b"new"
    assert path.is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of somebody else's")
def test_a_pipe_of_somebody_else_is_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    os.chown(path, 65534, 65534)
    write_output(path, "new", private=True)
    assert path.read_text() == "new"
    assert path.stat().st_uid == 0


@pytest.mark.parametrize("write", [write_private, write_public])
def test_a_pipe_in_the_place_of_a_file_of_cdconf_s_own_is_replaced(write, tmp_path):
    path = tmp_path / "memory"
    os.mkfifo(path)
    write(path, "new")
    assert path.read_text() == "new"


def test_a_device_is_written_to_and_stays(tmp_path):
    path = tmp_path / "null"
    path.symlink_to(os.devnull)
    write_output(path, "new", private=True)
    assert path.is_symlink()
    assert path.is_char_device()


def test_standard_output_that_is_a_file_gets_the_text(tmp_path):
    command = """
        from pathlib import Path
        from cdconf.atomic import write_output
        write_output(Path('/dev/fd/1'), 'new', private=False)
    """
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", textwrap.dedent(command)], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "new"
    assert names(tmp_path) == ["out"]
