"""Locks on files of this machine."""

import os
import subprocess
import sys

import pytest

from cdconf.errors import ArtifactError
from cdconf.file_lock import held, held_folder, held_if_free, is_held, take

HOLDER = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"


@pytest.fixture
def other(tmp_path):
    """A lock that another process holds, and that process."""
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield path, process
        process.stdin.close()


def test_a_lock_is_free_again_after_an_error(tmp_path):
    said = []
    path = tmp_path / "locks/dev"
    with pytest.raises(KeyError), held(path, ArtifactError, lambda: said.append("waiting")):
        raise KeyError
    assert not is_held(path)
    with held(path, ArtifactError, lambda: said.append("waiting")):
        assert is_held(path)
    assert said == []


def test_whoever_waits_says_so_and_gets_the_lock_of_a_process_that_ends(other):
    path, process = other
    said = []

    def waiting():
        said.append("waiting")
        process.stdin.close()

    with held(path, ArtifactError, waiting):
        assert said == ["waiting"]


def test_a_lock_that_another_process_has_is_not_waited_for(other):
    path, process = other
    assert is_held(path)
    with held_if_free(path) as free:
        assert not free
    process.kill()
    process.wait()
    with held_if_free(path) as free:
        assert free


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="can't lock"), held(tmp_path / "file/lock", ArtifactError):
        pass
    with pytest.raises(ArtifactError, match="can't lock"), held_if_free(tmp_path / "file/lock", ArtifactError):
        pass
    with pytest.raises(NotADirectoryError), held_if_free(tmp_path / "file/lock"):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtifactError, match="a pipe or a device"), held(tmp_path / "pipe", ArtifactError):
        pass


def test_a_directory_is_held_while_the_block_lasts(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with held_folder(tmp_path):
        assert not take(descriptor)
    assert take(descriptor)
    os.close(descriptor)
