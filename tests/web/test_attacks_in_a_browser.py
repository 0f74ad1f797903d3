"""What another site's page and a hostile host try with somebody's real browser, which the dashboard has let in."""

import contextlib
import http.server
import threading

import pytest

from tests.web.dashboard import make, ran, rolled_back, served
from tests.web.seen import chromium  # noqa: F401  a fixture

EVIL = "evil.example"
PAGE = """<!doctype html><title>evil</title>
<iframe id=frame src="http://localhost:{port}/board"></iframe>
<form id=form method=post action="http://localhost:{port}/runs" target=_blank><input name=x value=y></form>
<script src="http://localhost:{port}/board.json" onload="document.title='script ran'"></script>"""
TRY = """async url => {
  const told = {};
  for (const mode of ["cors", "no-cors"]) {
    try { const a = await fetch(url, {credentials: "include", mode}); told[mode] = `${a.type} ${await a.text()}`; }
    catch (error) { told[mode] = error.name; }
  }
  return told;
}"""
INLINE = """() => {
  const script = document.createElement("script");
  script.textContent = "window.owned = 1";
  document.body.append(script);
  const image = document.createElement("img");
  image.setAttribute("onerror", "window.owned = 2");
  image.src = "/nowhere.png";
  document.body.append(image);
}"""


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


@pytest.fixture
def page(server, chromium):  # noqa: F811
    """A browser that's let in, and for which the other site's name leads here, too; its console is in `page.said`."""
    context = chromium.new_context()
    name, _, value = server.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{server.port}"}])
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("dialog", lambda dialog: pytest.fail(f"a page has opened '{dialog.message}'"))
    page.url_of = f"http://localhost:{server.port}"
    yield page
    context.close()


@contextlib.contextmanager
def other_site(text):
    """Another site's server; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_address[1]
        site.shutdown()


def test_another_site_can_neither_frame_nor_read_nor_post(server, page):
    with other_site(PAGE.format(port=server.port)) as port:
        answers = {}
        page.context.on("response", lambda one: answers.setdefault((one.request.method, one.url), one.status))
        page.goto(f"http://{EVIL}:{port}/")
        told = page.evaluate(TRY, f"{page.url_of}/board.json")
        assert told["cors"] == "TypeError"
        assert "shop" not in told["no-cors"]
        assert page.title() == "evil"
        framed = page.frame_locator("#frame").locator("body").inner_text()
        assert "What runs where" not in framed
        with page.context.expect_page() as opened:
            page.evaluate("document.getElementById('form').submit()")
        opened.value.wait_for_load_state()
        assert "405: the dashboard changes nothing" in opened.value.content() or "403" in opened.value.content()
        assert answers["POST", f"{page.url_of}/runs"] in (403, 405)


def test_a_name_of_another_site_that_leads_here_gets_nothing(server, page):
    answer = page.goto(f"http://{EVIL}:{server.port}/board")
    assert (answer.status, "isn't one of this server's" in page.content()) == (421, True)


def test_markup_of_a_host_is_text_and_no_inline_script_runs(page, bad):
    page.goto(f"{page.url_of}/runs/{bad}")
    page.wait_for_selector("#live[data-kind=live]")
    assert "\\x1b[31m<script>alert(1)</script>\\u202e" in page.locator(".why").inner_text()
    assert page.locator("main script").count() == 0
    page.evaluate(INLINE)
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None
    assert sum("Content Security Policy" in text for text in page.said) >= 2
    assert page.evaluate("fetch('https://elsewhere.example/').then(() => 'sent', error => error.name)") == "TypeError"
    assert any("connect-src" in text or "default-src" in text for text in page.said[2:])


def test_the_cookie_is_out_of_reach_of_scripts(server, chromium):  # noqa: F811
    context = chromium.new_context()
    page = context.new_page()
    page.goto(server.link)
    server.link = server.next_link()
    assert page.url.endswith("/board")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], page.evaluate("document.cookie")) == (True, "Lax", "")
    context.close()
