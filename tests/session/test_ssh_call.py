"""Calls ahead of a login: only where the way is certain, and nothing of them is left."""

import socket

import pytest

from cdconf.session.early_ssh import Call, leads_elsewhere
from cdconf.session.ssh_login import Login


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("cdconf.session.early_ssh.CONFIG_FILES", ("~/.ssh/config",))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as one:
        one.settimeout(5)
        yield one


@pytest.mark.parametrize(
    ("config", "elsewhere"),
    [
        (None, False),
        ("Host *\n  User deploy\n  IdentityFile ~/.ssh/one\n  # HostName no\n", False),
        ("Host web1\n\tHostName 192.0.2.7\n", True),
        ("Host *\n  proxyjump bastion\n", True),
        ("Host *\n  ProxyCommand=nc %h %p\n", True),
        ("Host other\n  Port 2200\n", True),
        ("Match exec true\n  User deploy\n", True),
        ("CanonicalizeHostname yes\n", True),
    ],
)
def test_what_in_a_configuration_may_send_a_login_elsewhere(home, config, elsewhere):
    if config:
        (home / ".ssh/config").write_text(config)
    assert leads_elsewhere() is elsewhere


def test_a_call_that_is_taken_stays_open(server):
    port = server.getsockname()[1]
    with Call(Login(f"deploy@127.0.0.1:{port}")) as call:
        taken = call.take()
    answered, _ = server.accept()
    with taken, answered:
        taken.sendall(b"SSH-2.0-x\r\n")
        assert answered.recv(20) == b"SSH-2.0-x\r\n"


def test_a_call_that_nobody_took_is_closed(server):
    with Call(Login("127.0.0.1", port=server.getsockname()[1])):
        pass
    answered, _ = server.accept()
    with answered:
        assert answered.recv(1) == b""


def test_what_a_call_met_is_raised_when_it_is_wanted(server):
    port = server.getsockname()[1]
    server.close()
    with Call(Login("127.0.0.1", port=port)) as call, pytest.raises(ConnectionRefusedError):
        call.take()
    with Call(Login("no-such-host.invalid")) as call, pytest.raises(socket.gaierror):
        call.take()
    with Call(Login("a" * 70 + ".invalid")) as call, pytest.raises(UnicodeError):
        call.take()
