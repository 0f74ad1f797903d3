"""What goes to the hosts: small, the same for the same sources, and nothing that couldn't run there."""

import bz2

import pytest

from cdconf.agent.install import unpacked
from cdconf.errors import InvalidFile
from cdconf.session.bundle import bundle
from tests.conftest import write

LIMIT = 120_000  # bytes; it crosses the network once for each host and version
BOTH = "observe = apply = None\n"


def test_the_agent_is_small():
    assert len(bundle().data) <= LIMIT


def test_the_same_sources_make_the_same_agent(tmp_path):
    assert bundle(tmp_path / "one").digest == bundle(tmp_path / "two").digest


def test_one_process_makes_cdconf_s_own_sources_small_once(tmp_path, monkeypatch):
    first = bundle(tmp_path / "one")
    write(tmp_path, {"three/resources/mine/spec.py": "", "three/resources/mine/agent.py": f"import json\n{BOTH}"})
    made = []
    monkeypatch.setattr("cdconf.session.bundle.compact", lambda source: made.append(source) or source)
    assert bundle(tmp_path / "two").digest == first.digest
    assert bundle(tmp_path / "three").digest != first.digest
    assert made == [f"import json\n{BOTH}".encode()]


def test_a_kept_agent_is_used_until_a_source_changes(tmp_path):
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": f"import json\n{BOTH}"})
    first = bundle(tmp_path, (), tmp_path / "kept")
    [file] = (tmp_path / "kept").iterdir()
    head, _, data = file.read_bytes().partition(b"\n")
    assert head.split()[0].decode() == first.digest
    assert data == first.data
    bundle.cache_clear()
    assert bundle(tmp_path, (), tmp_path / "kept") == first
    write(tmp_path, {"resources/mine/agent.py": f"import json, os\n{BOTH}"})
    bundle.cache_clear()
    assert bundle(tmp_path, (), tmp_path / "kept").digest != first.digest
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"\xff\n", b"x" * 5000])
def test_a_kept_agent_that_isnt_whole_is_packed_anew(tmp_path, damage):
    first = bundle(None, (), tmp_path / "kept")
    [file] = (tmp_path / "kept").iterdir()
    whole = file.read_bytes()
    for data in (damage, whole[:-3], whole.replace(first.digest.encode(), b"0" * 64, 1)):
        file.write_bytes(data)
        bundle.cache_clear()
        assert bundle(None, (), tmp_path / "kept") == first
        assert file.read_bytes() == whole


def test_a_project_s_type_comes_along(tmp_path):
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": f"import json\n{BOTH}"})
    names = dict(unpacked(bz2.decompress(bundle(tmp_path).data)))
    assert {"cdconf/resources/mine/__init__.py", "cdconf/resources/mine/agent.py"} <= set(names)


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("import os\nimport requests\n", 2, "it imports 'requests'"),
        ("def observe(fields):\n    from yaml import safe_load\n", 2, "it imports 'yaml'"),
        ("from cdconf.errors import CdconfError\n", 1, "it imports 'cdconf.errors'"),
        ("from cdconf import errors\n", 1, "it imports 'cdconf.errors'"),
        ("from . import parser\n", 1, "it imports '.'"),
        ("import os, tomllib\n", 1, "it imports 'tomllib'"),
        ("from __future__ import annotations\n", 1, "it imports '__future__.annotations'"),
        ("def observe(fields):\n    return None\n", None, "it has no function 'apply'"),
        ("import os\nif (n := 10) > 5: pass\n", 2, "this isn't Python 3.6"),
        ("def f(:\n", 1, "this isn't Python 3.6"),
    ],
)
def test_what_couldn_t_run_on_a_host_is_refused(tmp_path, code, line, message):
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": code})
    with pytest.raises(InvalidFile, match=message) as caught:
        bundle(tmp_path)
    assert (caught.value.file, caught.value.line) == ("resources/mine/agent.py", line)


def test_what_can_run_there_is_taken(tmp_path):
    code = "from cdconf.agent import files\nfrom cdconf.agent.base import run\nimport xml.etree.ElementTree\n" + BOTH
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": code})
    bundle(tmp_path)


def test_a_type_without_an_agent_is_refused(tmp_path):
    write(tmp_path, {"resources/mine/spec.py": ""})
    with pytest.raises(InvalidFile, match=r"needs an agent\.py"):
        bundle(tmp_path)
