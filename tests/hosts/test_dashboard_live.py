"""A pipeline watched in a real Chromium from commit to the host that stays: no page is ever loaded a second time."""

import contextlib
import re
import shlex
import shutil

import pytest

from tests.conftest import cdconf
from tests.pipeline.world import Line, forget_snapshots, offices
from tests.web.dashboard import served
from tests.web.seen import chromium, let_in, live  # noqa: F401  a fixture

pytestmark = pytest.mark.hosts
SMOKE = """
    def test_customers_can_pay(host):
        assert host.run("test ! -e /srv/app/no-payment").succeeded, "the bank answers 503"
"""
SOON, LONG = 15_000, 240_000  # milliseconds
# Notes on each change of a page which states it has shown, in their order.
NOTE = """() => {
  window.seen = [];
  const note = () => {
    for (const cell of document.querySelectorAll("tbody tr:first-child td[data-label]")) {
      const chip = cell.querySelector(".chip");
      const text = chip && `${cell.dataset.label} ${chip.textContent.trim().replace(/^\\S+ /, "")}`;
      if (text && window.seen.at(-1) !== text && !window.seen.includes(text)) { window.seen.push(text); }
    }
  };
  note();
  new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
}"""


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in offices(tmp_path_factory.mktemp("offices")).items():
            patch.setenv(name, value)
        one = Line.made(tmp_path_factory.mktemp("line"), **{"roles/app/smoke/test_payment.py": SMOKE})
        stack.callback(shutil.rmtree, one.root, ignore_errors=True)
        stack.callback(forget_snapshots)
        stack.callback(cdconf, one.root, "destroy", "dev", "--yes")
        yield one


@pytest.fixture(scope="module")
def opened(line, chromium):  # noqa: F811
    """Opens a tab of one browser; what it loads is in `context.loaded`."""
    with served(line.root) as server:
        server.enter()
        context = chromium.new_context()
        let_in(context, server)

        def tab(path):
            page = context.new_page()
            page.goto(f"http://localhost:{server.port}{path}")
            live(page)
            page.loads = []
            page.on("framenavigated", lambda frame: page.loads.append(frame.url))
            return page

        yield tab
        context.close()


@pytest.fixture(scope="module")
def tabs(opened):
    pipeline, board = opened("/pipeline"), opened("/board")
    pipeline.evaluate(NOTE)
    return pipeline, board


def test_a_commit_is_watched_on_its_way(line, tabs):
    pipeline, board = tabs
    commit = line.change("Show prices")
    process = line.started()
    pipeline.wait_for_selector(f"tr:has-text('{commit[:10]}')", timeout=LONG)
    pipeline.wait_for_selector(f"tr:has-text('{commit[:10]}') td[data-label=release] .chip.ok", timeout=LONG)
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 0, said
    seen = pipeline.evaluate("window.seen")
    wanted = ["acceptance running", "acceptance passed", "release running", "release passed"]
    assert [one for one in seen if one in wanted] == wanted
    board.wait_for_selector(f"td[data-label=dev] .version:has-text('{commit[:10]}')", timeout=SOON)
    assert "verified" in board.locator("td[data-label=dev]").inner_text()
    assert (pipeline.loads, board.loads) == ([], [])


def test_a_rollback_tells_why_and_a_stop_who_must_do_what(line, tabs):
    pipeline, board = tabs
    good = line.on("web1", "curl -sS http://127.0.0.1:8000/")
    line.on("web1", "touch /srv/app/no-payment")
    commit = line.change("Take payments")
    process = line.started()
    board.wait_for_selector("td[data-label=dev] .chip:has-text('deploying')", timeout=LONG)
    board.locator("td[data-label=dev] p:has(.chip:has-text('deploying')) a").click()
    board.wait_for_selector("h1:has-text('deploy')")
    board.loads.clear()
    board.wait_for_selector(".steps li.current", timeout=SOON)
    assert "If its heartbeats stop" in board.locator(".switch").inner_text()
    board.wait_for_selector("section.why", timeout=LONG)
    process.communicate(timeout=240)
    assert process.returncode == 1
    why = board.locator("section.why").inner_text()
    assert "web1: " in why
    assert "test_customers_can_pay" in why
    assert "rolled back: web1" in why
    steps = board.locator(".steps").inner_text()
    assert "batch 1 of 1" in steps
    assert board.loads == []
    assert line.on("web1", "curl -sS http://127.0.0.1:8000/") == good
    board.goto(re.sub(r"/runs/.*", "/board", board.url))
    stop = board.locator("section.stops")
    stop.wait_for(timeout=SOON)
    told = stop.inner_text()
    assert f"app@{commit[:10]}" in told
    command = stop.locator("code").first.inner_text()
    assert command == f"cdconf pipeline resume app@{commit[:10]} --note WHY"
    pipeline.wait_for_selector(f".card:has-text('{command}')", timeout=SOON)
    cell = board.locator("td[data-label=dev]").inner_text()
    assert (good in cell, "failed" in cell) == (True, True)
    line.on("web1", "rm /srv/app/no-payment")
    board.loads.clear()
    words = shlex.split(command.replace("WHY", "'the bank is back'"))
    line(*words[1:])
    stop.wait_for(state="detached", timeout=SOON)
    assert board.loads == []
