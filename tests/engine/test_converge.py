"""What a run on a host never came to is told, whatever ended it."""

import contextlib
from types import SimpleNamespace

import pytest

from cdconf.engine.converge import told
from cdconf.errors import Unreachable
from cdconf.events import Collector, NotAttempted
from cdconf.session import AgentError


def resource(title, *notify):
    return SimpleNamespace(type="file", title=title, source=f"role.yml:{title}", notify=notify)


HANDLER = SimpleNamespace(resource=SimpleNamespace(source="role.yml:9"))
CATALOG = SimpleNamespace(
    resources=[resource("1", "restart"), resource("2"), resource("3")], handlers={"restart": HANDLER}
)


def left(*statuses, error=None, check=False, handled=False):
    """What's told of a catalog of which the first resources came to these statuses."""
    events = []
    with contextlib.suppress(Unreachable, AgentError), told(CATALOG, "web1", events.append, check=check) as tell:
        for number, status in enumerate(statuses, 1):
            tell({"type": "file", "title": str(number), "status": status})
        if handled:
            tell({"type": "handler", "title": "restart", "status": "changed"})
        if error is not None:
            raise error
    return [one for event in events if isinstance(event, NotAttempted) for one in event.resources]


@pytest.mark.parametrize("error", [None, Unreachable("it's gone", host="web1")])
def test_what_stands_behind_the_end_is_named(error):
    assert left("ok", error=error) == [("file", "2", "role.yml:2"), ("file", "3", "role.yml:3")]
    assert left("ok", "ok", "failed", error=error) == []


def test_a_handler_that_became_due_and_did_not_run_is_named():
    assert left("changed", "ok", "failed") == [("handler", "restart", "role.yml:9")]
    assert left("changed", "ok", "ok", handled=True) == []
    assert left("would_change", "ok", "ok", check=True) == []


def test_a_host_that_reboots_goes_on_when_it_is_back():
    error = AgentError("the host must reboot", host="web1", reason="rebooting", details={}, detail=None)
    assert left("ok", error=error) == []


def test_the_result_of_the_host_has_it():
    collector = Collector()
    collector(NotAttempted("web1", (("file", "2", "role.yml:2"),)))
    assert collector.hosts["web1"].not_attempted == (("file", "2", "role.yml:2"),)
