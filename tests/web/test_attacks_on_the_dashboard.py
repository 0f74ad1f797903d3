"""What the dashboard promises on its way in: an attack on each promise, which fails for that promise's own reason.

The same with a real browser is in test_attacks_in_a_browser.py, and that no page shows a secret in
test_dashboard_hides_secrets.py.
"""

import socket
import time

import pytest

from tests.conftest import cdconf
from tests.web.dashboard import make, ran, rolled_back, served


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = make(tmp_path_factory.mktemp("attacked") / "shop")
    ran(root, 1)
    return root


@pytest.fixture(scope="module")
def bad(root):
    return rolled_back(root, 2)


@pytest.fixture(scope="module")
def server(root, bad):
    with served(root) as found:
        found.enter()
        yield found


def refused(answer, status, why):
    """It was refused, and for this reason."""
    assert (answer.status, why in answer.text) == (status, True), answer.text


def test_it_answers_whoever_came_by_the_link(server):
    assert server.ask("/board").status == 200
    assert server.ask("/board.json").json()["title"] == "Board"


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "192.0.2.1:8790", "[::]:8790"])
def test_no_open_address(root, bind):
    done = cdconf(root, "serve", "--bind", bind)
    assert done.returncode == 1
    assert "would show everything to whoever reaches that address" in done.stderr


def test_no_cookie(server):
    for path in ("/board", "/board.json", "/stream", "/runs/x", "/", "/nowhere"):
        refused(server.ask(path, cookie=None), 401, "open the link that `cdconf serve` has printed")


def test_the_link_opens_once(server):
    used = server.link.partition(str(server.port))[2]
    assert server.ask(used, cookie=None).status == 303
    server.link = server.next_link()
    again = server.ask(used, cookie=None)
    refused(again, 401, "this link has let somebody in already")
    assert "set-cookie" not in again.headers


def test_a_cookie_of_another_start(server, root):
    with served(root) as other:
        other.enter()
        value = other.cookie.partition("=")[2]
    name, _, own = server.cookie.partition("=")
    until, nonce, signature = own.split(".")
    for forged in (value, f"{int(until) + 9}.{nonce}.{signature}", f"{until}.{nonce}.", f"{until}.{nonce}", "x" * 9000):
        refused(server.ask("/board", cookie=f"{name}={forged}"), 401, "open the link")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8790", "localhost.evil.example", "127.0.0.1.nip.io", ""]
)
def test_another_sites_name_that_leads_here(server, host):
    refused(server.ask("/board", Host=host), 421, "isn't one of this server's")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"])
def test_nothing_but_reading(server, method):
    answer = server.ask("/board", method)
    assert answer.status in (400, 405)
    assert "the dashboard changes nothing" in answer.text or answer.status == 400  # h11 knows no CONNECT to a path
    assert server.ask(server.link.partition(str(server.port))[2], method).status in (400, 405)
    assert server.ask(server.link.partition(str(server.port))[2], cookie=None).status == 303  # it wasn't used up
    server.link = server.next_link()


def test_another_sites_page_asks(server):
    origin = server.ask("/board.json", Origin="https://evil.example")
    assert "access-control-allow-origin" not in origin.headers
    framed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
    for answer in (
        origin,
        server.ask("/board", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"),
        server.ask("/stream", Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors"),
        server.ask("/board", Origin="null"),
        server.ask("/board", **framed),
    ):
        refused(answer, 403, "another site's page has asked for this")
    visit = framed | {"Sec_Fetch_Dest": "document"}
    assert server.ask("/board", **visit).status == 200  # a colleague's link


def test_what_hosts_say_is_text(server, bad):
    page = server.ask(f"/runs/{bad}")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "\\x1b[31m&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in page.text
    assert not {"\x1b", "\u202e"} & set(page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert not any(word in policy for word in ("unsafe", "http:", "https:", "*", "data:"))
    assert " style=" not in page.text
    assert " on" not in {text[:3] for text in page.text.split('="')}
    assert server.ask(f"/runs/{bad}.json").body.isascii()


def test_no_frame(server):
    for path in ("/board", "/nowhere", "/static/cdconf.css"):
        headers = server.ask(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
    assert server.ask("/board", cookie=None).headers["x-frame-options"] == "DENY"


def test_a_user_header_from_somebody_else(root):
    with served(root, "--behind", "127.0.0.2", "--user-header", "X-User") as found:
        refused(found.ask("/board", X_User="ann"), 401, "open the link")
        proxied = found.ask("/board", source="127.0.0.2", X_User="ann")
        assert (proxied.status, "shown to ann" in proxied.text) == (200, True)
        refused(found.ask("/board", source="127.0.0.2"), 401, "open the link")


@pytest.mark.parametrize("path", ["/runs?q=" + "a" * 3000, "/runs/" + "a" * 3000])
def test_what_is_too_long(server, path):
    refused(server.ask(path), 414, "this address is too long")


def test_what_is_too_much(server):
    for query in ("page=99999999", "page=-1", "sort=nothing", "q=" + "%00" * 50, "page=1&page=2", "x[]=1", "sort=-id"):
        answer = server.ask(f"/runs?{query}")
        assert (answer.status, len(answer.body) < 200_000) == (200, True), query
    streams = []
    request = f"GET /stream HTTP/1.1\r\nHost: localhost\r\nCookie: {server.cookie}\r\n\r\n".encode()
    try:
        answers = []
        for _ in range(40):
            streams.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            streams[-1].sendall(request)
            answers.append(streams[-1].recv(4096).split(b" ")[1])
        assert (answers[0], answers[-1]) == (b"200", b"503")
    finally:
        for one in streams:
            one.close()
    deadline = time.monotonic() + 30
    while server.ask("/stream").status != 200:  # who has gone takes no place
        assert time.monotonic() < deadline


def test_a_page_has_a_limit(tmp_path):
    """Whatever hosts say, and however many apps there are."""
    root = make(tmp_path / "shop")
    apps = "".join(
        f"  app-{one}-{'x' * 50}: {{groups: [web], path: /srv/a{one}, artifact: dist/a{one}-*.tar.gz, build: make}}\n"
        for one in range(60)
    )
    (root / "cdconf.yml").write_text(f"project: shop\ngroups: {{web: []}}\napps:\n{apps}")
    for number in range(14):
        folder = root / "inventories" / f"env-{number}-{'y' * 50}"
        folder.mkdir()
        (folder / "hosts.yml").write_text("provider: existing\nhosts:\n  web1: {address: 10.0.0.1, groups: [web]}\n")
    said = [{"at": 1.0, "event": "warning", "host": "web1", "message": "&" * 2000}] * 300
    talked = ran(root, 1, said)
    with served(root) as found:
        found.enter()
        for path in ("/board", f"/runs/{talked}", f"/runs/{talked}?page=2"):
            answer = found.ask(path)
            assert len(answer.body) <= 200_000, path
            assert answer.status == 200
        assert "&" * 2000 in found.ask(f"/runs/{talked}.json").text


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../../cdconf.yml", "/static/%2e%2e/%2e%2e/__init__.py", "/static//etc/passwd", "/runs/..%2f..%2fx"),
        *("/hosts/production/..", "/hosts/%2e%2e/web1", "/review/..%2f..%2fetc%2fpasswd/production", "/static/"),
    ],
)
def test_another_file(server, path):
    assert server.ask(path).status == 404


def test_no_page_leads_to_another_server(server):
    page = server.ask("//evil.example/x")
    assert (page.status, '"//evil' in page.text) == (404, False)


def test_nothing_is_fetched_because_a_page_asks(server):
    with socket.create_server(("127.0.0.1", 0)) as bait:
        bait.settimeout(0.5)
        address = f"127.0.0.1:{bait.getsockname()[1]}"
        for path in (f"/hosts/production/{address}", f"/runs?host=http://{address}/", f"/flow?to=http://{address}/"):
            server.ask(path)
        server.ask("/board", Host=address)
        with pytest.raises(TimeoutError):
            bait.accept()
