"""What people are told when the Docker engine isn't there, or goes away while hosts are being made."""

import http.server
import socket
import threading

import pytest
from docker.errors import APIError
from requests.exceptions import ConnectionError as Gone

from cdconf.environments.docker import failures, listing
from cdconf.errors import ProviderError, UsageError


def test_an_engine_that_goes_away_in_between_is_no_bug():
    @failures.engine_errors()
    def work():
        raise Gone("('Connection aborted.', …)") from ConnectionResetError(104, "Connection reset by peer")

    with pytest.raises(ProviderError, match=r"no Docker engine answers: Connection reset by peer$"):
        work()


def test_what_the_engine_refuses_is_said_in_its_own_words_and_what_others_say_stays():
    with pytest.raises(ProviderError, match=r"the Docker engine refused: no space left$"), failures.engine_errors():
        raise APIError("500 Server Error", explanation="no space left")
    with pytest.raises(UsageError), failures.engine_errors():
        raise UsageError("another one")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "ssh://nobody@127.0.0.1:1", "unix:///nowhere.sock"])
def test_an_engine_elsewhere_that_does_not_answer_is_named(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(ProviderError) as caught:
        listing.containers({})
    assert caught.value.message.startswith(f"no Docker engine answers at {address}: ")
    assert "Max retries" not in caught.value.message
    assert "DOCKER_HOST" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-x\r\n", "what answers isn't one"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "what answers isn't one"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n[", "what answers isn't one"),
        (b"HTTP/1.1 500 Oh\r\n\r\n" + b'{"message": "disk full"}', r"the Docker engine refused: disk full$"),
    ],
)
def test_an_answer_that_is_none_is_told(monkeypatch, tmp_path, answer, message):
    path = tmp_path / "engine.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve():
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(ProviderError, match=message):
        listing.containers({})
    thread.join(5)
    server.close()


@pytest.fixture
def far_engine(monkeypatch):
    """An engine on TCP: path -> (status, body)."""
    answers = {"/version": (200, b'{"ApiVersion": "1.41"}'), "/v1.41/_ping": (200, b"OK")}

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers.get(self.path.partition("?")[0], (404, b'{"message": "no such container"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *ignored):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield answers
        server.shutdown()


def test_an_engine_elsewhere_is_asked_as_one_here(far_engine):
    far_engine["/v1.41/containers/one/json"] = (200, b'{"Id": "1"}')
    far_engine["/v1.41/containers/json"] = (500, b'{"message": "disk full"}')
    far_engine["/v1.41/info"] = (200, b"<html>")
    assert listing.inspect("one") == {"Id": "1"}
    assert listing.inspect("gone") == {}
    with pytest.raises(ProviderError, match=r"the Docker engine refused: disk full$"):
        listing.containers({})
    with pytest.raises(ProviderError, match="what answers isn't one"):
        listing.about()
