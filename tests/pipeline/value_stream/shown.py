"""Made-up streams for whoever shows them."""

from cdconf.pipeline.value_stream.dora import dora
from cdconf.pipeline.value_stream.stream import stream
from cdconf.render.value_stream.words import Shown
from tests.pipeline.value_stream.made_up import MadeUp, at


def shown_of(known, app, since):
    """What's shown of an app."""
    found = stream(known, app, since)
    own = [one for one in known.deployments if one.app == app]
    return Shown(found, dora(found, own, known.marks, known.now), "production", known.now)


def made(root, count, name="shop", subject="c"):
    """So many plain releases of an app, one a day, and their subjects."""
    one = MadeUp(root)
    one.commit("old", at(-1, "9:00"))
    for number in range(count):
        one.commit(f"{subject}{number}", at(number, "9:00"))
        one.plain(number % 20, number, f"{subject}{number}")
    head = f"{subject}{count - 1}" if count else "old"
    known = one.known(at(count, "12:00"), head)
    return shown_of(known, "shop", at(0, "0:00"))
