"""What a server may send beside what's asked of it, and what it may not."""

import socket
import threading

import paramiko
import pytest

from cdconf.session import ssh_bounds
from cdconf.session.ssh_bounds import bounded


class _Anybody(paramiko.ServerInterface):
    def check_auth_none(self, username):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


@pytest.fixture
def connected():
    """A bounded connection and the server's end of it, logged in."""
    ours, theirs = socket.socketpair()
    server = paramiko.Transport(theirs)
    server.add_server_key(paramiko.ECDSAKey.generate())
    server.start_server(server=_Anybody(), event=threading.Event())
    client = bounded(paramiko.Transport, ours)
    client.start_client(timeout=20)
    client.auth_none("root")
    yield client, server
    client.close()
    server.close()


def flood(server, message, count):
    """Sends messages until they're all sent, or the connection has ended; returns how many."""
    for number in range(count):
        if not server.is_active():
            return number
        try:
            message(server)
        except (OSError, EOFError, paramiko.SSHException):
            return number
    return count


FLOODS = {
    "small ones": (lambda server: server.send_ignore(1), ssh_bounds.BESIDE * 40),
    "large ones": (lambda server: server.send_ignore(20_000), ssh_bounds.BESIDE * 4),
    "requests": (lambda server: server.global_request("hostkeys-00@openssh.com", wait=False), ssh_bounds.BESIDE * 40),
    "new keys": (lambda server: server.renegotiate_keys(), 2_000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_server_that_sends_what_carries_nothing_without_end_is_left(connected, kind):
    client, server = connected
    message, count = FLOODS[kind]
    assert flood(server, message, count) < count
    client.join(20)
    assert not client.is_active()
    assert "nobody has asked for" in str(client.saved_exception)


def test_signs_of_life_and_acknowledgements_of_what_is_sent_end_nothing(connected, monkeypatch):
    monkeypatch.setattr(ssh_bounds, "BESIDE", 300)
    client, server = connected
    channels = []
    taking = threading.Thread(target=lambda: channels.append(server.accept(20)))
    taking.start()
    channel = client.open_session(timeout=20)
    taking.join(20)
    got = threading.Thread(target=lambda: [channels[0].recv(100) for _ in range(2000)], daemon=True)
    got.start()
    for _ in range(2000):  # each of which the server may acknowledge
        channel.sendall(b"x" * 100)
        channels[0].transport.send_ignore(1) if not _ % 10 else None
    got.join(20)
    channels[0].sendall(b"done")
    assert channel.recv(10) == b"done"
    assert client.is_active()


def opened(server, count):
    """How many channels a server can open, one after another, until the connection ends."""
    for number in range(count):
        try:
            server.open_channel("session", timeout=20)
        except paramiko.ChannelException:
            continue
        except (OSError, EOFError, paramiko.SSHException):
            return number
    return count


def test_a_server_that_opens_channels_by_itself_is_left(connected):
    client, server = connected
    assert opened(server, 100) == ssh_bounds.UNASKED
    client.join(20)
    assert str(client.saved_exception) == "it opens channels that nobody has asked for"


def test_forwarded_ports_may_open_as_many_as_they_need(connected):
    client, server = connected
    client._tcp_handler = lambda *channel: None
    assert opened(server, 100) == 100
    assert client.is_active()
