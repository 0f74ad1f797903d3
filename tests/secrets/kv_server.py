"""A server that speaks what HashiCorp documents of Vault's KV store, version 2, as far as reading goes."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Store:
    """What the server has, and what it was asked.

    Attributes:
        entries: `mount/path` -> its keys and values; None for an entry whose last version was deleted.
        token: Who has it may read.
        asked: (path, headers) of each request.
        sealed: Whether it answers as a sealed server does.
        elsewhere: A server to which it sends everybody.
    """

    def __init__(self):
        self.entries = {}
        self.token = "hvs.token-of-the-tests"
        self.asked = []
        self.sealed = False
        self.elsewhere = None
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        store = self.server.store
        store.asked.append((self.path, dict(self.headers)))
        if store.elsewhere is not None:
            self.answer(307, {}, Location=store.elsewhere + self.path)
        elif store.sealed:
            self.answer(503, {"errors": ["Vault is sealed"]})
        elif self.headers.get("X-Vault-Token") != store.token:
            self.answer(403, {"errors": ["permission denied"]})
        else:
            mount, _, path = self.path.removeprefix("/v1/").partition("/data/")
            self.entry(f"{mount}/{path}")

    def entry(self, name):
        store = self.server.store
        if name not in store.entries:
            self.answer(404, {"errors": []})
        elif store.entries[name] is None:
            self.answer(404, {"data": {"data": None, "metadata": {"deletion_time": "2026-01-01T00:00:00Z"}}})
        else:
            self.answer(200, {"data": {"data": store.entries[name], "metadata": {"version": 3, "deletion_time": ""}}})

    def answer(self, status, document, **headers):
        body = json.dumps({"request_id": "1", **document}).encode()
        self.send_response(status)
        for header, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about):
        pass


@contextmanager
def kv_server():
    """Serves a `Store` on this machine."""
    store = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.store = store
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
