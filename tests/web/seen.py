"""A real Chromium, for tests that look at pages."""

import os
import shutil
from pathlib import Path

import pytest

AXE = Path(__file__).parent / "axe-core" / "axe-4.14.1.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Without words on what passed: those take longer than the judgement of a large page.
JUDGE = """([tags, kind]) => {
  const ofKind = axe.getRules(tags).filter(({tags}) => tags.includes(kind) && !tags.includes('experimental'))
  const runOnly = {type: 'tag', values: tags}
  if (kind !== null) Object.assign(runOnly, {type: 'rule', values: ofKind.map(({ruleId}) => ruleId)})
  return axe.run(document, {runOnly, resultTypes: ['violations']})
}"""
COLOURS = "cat.color"  # the kind of rules whose answer another theme of the same page can change
# Another site's name that leads to this machine, as its owner could have it.
OPTIONS = ["--host-resolver-rules=MAP evil.example 127.0.0.1"]


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium isn't installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


def live(page):
    """Waits until a page's stream is there."""
    page.wait_for_selector("#live[data-kind=live]")


def let_in(context, server):
    """Gives a browser the cookie that this test's own client has."""
    name, _, value = server.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{server.port}"}])


def violations(page, kind=None):
    """What axe-core says against a page, by all rules or by one kind of them: `(rule, places)` each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate(JUDGE, [list(RULES), kind])
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found["violations"]]
