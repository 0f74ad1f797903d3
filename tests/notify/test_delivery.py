"""One message to real receivers: HTTP, SMTP, and those that say no or nothing. No answer tells a part of a URL."""

import contextlib
import socket

import pytest

from cdconf.notify.delivery import Delivery
from cdconf.notify.receiver import outcome_of
from tests.notify.receivers import receiver, silent

pytest.importorskip("apprise")
TOKEN = "secret-token-of-ops"


def deliver(url, **more):
    found = Delivery({"url": url, "title": "a title", "body": "a body", "severity": "warning", **more}).result()
    assert TOKEN not in str(found)
    return found


@pytest.mark.parametrize("kind", ["json", "form", "xml"])
def test_it_arrives(kind):
    with receiver() as server:
        assert deliver(server.url(kind)) == ("sent", "")
        ((path, body),) = server.received
    assert path == f"/{TOKEN}"
    assert "title" in body
    assert "body" in body


def test_one_that_says_no_is_told_by_its_number():
    with receiver(code=403) as server:
        assert deliver(server.url()) == ("refused", "it answered with HTTP 403")


def test_one_that_is_away():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert deliver(f"json://127.0.0.1:{port}/{TOKEN}") == ("unreachable", "the connection was refused")


def test_one_that_never_answers_is_left():
    with silent() as (port, held):
        assert deliver(f"json://127.0.0.1:{port}/{TOKEN}", within=1)[0] == "unanswered"
        assert held


def test_one_that_answers_without_end_is_left():
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        over = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                sock = server.accept()[0]
                with sock:
                    sock.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not over.wait(0.1):
                        sock.sendall(b"X-More: 1\r\n")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        found = deliver(f"json://127.0.0.1:{server.getsockname()[1]}/{TOKEN}", within=1)
        over.set()
        thread.join()
    assert found == ("unanswered", "it gave no answer in time")


def test_a_url_that_apprise_does_not_know():
    assert deliver(f"nobody://{TOKEN}") == ("refused", "Apprise doesn't understand the URL of this target")


def test_it_arrives_by_mail():
    controller = pytest.importorskip("aiosmtpd.controller")
    mails = []

    class Inbox:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  so it's called
            mails.append((envelope.rcpt_tos, envelope.content.decode()))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = controller.Controller(Inbox(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        url = f"mailto://127.0.0.1:{port}/?from=cdconf@example.com&to=ops@example.com&mode=insecure"
        assert deliver(url) == ("sent", "")
    finally:
        server.stop()
    ((to, text),) = mails
    assert to == ["ops@example.com"]
    assert "a title" in text


class TestPings:
    def test_it_is_asked_for(self):
        with receiver() as server:
            assert Delivery({"ping": server.url("http")}).result() == ("sent", "")
            assert server.received == [(f"/{TOKEN}", None)]

    def test_one_that_says_no(self):
        with receiver(code=404) as server:
            assert Delivery({"ping": server.url("http")}).result() == ("refused", "it answered with HTTP 404")

    def test_one_that_never_answers(self):
        with silent() as (port, _):
            found = Delivery({"ping": f"http://127.0.0.1:{port}/{TOKEN}", "within": 1}).result()
        assert found[0] == "unanswered"

    def test_one_that_is_away(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        found = Delivery({"ping": f"http://127.0.0.1:{port}/{TOKEN}"}).result()
        assert found == ("unreachable", "the connection was refused")


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        ("Failed to send JSON notification: Forbidden, error=403.", "refused"),
        ("NameResolutionError(Failed to resolve 'x' ([Errno -2] Name or service not known))", "unreachable"),
        ("ConnectTimeoutError(connect timeout=9)", "unreachable"),
        ("Read timed out. (read timeout=9)", "unanswered"),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed connection'))", "unanswered"),
        ("SSLError(SSLCertVerificationError(1, 'certificate verify failed'))", "unreachable"),
        ("JSON Payload: {'message': 'connection refused'}\nsomething else", "refused"),
        ("", "refused"),
    ],
)
def test_what_is_logged_means(log, outcome):
    assert outcome_of(log)[0] == outcome
