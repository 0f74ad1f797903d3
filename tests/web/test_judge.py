"""The judge of pages finds what it's there for, also where it's asked for colours alone."""

from tests.web.seen import COLOURS, chromium, violations  # noqa: F401  a fixture

PAGE = """<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>
<p style="color: #999; background: #fff">pale</p><img src="data:,"></main></html>"""


def test_each_kind_of_violation_is_found(chromium):  # noqa: F811
    page = chromium.new_page()
    page.set_content(PAGE)
    assert {rule for rule, _ in violations(page)} == {"color-contrast", "image-alt"}
    assert {rule for rule, _ in violations(page, COLOURS)} == {"color-contrast"}
