import hashlib
import http.server
import io
import ssl
import threading

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.files import fetch, sources
from cdconf.resources.certificate import agent as certificate

HELLO = hashlib.sha256(b"hello").hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("X-Key")))
        short = self.path == "/short"
        target = self.server.redirects.get(self.path)
        self.send_response(302 if target else 404 if self.path.startswith("/none") else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "9" if short else "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def servers():
    """Two servers, each with what it has seen and where it redirects to."""
    made = []
    for _ in range(2):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.seen, server.redirects = [], {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.append(server)
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def get(url, sha256=HELLO, **more):
    stream = io.BytesIO()
    fetch.fetch(url, stream, sha256, timeout=10, **more)
    return stream.getvalue()


def test_a_header_goes_along_to_the_same_server_only(servers):
    first, second = servers
    first.redirects = {"/a": "/b", "/b": second.url + "/c"}
    assert get(first.url + "/a", headers={"X-Key": "hush"}) == b"hello"
    assert first.seen == [("/a", "hush"), ("/b", "hush")]
    assert second.seen == [("/c", None)]


def test_the_proxy_is_the_given_one_and_never_the_environments(servers, monkeypatch):
    first, second = servers
    monkeypatch.setenv("http_proxy", second.url)
    assert get(first.url + "/x") == b"hello"
    assert second.seen == []
    assert get("http://nowhere.invalid/y", proxy=second.url) == b"hello"
    assert second.seen == [("http://nowhere.invalid/y", None)]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/none?token=hush", "the server says 404"),
        ("/short", "of 9 bytes|IncompleteRead"),
        ("/file", "the server says 302"),
    ],
)
def test_what_fails_says_why_and_shows_no_query(servers, path, why):
    servers[0].redirects = {"/file": "file:///etc/shadow"}
    with pytest.raises(Failed, match=why) as failed:
        get(servers[0].url + path)
    assert "hush" not in failed.value.text()


def test_other_bytes_are_refused(servers):
    with pytest.raises(Failed, match="another SHA-256"):
        get(servers[0].url, sha256="0" * 64)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://example.com/a", None),
        ("file:///a/b", None),
        ("ftp://example.com/a", "begin with"),
        ("https://", "no host"),
        ("https://a b/", "space"),
        ("https://u:p@example.com/", "password"),
        ("https://example.com:x/", "port"),
        ("file://host/a", "file:///"),
    ],
)
def test_urls(url, why):
    found = sources.problem_of_url(url)
    assert found is None if why is None else why.lower() in found.lower()


def test_digests():
    assert sources.sha256_of("SHA256:" + "A" * 64) == "a" * 64
    assert sources.sha256_of("a" * 63) is None
    assert sources.sha256_of("md5:" + "a" * 64) is None


def test_a_certificate_that_nobody_vouches_for_is_refused(servers, tmp_path):
    names = {"names": ["127.0.0.1"], "days": 2, "key_type": "ec-p256"}
    (tmp_path / "pem").write_text("".join(certificate._make(names)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
    with pytest.raises(Failed, match="is the package ca-certificates installed"):
        get(servers[0].url.replace("http:", "https:"))
    assert servers[0].seen == []
