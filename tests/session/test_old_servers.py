"""Servers that sign with `ssh-rsa`, that is SHA-1, alone: refused with a hint, unless the inventory allows them."""

import socket
import subprocess
import threading
from dataclasses import replace

import paramiko
import pytest

from cdconf.errors import Unreachable
from cdconf.inventory import Host, Ssh
from cdconf.session import old_servers
from cdconf.session.ssh import SshChannels as Connections
from cdconf.session.ssh_connection import ssh_config
from tests.session.test_ssh_jumps import Server, heard


class OldServer(old_servers._OldServer):
    """As OpenSSH 5.3: one algorithm for keys, and not a word about others (RFC 8308 is younger)."""

    _preferred_keys = _preferred_pubkeys = ("ssh-rsa",)


class World:
    def __init__(self, folder):
        self.key, mine = paramiko.RSAKey.generate(2048), paramiko.RSAKey.generate(2048)
        self.identity, self.known = folder / "key", folder / "known_hosts"
        mine.write_private_key_file(str(self.identity))
        self.refuse, self.logins, self.channels = {}, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.known.write_text(f"[127.0.0.1]:{self.port} ssh-rsa {self.key.get_base64()}\n")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            transport = OldServer(connection, server_sig_algs=False)
            transport.add_server_key(old_servers._Sha1Key(key=self.key.key))
            try:
                transport.start_server(server=Server(self))
                self.channels.append(transport.accept(5))
            except (paramiko.SSHException, EOFError, OSError):
                continue

    def host(self, **ssh):
        files = {"identity_file": str(self.identity), "known_hosts": str(self.known)}
        return Host("old1", (), ssh=Ssh("127.0.0.1", self.port, "ops", **files, **ssh))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh_config.cache_clear()
    one = World(tmp_path)
    yield one
    one.listener.close()
    ssh_config.cache_clear()


@pytest.fixture
def connections():
    one = Connections()
    yield one
    one.close()


def test_it_is_refused_with_a_hint(world, connections):
    with pytest.raises(Unreachable, match="speaks no algorithm that is still thought safe") as caught:
        connections.open(world.host(), "true")
    assert "`ssh: {ssh_rsa: true}`" in caught.value.hint


def test_the_inventory_may_allow_it(world, connections):
    transport = connections.open(world.host(ssh_rsa=True), "old1")
    assert heard(transport) == b"hello from old1\n"
    assert transport._connection.transport.host_key_type == "ssh-rsa"
    assert transport._connection.transport._agreed_pubkey_algorithm == "ssh-rsa"
    transport.close()


def test_ssh_s_own_configuration_may_allow_it(world, connections, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host 127.0.0.1\n  HostKeyAlgorithms +ssh-rsa\n")
    transport = connections.open(world.host(), "old1")
    assert heard(transport) == b"hello from old1\n"
    transport.close()


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_refused_key_is_called_refused_whatever_kind_it_is(world, connections, tmp_path, monkeypatch, kind):
    """Paramiko tries an RSA file as a key of other kinds, too, and says last that it's an invalid one."""
    monkeypatch.setattr(Server, "check_auth_publickey", lambda self, user, key: paramiko.AUTH_FAILED)
    key = tmp_path / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    host = world.host(ssh_rsa=True)
    host = replace(host, ssh=replace(host.ssh, identity_file=str(key)))
    with pytest.raises(Unreachable, match=r"ssh login as ops@127\.0\.0\.1 was refused: Authentication failed"):
        connections.open(host, "true")


def test_nothing_changes_for_other_connections(world, connections):
    connections.open(world.host(ssh_rsa=True), "old1").close()
    assert "ssh-rsa" not in paramiko.RSAKey.HASHES
    assert "ssh-rsa" not in paramiko.Transport._key_info
    with pytest.raises(Unreachable):
        connections.open(world.host(), "true")
