"""Each screen with nothing, a little and a lot, in both themes, on a desk and on a phone, as axe-core judges it."""

import pytest

from tests.web import worlds
from tests.web.dashboard import served
from tests.web.seen import COLOURS, chromium, let_in, live, violations  # noqa: F401  a fixture
from tests.web.test_screens import PATHS

WIDTHS = {"desk": 1440, "phone": 360}
LARGEST = 200_000  # bytes of a page


@pytest.fixture(scope="module", params=["empty", "little", "much"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with worlds.at_home(folder / "home"):
        made = getattr(worlds, request.param)(folder)
        with served(made.root) as server:
            server.enter()
            yield made, server


def test_everybody_can_read_it(world, chromium):  # noqa: F811
    made, server = world
    said, wrong = [], []
    context = chromium.new_context(reduced_motion="reduce")
    let_in(context, server)
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    page = context.new_page()
    for path in (*PATHS, *made.paths.values(), "/nowhere"):
        page.goto(f"http://localhost:{server.port}{path}")
        live(page)
        assert len(server.ask(path).body) <= LARGEST, path
        for scheme, kind in (("light", None), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            for name, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": 900})
                found = [*violations(page, kind)]
                if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                    found.append(("wider than the window", []))
                wrong += [(path, scheme, name, one) for one in found]
    context.close()
    assert wrong == []
    assert [one for one in said if "404" not in one] == []
