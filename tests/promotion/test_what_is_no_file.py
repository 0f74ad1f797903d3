"""In place of a key, a policy or the signers there may be anything: nobody waits for it, or reads it without end."""

import getpass
import os
import re

import pytest

from cdconf.artifacts import keys
from cdconf.artifacts.believed import LARGEST, content_of
from cdconf.errors import CdconfError
from cdconf.promotion.policy import read_file
from cdconf.promotion.saying import whoami
from cdconf.promotion.signers import signers_of
from cdconf.promotion.ssh.own_keys import key_in


def signers(path):
    os.environ["CDCONF_SIGNERS"] = str(path)
    try:
        return signers_of(None)
    finally:
        del os.environ["CDCONF_SIGNERS"]


READERS = {"a policy": read_file, "the signers": signers, "an office's key": keys.read, "somebody's key": key_in}


@pytest.fixture(params=["pipe", "device", "directory", "large"])
def odd(request, tmp_path):
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path, 0o600)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "directory":
        path.mkdir()
    else:
        path.touch(0o600)
        os.truncate(path, 64 * 2**30)
    return path


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(reader, odd):
    with pytest.raises(CdconfError, match=f"can't read .*{re.escape(str(odd))}"):
        READERS[reader](odd)


def test_a_file_is_read_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * LARGEST)
    assert len(content_of(path)[0]) == LARGEST


def test_a_user_without_a_name_can_sign(monkeypatch):
    """A container may run as a number that its machine has no name for."""

    def nobody():
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert whoami().partition("@")[0] == str(os.getuid())
