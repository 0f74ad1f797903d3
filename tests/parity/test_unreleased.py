"""Hosts that have never held a release: what only a deployment brings is no difference, everything else is."""

import pytest

from cdconf.parity import environments, report
from cdconf.parity.model import SeenToggles
from tests.parity.conftest import told

RUNS = {"service:shop": {"enabled": True, "running": True}}
STOPPED = {"service:shop": {"enabled": True, "running": False}}
NGINX = {"service:nginx": {"enabled": True, "running": True}, "package:curl": {"version": "7"}}
TOGGLES = SeenToggles({"fair": False, "quick": True})
MISSING = "there is no unit 'shop.service' on this host"


def having(release, problem=None, toggles=TOGGLES):
    waits = {"shop": ("shop",)} if release is None else {}
    about = {"shop": {"release": release, "problem": problem}}
    return {"sight": {"releases": about, "unreleased": waits, "toggles": {"shop": toggles}}}


@pytest.fixture
def seen(world):
    """Staging serves a release, and production has none; a function changes what they show."""
    role = world.root / "roles/web/role.yml"
    role.write_text(role.read_text() + "  - service: shop\n    enabled: true\n")

    def change(staging=None, production=None, only=None):
        states = {
            "staging": NGINX | RUNS | having("2-abc") | (staging or {}),
            "production": NGINX | STOPPED | having(None) | (production or {}),
        }
        world.see(**states)
        if only is not None:  # of production's hosts, these alone wait
            serving = NGINX | RUNS | having("2-abc")
            kept = {key: sight for key, sight in world.sights.items() if key[0] == "staging" or key[1] in only}
            world.see(staging=states["staging"], production=serving)
            world.sights |= kept
        return world.compare()

    return change


def test_an_original_without_a_release_is_like_its_copy_and_says_so(seen):
    found = seen()
    assert found.alike
    assert told(found, "inherent") >= {("resource", "service shop", "running"), ("artifact", "shop", "release")}
    text = "production has no release of shop yet: what only a deployment brings isn't compared"
    assert text in report.lines(found, verbose=False)
    (entry,) = report.document(found)["unreleased"]
    assert (entry["environment"], entry["app"], "web1" in entry["hosts"]) == ("production", "shop", True)


def test_a_unit_that_comes_with_the_release_is_missing_until_then(seen):
    assert seen(production={"service:shop": MISSING}).alike


def test_toggles_of_a_host_without_a_release_wait_for_it(seen):
    other = SeenToggles({"fair": True, "quick": True})
    assert seen(production=having(None, toggles=other)).alike
    assert seen(production=having(None, toggles=SeenToggles(None, "it isn't there"))).alike
    assert told(seen(staging=having("2-abc", toggles=other))) == {("toggle", "shop fair", None)}


@pytest.mark.parametrize(
    ("side", "states", "found"),
    [
        ("production", {"service:nginx": {"enabled": True, "running": False}}, ("service nginx", "running")),
        ("production", {"service:shop": {"enabled": False, "running": False}}, ("service shop", "enabled")),
        ("staging", {"file:/etc/motd": {"content": "x"}}, ("file /etc/motd", "content")),
    ],
)
def test_everything_else_counts(seen, side, states, found):
    assert told(seen(**{side: states})) == {("resource", *found)}


def test_a_release_that_was_stopped_by_hand_counts(seen):
    found = seen(production=having("2-abc", "service 'shop' is inactive"))
    assert told(found) == {("resource", "service shop", "running"), ("artifact", "shop", "problem")}


def test_a_copy_without_a_release_isn_t_like_its_original(seen):
    found = seen(staging=NGINX | STOPPED | having(None), production=RUNS | having("2-abc"))
    assert told(found) == {("artifact", "shop", "release")}


def test_one_new_host_lacks_a_release_that_the_others_have(seen):
    found = seen(only=("web3",))
    assert told(found) == {("artifact", "shop", "release")}
    assert "production has no release of shop yet on web3: " in "\n".join(report.lines(found, verbose=False))


class Asked:
    """`compare_environments` with portraits in place of hosts."""

    def __init__(self, world, monkeypatch):
        monkeypatch.setattr(
            environments,
            "_observed",
            lambda members, options: [world.portraits(one.environment.name) for one in members],
        )
        self.world = world

    def __call__(self, running):
        from cdconf.inventory import load_environment, load_project

        self.world.staging()
        project = load_project(self.world.root)
        pair = [load_environment(project, name) for name in ("staging", "production")]
        return environments.compare_environments(
            project, *pair, lambda event: None, environments.ParityOptions(), running
        )


@pytest.fixture
def asked(world, monkeypatch):
    return Asked(world, monkeypatch)


def test_a_gate_opens_for_a_first_release_that_the_copy_runs(seen, asked):
    seen()
    assert asked({"shop": "2-abc"}).comparison.alike
    assert told(asked({"shop": "3-def"}).comparison) == {("artifact", "shop", "release")}
    seen(only=("web3",))
    assert asked({"shop": "2-abc"}).comparison.alike


def test_a_gate_stays_closed_while_the_copy_has_no_release(seen, asked):
    seen(staging=NGINX | STOPPED | having(None))
    assert told(asked({"shop": "2-abc"}).comparison) == {("artifact", "shop", "release")}


def test_a_gate_asks_for_one_app_s_release_and_names_the_others(seen, asked):
    """Two apps that are built together could never be deployed one after the other."""
    seen(production=RUNS | having("1-old"))
    likeness = asked({"other": "9-xyz"})
    assert likeness.comparison.alike
    assert likeness.others == ("shop",)
