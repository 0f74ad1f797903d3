"""The key that seals a checkout's plans: one that can't be read is named, and no plan is sealed with less."""

import os
from types import SimpleNamespace

import pytest

from cdconf.own_files import DamagedFile
from cdconf.plans.proof import _seal_key


def test_a_key_is_made_once(tmp_path):
    project = SimpleNamespace(data=tmp_path)
    key = _seal_key(project)
    assert len(key) == 32
    assert _seal_key(project) == key


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 33])
def test_a_key_that_was_cut_seals_nothing(tmp_path, damage):
    (tmp_path / "plan.key").write_bytes(damage)
    with pytest.raises(DamagedFile, match=r"plan\.key"):
        _seal_key(SimpleNamespace(data=tmp_path))
    assert (tmp_path / "plan.key").read_bytes() == damage


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "plan.key")
    with pytest.raises(DamagedFile, match="pipe"):
        _seal_key(SimpleNamespace(data=tmp_path))
