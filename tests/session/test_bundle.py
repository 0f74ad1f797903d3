"""What goes to the hosts: small, the same for the same sources, and nothing that couldn't run there."""

import bz2
import subprocess
import sys

import pytest

from cdconf.agent import api
from cdconf.agent.install import unpacked
from cdconf.errors import InvalidFile
from cdconf.session.bundle import OLD_PATHS, bundle
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
    code = (
        "from cdconf.agent import files\nfrom cdconf.agent.commands.execute import run\nimport xml.etree.ElementTree\n"
        + BOTH
    )
    write(tmp_path, {"resources/mine/spec.py": "", "resources/mine/agent.py": code})
    bundle(tmp_path)


ALL = """import sys
sys.path.insert(0, sys.argv[1])
from cdconf.agent import api
assert sorted(api.__all__) == sorted(name for name in vars(api) if name[0] != "_"), vars(api).keys()
from cdconf.agent.base import Failed, Missing, run_ok
from cdconf.agent import shell, owned
from cdconf.agent import base, programs, home, accounts, fstab, hosts_file, sysctl
import cdconf.agent.owned
assert (Failed, run_ok, shell, base) == (api.Failed, api.run_ok, api.shell, api)
assert owned is cdconf.agent.owned is api.whole_file
assert (programs, home, accounts, fstab) == (api.programs, api.home_files, api.accounts, api.fstab)
assert (hosts_file, sysctl) == (api.hosts_file, api.sysctl)
"""


def test_types_from_outside_find_what_they_may_import_under_its_old_paths_too(tmp_path):
    write(tmp_path, {"project/resources/mine/spec.py": "", "project/resources/mine/agent.py": BOTH})
    for name, source in unpacked(bz2.decompress(bundle(tmp_path / "project").data)):
        write(tmp_path, {f"host/{name}": source.decode()})
    subprocess.run([sys.executable, "-I", "-S", "-c", ALL, str(tmp_path / "host")], check=True)


def test_cdconf_s_own_agent_has_no_old_paths():
    names = dict(unpacked(bz2.decompress(bundle().data)))
    assert names.keys().isdisjoint(f"cdconf/agent/{old}.py" for old in OLD_PATHS)


# What types from outside of cdconf rely on: a name that goes, goes with a release's notice in the changelog.
PROMISED = {
    *("Down", "Failed", "Missing", "Obstacle", "Result", "accounts", "environment", "files", "fstab", "home_files"),
    *("hosts_file", "in_the_way", "last_lines", "programs", "run", "run_bytes", "run_ok", "shell", "sysctl", "texts"),
    "whole_file",
}


def test_what_types_from_outside_may_import_stays():
    assert set(api.__all__) >= PROMISED


def test_a_type_without_an_agent_is_refused(tmp_path):
    write(tmp_path, {"resources/mine/spec.py": ""})
    with pytest.raises(InvalidFile, match=r"needs an agent\.py"):
        bundle(tmp_path)
