"""What people read when a connection fails; connections as ssh's configuration wants them."""

import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from paramiko.ssh_exception import AuthenticationException, NoValidConnectionsError, SSHException

from cdconf.errors import InvalidFile, Unreachable, UsageError
from cdconf.inventory import Host
from cdconf.inventory import Ssh as SshSettings
from cdconf.session.known_hosts import KnownHosts
from cdconf.session.ssh import SshChannels
from cdconf.session.ssh_connection import ssh_config
from cdconf.session.ssh_keys import PrivateKeys
from cdconf.session.ssh_login import Login, meaning, parts_of, prepare

ADDRESS = ("192.0.2.1", 22)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoValidConnectionsError({ADDRESS: OSError(113, "No route to host")}), "h port 22: No route to host"),
        (NoValidConnectionsError({ADDRESS: ConnectionRefusedError(111, "no")}), "h port 22 refused the connection"),
        (OSError(101, "Network is unreachable"), "h port 22: Network is unreachable"),
        (SSHException("No existing session"), "h port 22 took the connection and then said nothing for 10 s: it hangs"),
    ],
)
def test_a_reason_names_the_cause(error, reason):
    assert str(meaning(error, SimpleNamespace(host="h", port=22), "")) == reason


def test_what_the_server_said_before_it_hung_up_is_told():
    """PAM says so in a banner: `Your account has expired; please contact your system administrator.`"""
    transport = SimpleNamespace(auth_handler=SimpleNamespace(banner=b"Your account has expired\r\n"))
    connection = SimpleNamespace(host="h", port=22, user="old", options={}, transport=transport)
    hung_up = meaning(AuthenticationException("Authentication failed: saw EOF"), connection, "")
    assert (hung_up.detail, "chage -l old" in hung_up.hint) == ("Your account has expired", True)
    assert meaning(AuthenticationException("Authentication failed."), connection, "").detail is None


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("web1", ("web1", None, None)),
        ("deploy@web1:2222", ("web1", "deploy", 2222)),
        ("a@b@web1", ("web1", "a@b", None)),
        ("2001:db8::1", ("2001:db8::1", None, None)),
        ("ops@[fd00::2]:22", ("fd00::2", "ops", 22)),
        ("[fd00::2]", ("fd00::2", None, None)),
        ("[fe80::1%eth0]:2222", ("fe80::1%eth0", None, 2222)),
    ],
)
def test_an_address_may_hold_user_and_port(address, parts):
    assert parts_of(address) == parts


@pytest.mark.parametrize("address", ["web1:ssh", "[fd00::2]:ssh", "web1:", "[fd00::2]:"])
def test_a_port_that_is_none_is_told(address):
    with pytest.raises(UsageError, match="isn't a number"):
        parts_of(address)


def test_a_connection_is_as_the_configuration_of_ssh_says_unless_the_inventory_does(tmp_path, monkeypatch):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        "Host web1\n  HostName 192.0.2.7\n  Port 2200\n  User deploy\n  IdentityFile ~/.ssh/one\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh_config.cache_clear()
    try:
        one = prepare(Login("web1"), KnownHosts(), PrivateKeys(), direct=True)
        assert (one.host, one.port, one.user) == ("192.0.2.7", 2200, "deploy")
        assert one.options["key_filename"] == [str(tmp_path / ".ssh/one")]
        other = prepare(Login("root@web1", port=22, identity_file="/etc/key"), KnownHosts(), PrivateKeys(), direct=True)
        assert (other.host, other.port, other.user) == ("192.0.2.7", 22, "root")
        assert other.options["key_filename"][0] == "/etc/key"
        (tmp_path / ".ssh/config").write_text("Host web1\n  HostName =\n  nonsense\n")
        ssh_config.cache_clear()
        with pytest.raises(UsageError, match="can't be read"):
            prepare(Login("web1"), KnownHosts(), PrivateKeys(), direct=True)
    finally:
        ssh_config.cache_clear()


def test_a_line_of_known_hosts_that_is_no_key_is_told(tmp_path):
    known = tmp_path / "known_hosts"
    known.write_text("# ours\n\n192.0.2.1 ssh-keygen: generating new host keys: RSA\n")
    with pytest.raises(InvalidFile, match="no host key") as caught:
        prepare(Login("web1", known_hosts=(str(known),)), KnownHosts(), PrivateKeys(), direct=True)
    assert (caught.value.file, caught.value.line) == (str(known), 3)


def test_what_only_a_match_exec_needs_is_not_imported_before():
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor;"
        "from cdconf.session.ssh_connection import paramiko;"
        "list(ThreadPoolExecutor(8).map(lambda number: paramiko(), range(8)));"
        "sys.exit(any(name.startswith(('invoke.', 'asyncio', 'unittest')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_match_exec_still_counts(tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text('Match exec "test %n = web2"\n  User matched\n')
    code = "from cdconf.session.ssh_connection import configured; print(configured('web2')['user'], configured('web3'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "matched"
    assert "user" not in done.stdout.split(maxsplit=1)[1]


def test_a_host_that_hangs_is_named_so_and_tried_once_more(monkeypatch):
    """The kernel takes connections for a process that's stopped; nobody says anything."""
    monkeypatch.setattr("cdconf.session.ssh_login.CONNECT_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ssh = SshChannels()
        host = Host("web1", (), ssh=SshSettings("127.0.0.1", server.getsockname()[1], "root"))
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"took the connection and then said nothing for 0.5 s: it hangs"):
            ssh.open(host, "true")
        assert time.monotonic() - began < 5
