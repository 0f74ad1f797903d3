"""The bootstrap: the host's cache, what may go wrong with it, and how little a start loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf.errors import HostFailed
from cdconf.session.bundle import Bundle, pack, start_command, start_line
from tests.agent.private import VERSIONS, PrivateAgent, find

# Each of these costs a start milliseconds; they are for those who use them.
LAZY = {
    *("_hashlib", "base64", "ctypes", "datetime", "difflib", "enum", "hashlib", "importlib.util", "json", "platform"),
    *("re", "shlex", "shutil"),
    *("socket", "subprocess", "tempfile", "traceback", "urllib", "zipfile"),
}


def words(agent, send=b""):
    """What the bootstrap says before frames begin."""
    result = subprocess.run(agent.command("nonce"), input=send, capture_output=True, timeout=60, check=False)
    lines = result.stdout.decode().splitlines()
    return [line[len("nonce ") :] for line in lines if line.startswith("nonce ")]


@pytest.fixture(params=VERSIONS)
def agent(request, tmp_path):
    return PrivateAgent(find(request.param), tmp_path)


def cached(agent):
    """The file with the compiled modules."""
    (found,) = agent.data.glob(".agent/*/*")
    return found


def without(agent, module):
    """The same agent, whose Python can't import that module."""
    command = agent.command

    def lacking(nonce):
        *start, digest, last = command(nonce)
        start[-1] = f"import sys; sys.modules[{module!r}] = None; " + start[-1]
        return [*start, digest, last]

    agent.command = lacking
    return agent


def test_a_second_start_is_from_the_cache(agent):
    assert words(agent) == ["ready"]


def test_only_its_owner_can_read_the_cache(agent):
    file = cached(agent)
    for path in (file, *list(file.parents)[:3]):
        assert not path.stat().st_mode & 0o077, path


def test_a_cache_that_others_could_have_written_to_is_replaced(agent):
    cached(agent).parent.chmod(0o777)
    assert words(agent) == ["need"]
    agent.open().close()
    assert words(agent) == ["ready"]


def test_a_damaged_cache_is_replaced(agent):
    file = cached(agent)
    data = bytearray(file.read_bytes())
    for place, value in ((40, data[40] ^ 1), (0, data[0] ^ 1)):
        broken = bytearray(data)
        broken[place] = value
        file.write_bytes(bytes(broken))
        assert words(agent) == ["need"]
    file.write_bytes(b"")
    assert words(agent) == ["need"]
    agent.open().close()
    assert words(agent) == ["ready"]


def test_a_python_without_bzip2_gets_the_agent_deflated(tmp_path):
    agent = without(PrivateAgent(sys.executable, tmp_path, installed=False), "bz2")
    agent.open().close()
    assert words(agent) == ["ready"]


@pytest.mark.parametrize("damage", ["byte", "end", "other", "empty"])
@pytest.mark.parametrize("lacking", ["bz2", "turtle"])
def test_an_agent_that_arrives_damaged_is_refused(tmp_path, monkeypatch, damage, lacking):
    agent = without(PrivateAgent(sys.executable, tmp_path, installed=False), lacking)
    other = pack({"a": b"b"}).deflated() if lacking == "bz2" else pack({"a": b"b"}).data
    changed = {
        "byte": lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:],
        "end": lambda data: data[:-9],
        "other": lambda data: other,
        "empty": lambda data: b"",
    }[damage]
    whole = agent.bundle.deflated()
    monkeypatch.setattr(Bundle, "deflated", lambda bundle: changed(whole))
    agent.bundle = Bundle(changed(agent.bundle.data), agent.bundle.digest)
    with pytest.raises(HostFailed, match="arrived damaged"):
        agent.open()
    assert not list(tmp_path.glob("data/.agent/*"))


def test_a_cache_that_can_not_be_written_is_one_clear_error(tmp_path):
    agent = PrivateAgent(sys.executable, tmp_path, installed=False)
    agent.data.write_text("a file where the directory should be")
    with pytest.raises(HostFailed, match=r"can't be kept on the host: .*data.*: Not a directory"):
        agent.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
@pytest.mark.parametrize("whose", ["data", "data/.agent"])
def test_a_directory_that_somebody_else_has_made_is_refused(tmp_path, whose):
    agent = PrivateAgent(sys.executable, tmp_path, installed=False)
    (tmp_path / "data/.agent").mkdir(parents=True)
    os.chown(tmp_path / whose, 4242, 4242)
    with pytest.raises(HostFailed, match=rf"can't be kept on the host: .*{whose}: it belongs to another user"):
        agent.open()
    assert (tmp_path / whose).stat().st_uid == 4242


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_a_cache_below_somebody_else_s_directory_isn_t_started_from(tmp_path):
    agent = PrivateAgent(sys.executable, tmp_path, installed=False)
    agent.open().close()
    os.chown(tmp_path / "data", 4242, 4242)
    with pytest.raises(HostFailed, match="it belongs to another user"):
        agent.open()


def test_a_python_without_all_of_its_library_is_one_clear_error(tmp_path):
    agent = without(PrivateAgent(sys.executable, tmp_path, installed=False), "json")
    with pytest.raises(HostFailed, match="lacks a part of the standard library") as caught:
        agent.open()
    assert "the module 'json'" in caught.value.message
    assert "bootstrap: true" in caught.value.hint


def test_a_start_loads_only_what_it_needs(tmp_path):
    agent = PrivateAgent(sys.executable, tmp_path, installed=False)
    session = agent.open()
    session.close()
    *start, digest, nonce = [word for word in agent.command("nonce") if word not in ("-W", "error")]
    tell = "lambda status: print(*sorted(sys.modules), file=sys.stderr)"
    start[-1] = f"import os; os._exit = {tell}\n" + start[-1]
    result = subprocess.run([*start, digest, nonce], input=b"", capture_output=True, timeout=60, check=True)
    loaded = set(result.stderr.decode().splitlines()[0].split())
    assert "cdconf.agent.protocol.loop" in loaded
    assert sorted(loaded & LAZY) == []
    assert [name for name in loaded if name.startswith("cdconf.resources")] == []


def test_the_start_line_survives_every_shell():
    for become in (None, "sudo"):
        for terminal in (False, True):
            words = start_command("d" * 64, "n" * 24, become, terminal=terminal)
            for word in words:
                assert not set(word) & set("!\\'\n"), word
            line = start_line("d" * 64, "n" * 24, become, terminal=terminal)
            assert "n" * 24 + " " not in line
            assert len(line) < 4000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_the_agent_ends_when_nobody_listens(tmp_path):
    agent = PrivateAgent(sys.executable, tmp_path, installed=False)
    agent.open().close()
    with Path("/dev/full").open("wb") as full, Path(os.devnull).open("rb") as null:
        result = subprocess.run(agent.command("nonce"), stdin=null, stdout=full, check=False, timeout=30)
    assert result.returncode == 1
