"""The controller's end of a look-only key: which agent answers, and which hosts can have such a key."""

from dataclasses import replace

import pytest

from cdconf import __version__
from cdconf.agent.protocol.look_only import VERSION
from cdconf.errors import NotStarted
from cdconf.inventory import load_environment, load_project
from cdconf.own_files import DamagedFile
from cdconf.schedules import look_key
from cdconf.session.bundle import bundle
from cdconf.session.look_only import check_ready, keyed, sources_of


@pytest.fixture
def host(project):
    return next(iter(load_environment(load_project(project), "dev").hosts.values()))


def test_the_agent_of_this_cdconf_is_taken():
    assert check_ready(f"{VERSION} {bundle().digest} {__version__}", bundle(), "web1", "dev") is None


def test_an_older_agent_that_is_understood_is_told():
    text = check_ready(f"{VERSION} {'0' * 64} 0.0.9", bundle(), "web1", "dev")
    assert "its look-only agent is of another cdconf (0.0.9)" in text
    assert "`cdconf schedule install dev --look-only`" in text


@pytest.mark.parametrize("said", ["", "0", "2 x", f"{VERSION}1 {'0' * 64} 9.9", "one"])
def test_one_that_is_not_understood_is_an_error_that_names_the_way_out(said):
    with pytest.raises(NotStarted, match="doesn't understand it") as caught:
        check_ready(said, bundle(), "web1", "dev")
    assert "`cdconf schedule install dev --look-only`" in caught.value.hint


def test_the_key_is_the_only_one_and_nobody_becomes_root_by_it(host, tmp_path):
    found = keyed(replace(host, transport="ssh", ssh=replace(host.ssh, become="sudo", jump=None)), tmp_path / "key")
    assert (found.ssh.identity_file, found.ssh.become) == (str(tmp_path / "key"), None)


def test_hosts_that_such_a_key_cannot_reach_are_refused(host, tmp_path):
    for other in (replace(host, transport="local"), replace(host, ssh=replace(host.ssh, jump="bastion"))):
        with pytest.raises(NotStarted, match="no use here"):
            keyed(other, tmp_path)


def test_the_sources_are_whole():
    sources = sources_of(bundle())
    assert "class Looking(" in sources["cdconf/agent/protocol/look_only.py"]
    assert "cdconf/agent/boot.py" not in sources
    for path, text in sources.items():
        compile(text, path, "exec")


def test_a_key_is_made_once_and_is_the_operators_alone(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    one = load_project(project)
    path, line = look_key.made(one, "dev")
    assert look_key.made(one, "dev") == (path, line)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert line.startswith("ssh-ed25519 ")
    assert path.with_name("demo.dev.pub").read_text() == f"{line}\n"
    path.chmod(0o644 | 0o020)
    with pytest.raises(DamagedFile, match="somebody else can have written it"):
        look_key.made(one, "dev")
    path.chmod(0o600)
    path.write_text("no key\n")
    with pytest.raises(DamagedFile, match="look-only key"):
        look_key.made(one, "dev")
    look_key.remove(path)
    assert list(path.parent.iterdir()) == []
