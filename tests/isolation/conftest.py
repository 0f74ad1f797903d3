"""What tests of isolation share."""

import socket
import threading

import pytest


@pytest.fixture
def agent(tmp_path_factory):
    """What an ssh-agent is: whoever may connect can use its keys."""
    path = tmp_path_factory.mktemp("agent") / "agent.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    path.chmod(0o600)
    server.listen()
    signed = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            signed.append(1)
            connection.sendall(b"signature")
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield path
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)
    assert not signed, "nobody used a key"
