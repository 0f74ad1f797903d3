"""Feature toggles of two environments: what the inventories say, and what hosts have."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.parity import report
from cdconf.parity.model import SeenToggles, Sight
from tests.parity.conftest import told

DEFAULTS = {"fair": False, "quick": True}


def show(world, **toggles):
    """What web hosts of an environment have: `staging=(values, problem)`; the others have what the files say."""
    world.see(staging={}, production={})
    for (environment, host), sight in list(world.sights.items()):
        values, problem = toggles.get(environment, (DEFAULTS, None))
        if host.startswith("web"):
            seen = {"shop": SeenToggles(values, problem)}
            world.sights[environment, host] = Sight(sight.states, sight.orphans, sight.releases, seen)
    return world.compare()


def switched(world, environment, text):
    world.write({f"inventories/{environment}/toggles.yml": text})


def test_a_default_that_is_written_down_is_no_difference(world):
    switched(world, "staging", "shop: {fair: off}\n")
    assert world.compare().alike
    assert show(world).alike


def test_what_toggles_yml_says_is_compared(world):
    switched(world, "production", "shop:\n  fair: on\n")
    found = world.compare()
    assert told(found) == {("toggle", "shop fair", None)}
    only = found.having("unexplained")[0]
    assert (only.ours.value, only.theirs.value) == ("off", "on")
    assert (only.ours.source, only.theirs.source) == ("cdconf.yml:11", "inventories/production/toggles.yml:2")
    assert only.theirs.hosts == ("web1", "web2", "web3")
    lines = "\n".join(report.lines(found, verbose=False))
    assert "  ! toggle shop fair: off | on\n" in lines
    assert "production (web1, web2, web3) inventories/production/toggles.yml:2" in lines


@pytest.mark.parametrize("name", ["fair", "shop fair"])
def test_a_declared_toggle_is_declared_wherever_it_shows(world, name):
    switched(world, "production", "shop: {fair: on}\n")
    world.differs = [f"{{toggle: {name}, why: the fair is in production only}}"]
    found = show(world, production=({**DEFAULTS, "fair": True}, None))
    assert found.alike
    assert told(found, "declared") >= {("toggle", "shop fair", None)}
    assert len([one for one in found.having("declared") if one.kind == "toggle"]) == 1
    assert show(world, production=(DEFAULTS, None)).alike  # off there, too: the entry is about the toggle
    switched(world, "production", "")
    found = show(world)
    assert [str(one) for one in found.unmatched] == [f"toggle: {name}"]


def test_an_entry_counts_where_it_says(world):
    switched(world, "production", "shop: {fair: on}\n")
    world.differs = ["{toggle: fair, group: db, why: x}"]
    assert told(world.compare()) == {("toggle", "shop fair", None)}


def test_what_was_switched_by_hand_is_found(world):
    found = show(world, staging=({**DEFAULTS, "quick": False}, None))
    assert told(found) == {("toggle", "shop quick", None)}
    only = found.having("unexplained")[0]
    assert only.seen
    assert (only.ours.value, only.theirs.value) == ("off", "on")
    assert only.why == "not as the files have it in staging"
    assert only.ours.source == "cdconf.yml:12"


def test_a_toggle_that_nobody_declares_is_found_and_can_not_be_accepted(world):
    found = show(world, production=({**DEFAULTS, "old": True}, None))
    assert told(found) == {("toggle", "shop old", None)}
    only = found.having("unexplained")[0]
    assert only.why == "cdconf.yml declares no such toggle"
    assert (only.ours.value, only.theirs.value) == ("(none)", "on")
    world.differs = ["{toggle: old, why: x}"]
    with pytest.raises(InvalidFile, match="there is no toggle 'old'"):
        world.compare()


def test_a_file_that_is_not_there_or_can_not_be_read(world):
    assert show(world, staging=(None, None), production=(None, None)).alike
    found = show(world, staging=(None, None))
    assert told(found) == {("toggle", "shop fair", None), ("toggle", "shop quick", None)}
    assert {one.why for one in found.having("unexplained")} == {"not as the files have it in staging"}
    found = show(world, staging=(None, "it isn't JSON"))
    assert told(found) == {("toggle", "shop", "problem")}
    assert "! toggle shop, problem: it isn't JSON | (none)" in "\n".join(report.lines(found, verbose=False))
    assert show(world, staging=(None, "it isn't JSON"), production=(None, "it isn't JSON")).alike


def test_an_entry_stays_open_when_no_host_was_asked(world):
    world.differs = ["{toggle: quick, why: only hosts can show it}"]
    assert world.compare().alike
    assert len(show(world).unmatched) == 1


def test_a_misspelt_toggle_is_an_error_with_a_suggestion(world):
    world.differs = ["{toggle: fairr, why: x}"]
    world.staging()
    with pytest.raises(InvalidFile, match="there is no toggle 'fairr'") as caught:
        load_environment(load_project(world.root), "staging")
    assert caught.value.hint == "did you mean 'fair'?"
    assert (caught.value.file, caught.value.line) == ("inventories/staging/hosts.yml", 4)
