"""The dashboard in a real Chromium: live, with one stream for all tabs, and of use without JavaScript."""

import subprocess
import sys
import time

import pytest

from tests.web.dashboard import Relay, make, ran, rolled_back, served
from tests.web.seen import chromium, live  # noqa: F401  a fixture
from tests.web.test_screens import ALIVE


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = make(tmp_path_factory.mktemp("seen") / "shop")
    for number in range(1, 61):
        ran(root, number)
    return root


@pytest.fixture(scope="module")
def bad(root):
    return rolled_back(root, 100)


@pytest.fixture(scope="module")
def server(root, bad):
    with served(root) as found:
        found.enter()
        yield found


@pytest.fixture
def opened(server, chromium):  # noqa: F811
    """Makes a browser of its own that's let in; what it says on its console is in `said`."""
    contexts, said = [], []

    def new(**options):
        context = chromium.new_context(**options)
        name, _, value = server.cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{server.port}"}])
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        context.url = f"http://localhost:{server.port}"
        contexts.append(context)
        return context

    new.said = said
    yield new
    for context in contexts:
        context.close()


def test_without_javascript(opened, bad):
    context = opened(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{context.url}/runs?sort=duration_s")
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next →").click()
    assert page.locator("tbody tr").count() == 11
    page.get_by_role("link", name="deploy").first.click()
    assert "began" in page.locator("main").inner_text()
    page.goto(f"{context.url}/runs/{bad}")
    assert "Why it went back" in page.locator("main").inner_text()
    assert "UTC" in page.locator("time").first.inner_text()


def test_times_are_those_of_who_looks(opened, root):
    context = opened(timezone_id="Asia/Kolkata", locale="en-GB")
    page = context.new_page()
    page.goto(f"{context.url}/board")
    live(page)
    assert "GMT+5:30" in page.locator("time").first.inner_text()
    assert page.locator("#zone").inner_text() in ("Asia/Kolkata", "Asia/Calcutta")
    told = "() => done(document.querySelector('main time').textContent)"
    swapped = f"window.told = new Promise(done => document.body.addEventListener('htmx:afterSwap', {told}))"
    page.evaluate(f"() => {{ {swapped} }}")
    ran(root, 450)
    assert "GMT+5:30" in page.evaluate("window.told")  # no flash of another zone


def test_a_deployment_is_watched_live_and_tabs_share_one_stream(opened, root):
    context = opened()
    streams = []
    context.on("request", lambda request: streams.append(request.url) if "/stream" in request.url else None)
    board, history = context.new_page(), context.new_page()
    board.goto(f"{context.url}/board")
    live(board)
    history.goto(f"{context.url}/runs")
    live(history)
    identity = f"{int(time.time() * 1000):012x}-cafecafecafe"
    command = [sys.executable, "-c", ALIVE, str(root / ".cdconf"), identity]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        for page in (board, history):
            page.wait_for_selector("section.now .chip.work")
        board.click("section.now a")
        board.wait_for_selector("text=batch 1 of 2: web1")
        process.kill()
    board.wait_for_selector(".head .chip.bad")  # nobody has reloaded it
    assert "go back by themselves" in board.locator(".switch").inner_text()
    assert len(streams) <= 2  # one for each page of the tab that had it
    (root / ".cdconf" / "events" / f"{identity}.part").unlink()


def test_a_filter_that_is_being_typed_is_not_taken_away(opened, root):
    context = opened()
    page = context.new_page()
    page.goto(f"{context.url}/runs")
    live(page)
    box = page.locator("#main-table-q")
    box.fill("1.3")
    first = page.locator("tbody tr").first.inner_text()
    with page.expect_response(lambda answer: "/runs" in answer.url):
        ran(root, 400)
        page.wait_for_timeout(3000)
        assert box.input_value() == "1.3"
        assert page.locator("tbody tr").first.inner_text() == first
        page.locator("h1").click()


def test_an_answer_that_is_on_its_way_takes_nothing_away_either(opened, root):
    context = opened()
    page = context.new_page()
    page.goto(f"{context.url}/runs")
    live(page)
    held = []
    page.route("**/runs", lambda route: held.append(route))  # noqa: PLW0108 - Playwright counts its parameters
    ran(root, 401)
    while not held:
        page.wait_for_timeout(50)
    box = page.locator("#main-table-q")
    box.fill("1.3")
    with page.expect_response(lambda answer: "/runs" in answer.url):
        held[0].continue_()
    page.wait_for_timeout(500)
    assert box.input_value() == "1.3"
    page.unroute("**/runs")
    with page.expect_response(lambda answer: "/runs" in answer.url):
        page.locator("h1").click()


def test_a_lost_connection_is_said(root, chromium):  # noqa: F811
    with served(root) as first:
        first.enter()
        context = chromium.new_context()
        name, _, value = first.cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{first.port}"}])
        page = context.new_page()
        page.goto(f"http://localhost:{first.port}/board")
        live(page)
    page.wait_for_selector("#live[data-kind=lost]")
    assert "Connection lost since" in page.locator("#live").inner_text()
    assert page.locator("h1").inner_text() == "Board"
    context.close()


def test_after_a_lost_connection_it_catches_up_and_says_so(root, server, opened):
    relay = Relay(server.port)
    context = opened()
    page, other = context.new_page(), context.new_page()
    page.goto(f"http://localhost:{relay.port}/runs")
    live(page)
    other.goto(f"http://localhost:{relay.port}/board")
    live(other)
    relay.cut()
    for one in (page, other):
        one.wait_for_selector("#live[data-kind=lost]")
    relay.heard = b""
    ran(root, 500)
    wait = page.evaluate("new Promise(done => setTimeout(() => done(document.querySelector('main').innerText), 2500))")
    assert "shop@1.500" not in wait
    relay.mend()
    page.wait_for_selector("tbody tr:first-child:has-text('shop@1.500')")
    for one in (page, other):
        assert "Live again; the connection was lost from" in one.locator("#live").inner_text()
    assert relay.heard.count(b"GET /stream") == 1  # for both tabs
    assert b"last-event-id: " in relay.heard.lower()
    relay.close()
