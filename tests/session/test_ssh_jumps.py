"""Jump hosts without a network: servers of Paramiko's own, in this process, on 127.0.0.1."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import paramiko
import pytest

from cdconf.errors import Unreachable
from cdconf.inventory import Host, Ssh
from cdconf.session.ssh import SshChannels as Connections
from cdconf.session.ssh_tunnels import Tunnel
from cdconf.session.transport import TransportClosed

PROHIBITED, CONNECT_FAILED = 1, 2  # RFC 4254, 5.1
SILENT = 7009  # what's behind this port takes connections and never says a word


class Server(paramiko.ServerInterface):
    """An sshd that lets everybody in; `tunnels` are the numbers of its direct-tcpip channels."""

    def __init__(self, world):
        self.world = world
        self.tunnels, self.silent = set(), set()

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        self.world.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self._serve, args=(channel, command), daemon=True).start()
        return True

    def _serve(self, channel, command):
        with contextlib.suppress(OSError):  # the test may have ended
            channel.sendall(b"hello from " + command + b"\n")

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        time.sleep(0.002)
        code = self.world.refuse.get(destination[1])
        if code is not None:
            return code
        (self.silent if destination[1] == SILENT else self.tunnels).add(chanid)
        return paramiko.OPEN_SUCCEEDED


class World:
    """One server that is jump host and host at once: each of its channels leads to itself."""

    def __init__(self, folder):
        self.key = paramiko.ECDSAKey.generate()
        self.refuse, self.logins, self.transports = {}, [], []  # `refuse`: port -> RFC 4254's reason
        self.hung = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.identity, self.known = folder / "key", folder / "known_hosts"
        paramiko.ECDSAKey.generate().write_private_key_file(str(self.identity))
        self.know("127.0.0.1", self.port, self.key)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, sock):
        server = Server(self)
        try:
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.key)
            self.transports.append(transport)
            transport.start_server(server=server)
        except (paramiko.SSHException, EOFError, OSError):
            return
        while transport.is_active():
            channel = transport.accept(0.2)
            if channel is not None and channel.get_id() in server.silent:
                self.hung.append(channel)
            elif channel is not None and channel.get_id() in server.tunnels:
                threading.Thread(target=self._serve, args=(Tunnel(channel),), daemon=True).start()

    def know(self, name, port, key):
        with self.known.open("a") as stream:
            stream.write(f"[{name}]:{port} {key.get_name()} {key.get_base64()}\n")

    def host(self, name, port=7000, jump=""):
        """A host behind `ops@127.0.0.1`, and behind `jump` then."""
        self.know(name, port, self.key)
        files = {"identity_file": str(self.identity), "known_hosts": str(self.known)}
        jump = f"ops@127.0.0.1:{self.port}{jump}"
        return Host(name, (), ssh=Ssh(address=name, port=port, user=name, jump=jump, **files))

    def close(self):
        self.listener.close()
        for transport in self.transports:
            transport.close()


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    one = World(tmp_path)
    yield one
    one.close()


@pytest.fixture
def connections():
    one = Connections()
    yield one
    one.close()


def heard(transport):
    data = b""
    while not data.endswith(b"\n"):
        data += transport.read(100, 10)
    return data


def opened(connections, hosts):
    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(lambda host: connections.open(host, host.name), hosts))


def test_all_hosts_behind_a_jump_host_share_one_login_there(world, connections):
    hosts = [world.host(f"h{number}") for number in range(6)]
    transports = opened(connections, hosts)
    assert [heard(one) for one in transports] == [f"hello from h{number}\n".encode() for number in range(6)]
    assert world.logins.count("ops") == 1
    assert sorted(world.logins) == [*(f"h{number}" for number in range(6)), "ops"]
    for one in transports:
        one.close()


def test_hosts_that_are_refused_at_once_get_each_its_own_reason(world, connections, monkeypatch):
    monkeypatch.setattr("cdconf.session.ssh.ATTEMPTS", 1)
    world.refuse = {7001: PROHIBITED, 7002: CONNECT_FAILED}
    hosts = [world.host(f"h{number}", 7000 + number % 3) for number in range(30)]

    def attempt(host):
        try:
            connections.open(host, host.name).close()
        except Unreachable as error:
            return str(error)
        return "fine"

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(attempt, hosts))
    for number, said in enumerate(found):
        wanted = ("fine", "refuses to forward to", "can't reach")[number % 3]
        assert wanted in said, (number, said)


def test_a_host_that_hangs_does_not_hold_up_the_others(world, connections, monkeypatch):
    monkeypatch.setattr("cdconf.session.ssh.RETRY_FOR", 0.1)
    hung = world.host("h9", SILENT)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connections.open, hung, "h9")
        for _ in range(3):
            for one in opened(connections, [world.host(f"h{number}") for number in range(4)]):
                heard(one)
                one.close()
        assert not waiting.done()
        world.refuse[SILENT] = CONNECT_FAILED
        world.hung.pop().close()
        error = waiting.exception(timeout=60)
    assert isinstance(error, Unreachable)
    assert world.logins.count("ops") == 1


def test_a_jump_host_that_goes_takes_the_blame(world, connections):
    transports = opened(connections, [world.host(f"h{number}") for number in range(3)])
    for one in transports:
        heard(one)
    jump = next(one for one in world.transports if one.get_username() == "ops")
    jump.close()
    for one in transports:
        with pytest.raises(TransportClosed, match=r"the jump host ops@127.0.0.1:\d+ closed its connection, or was cut"):
            one.read(100, 10)
        one.close()


def test_a_host_that_goes_is_not_blamed_on_its_jump_host(world, connections):
    first, second = opened(connections, [world.host("h0"), world.host("h1")])
    heard(first)
    heard(second)
    next(one for one in world.transports if one.get_username() == "h0").close()
    assert first.read(100, 10) == b""
    second.close()


def test_the_way_to_a_jump_host_counts_as_well(world, connections):
    """b behind a isn't the b that is reached directly."""
    world.know("b", 7005, world.key)
    through = world.host("h1", jump=",inner@b:7005")
    for one in opened(connections, [through, world.host("h2")]):
        heard(one)
        one.close()
    assert (world.logins.count("ops"), world.logins.count("inner")) == (1, 1)


def test_a_jump_host_with_another_key_is_named_for_each_host(world, connections):
    host = world.host("h0")
    world.known.write_text("")
    world.know("127.0.0.1", world.port, paramiko.ECDSAKey.generate())
    for name in ("h0", "h1"):
        with pytest.raises(Unreachable, match=r"the jump host ops@127.0.0.1:\d+: its ssh host key is not the one"):
            connections.open(Host(name, (), ssh=host.ssh), name)
    assert world.logins == []


def test_a_tunnel_is_closed_quietly_when_its_jump_host_has_gone(world, connections):
    transport = connections.open(world.host("web1"), "web1")
    assert heard(transport)
    tunnel, jump = transport._connection.sock, transport._connection.through[0].transport
    jump.packetizer.write_all = gone
    tunnel.close()
    transport.close()


def gone(_):
    raise EOFError


def test_a_quiet_connection_costs_nothing_and_ends_at_once_when_it_is_closed(world, connections):
    """Paramiko's thread would wake up ten times a second; of 300 connections these are the most of a run's CPU."""
    host = world.host("127.0.0.1", world.port)
    host = replace(host, ssh=replace(host.ssh, jump="none"))
    (transport,) = opened(connections, [host])
    assert heard(transport) == b"hello from 127.0.0.1\n"
    thread = transport._connection.transport
    assert thread.sock.gettimeout() >= 1
    transport.close()
    thread.join(0.5)
    assert not thread.is_alive()
