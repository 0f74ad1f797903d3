"""Receivers on loopback: one that takes messages, one that says no, one that never answers, one that speaks SMTP."""

import contextlib
import http.server
import json
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, body))
        self._answer()

    def do_GET(self):
        self.server.received.append((self.path, None))
        self._answer()

    def _answer(self):
        self.server.may_answer.wait(60)
        self.send_response(self.server.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Receiver(http.server.ThreadingHTTPServer):
    """A server that remembers what it got; `code` is what it answers, once it `may_answer`."""

    daemon_threads = True

    def __init__(self, code=200):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received, self.code, self.may_answer = [], code, threading.Event()
        self.may_answer.set()

    def url(self, kind="json", path="secret-token-of-ops"):
        return f"{kind}://127.0.0.1:{self.server_address[1]}/{path}"

    @property
    def titles(self):
        return [json.loads(body)["title"] for _, body in list(self.received) if body and body.startswith("{")]

    def handle_error(self, *_):
        """A sender that was killed has hung up."""


@contextmanager
def receiver(code=200):
    server = Receiver(code)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()


@contextmanager
def silent():
    """A server that accepts connections, and never says a word; gives its port and its connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept():
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1], held
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for one in held:
                one.close()


def until(condition, seconds=60):
    """Waits until a condition holds; gives its value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def senders(data):
    """The ids of an outbox's senders."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"cdconf.notify.sender" in words and str(data).encode() in words:
                found.append(int(path.parent.name))
    return found
