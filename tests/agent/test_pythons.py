"""The agent runs on every Python from 3.6 on, with nothing but the standard library."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cdconf.agent import wire
from cdconf.agent.facts import GROUPS
from cdconf.session.bundle import bundle

PYTHONS = [sys.executable, *map(str, sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3")))]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_agent_converges_in_check_mode(python, tmp_path):
    zipfile.ZipFile(io.BytesIO(bundle().data)).extractall(tmp_path / "agent")
    (tmp_path / "motd").write_text("old\n")
    resource = {
        "id": "file:/motd",
        "type": "file",
        "title": "/motd",
        "fields": {"path": str(tmp_path / "motd"), "content": "new\n"},
        "absent": False,
        "source": "roles/x/role.yml:1",
        "role": "x",
        "notify": [],
        "sensitive": False,
    }
    catalog = {"complete": True, "compare": {"file": ["content"]}, "resources": [resource], "handlers": {}}
    requests = [
        {"id": 1, "call": "open", "args": {"project": "nothing-here", "facts": sorted(GROUPS)}},
        {"id": 2, "call": "converge", "args": {"catalog": catalog, "check": True}},
    ]
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'agent')!r}); from cdconf.agent.loop import main; main()"
    result = subprocess.run(
        [python, "-I", "-S", "-W", "error", "-c", code],
        input=b"".join(map(wire.pack, requests)),
        capture_output=True,
        timeout=60,
        check=False,
    )
    stream = io.BytesIO(result.stdout)
    frames = [wire.read(stream.read) for _ in range(3)]
    told = frames[0]["result"]["facts"]
    assert (told["kernel"], told["cpu"]["count"]) == (os.uname().release, len(os.sched_getaffinity(0))), result.stderr
    assert frames[1]["event"]["status"] == "would_change"
    assert "-old" in frames[1]["event"]["diff"]
    assert frames[2]["result"] == {"counts": {"would_change": 1}, "failed": False}
    assert (tmp_path / "motd").read_text() == "old\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_every_module_of_the_agent_can_be_imported(python, tmp_path):
    archive = zipfile.ZipFile(io.BytesIO(bundle().data))
    archive.extractall(tmp_path)
    names = [name[:-3].replace("/", ".").replace(".__init__", "") for name in archive.namelist()]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + "".join(f"__import__({name!r})\n" for name in names)
    subprocess.run([python, "-I", "-S", "-W", "error", "-c", code], check=True, timeout=60)


def test_the_agent_stays_small():
    assert len(bundle().data) <= 120_000
