"""`contract`, `toggle` and `destroy` heed what speaks against any change of a guarded environment, and an override."""

import json

import pytest

from cdconf.clocks import Clock
from cdconf.errors import ArtifactError, GateClosed, UsageError
from cdconf.events import Notice
from cdconf.promotion import office_keys
from cdconf.promotion.changing import Changing, running_artifacts
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.line_stops import StopTarget, stop
from cdconf.promotion.overrides import overridden
from cdconf.promotion.said import Subject
from tests.conftest import cdconf, write
from tests.promotion.test_overrides import REASON
from tests.promotion.test_policy import CLOSED, FROZEN, OFFICE, OPEN, at, hosts_without, lay_down

GUARDED = "version: 1\nenvironments: {production: }\n"
ALWAYS = """
    version: 1
    environments:
      production:
        require: [{freeze: {from: 2020-01-01, to: 2099-01-01, zone: Europe/Berlin, why: nobody is here}}]
"""


def changing(world, moment=OPEN, command="toggle", app="app", reason=None, environment="production", **about):
    here = world.environment(environment)
    clock = about.pop("clock", Clock(here=lambda: at(moment)))
    return Changing(world.project, here, command, app, world.told.append, reason, {}, clock, **about)


def overrides(world, clock=None):
    found = overridden(Evidence.of(world.project, world.told.append, clock=clock), world.environment())
    return [(one.what, one.said.reason, one.said.missing, one.is_healed) for one in found]


@pytest.mark.parametrize("command", ["contract", "toggle"])
def test_windows_and_freezes_say_when_something_is_changed(world, command):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    changing(world, OPEN, command).first()
    for moment, word in ((CLOSED, "window mon-thu"), (FROZEN, "freeze 2026-12-20")):
        with pytest.raises(GateClosed, match=f"`{command}` isn't for production now: {word}") as caught:
            changing(world, moment, command).first()
        assert caught.value.exit_code == 3
        assert "--override REASON" in caught.value.hint


def test_those_of_hosts_yml_do_so_too_and_an_environment_without_any_is_free(world):
    hosts_without(world, 'require: [{window: {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}}]\n')
    with pytest.raises(GateClosed, match="window mon-thu"):
        changing(world, CLOSED).first()
    changing(world, CLOSED, environment="staging").first()


def test_once_hosts_are_held_their_clocks_count(world):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    ahead = []
    run = changing(world, clock=Clock(here=lambda: at(OPEN), ahead=lambda: ahead[-1] if ahead else None))
    run.first()
    run.again()
    ahead.append(7 * 3600.0)
    with pytest.raises(GateClosed, match="window"):
        run.again()


def test_a_line_that_is_stopped_is_heeded_and_an_artifact_s_stop_once_it_is_known_what_runs(world):
    stop(world.project, StopTarget("app", world.artifact), "it loses orders", "override", world.told.append)
    run = changing(world)
    run.first()
    run.again([Subject.of(world.other)])
    with pytest.raises(GateClosed, match=r"no stop: app@1 is stopped by .*: it loses orders") as caught:
        run.again([Subject.of(world.other), Subject.of(world.artifact)])
    assert "cdconf pipeline resume app@1 --note WHY" in caught.value.hint
    stop(world.project, StopTarget("app", None), "all hands on deck", "override", world.told.append)
    with pytest.raises(GateClosed, match="no stop: app is stopped"):
        changing(world, command="contract").first()
    changing(world, app="other").first()


def test_an_override_switches_it_all_the_same_and_everybody_sees_it_until_it_is_past(world, monkeypatch):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    now = [at(FROZEN)]
    monkeypatch.setattr("cdconf.promotion.changing.time.time", lambda: now[0])
    run = changing(world, FROZEN, reason=REASON)
    run.first()
    run.again([Subject.of(world.artifact)])
    missing = ("window mon-thu 09:00 to 16:00 Europe/Berlin", "freeze 2026-12-20 to 2027-01-03 Europe/Berlin")
    clock = Clock(here=lambda: now[0])
    found = overrides(world, clock)
    assert [(what, reason, healed) for what, reason, _, healed in found] == [("toggle app", REASON, False)]
    assert set(found[0][2]) <= set(missing)
    warned = [one.message for one in world.told if isinstance(one, Notice) and one.warning]
    assert any(one.startswith("OVERRIDDEN: `toggle` changes production without: ") for one in warned)
    assert run.extra["override"] == REASON
    now[0] = at("2027-01-05 10:00")
    assert overrides(world, clock)[0][3]


def test_an_override_covers_a_stop_that_only_hosts_reveal(world):
    name = stop(world.project, StopTarget("app", world.artifact), "it loses orders", "override", world.told.append)
    run = changing(world, reason=REASON)
    run.first()
    assert overrides(world) == []
    run.again([Subject.of(world.artifact)])
    assert overrides(world) == [("toggle app", REASON, ("no stop",), False)]
    assert name


def test_an_override_needs_its_key_a_reason_and_something_to_override(world):
    lay_down(world, ALWAYS)
    with pytest.raises(UsageError, match="a reason of 10 characters"):
        changing(world, reason="because").first()
    office_keys.private_file(world.project, "cdconf-override").unlink()
    with pytest.raises(ArtifactError, match="no key of the office override"):
        changing(world, reason=REASON).first()
    run = changing(world, reason=REASON, environment="staging")
    run.first()
    run.again()
    assert any("nothing to override" in str(one) for one in world.told)


def test_what_an_operator_guards_isn_t_removed_by_the_way(world):
    write(world.root, {"inventories/production/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n"})
    world.commit("containers")
    changing(world, command="destroy", app=None, removes=True).first()
    path = lay_down(world, GUARDED)
    with pytest.raises(GateClosed, match="`destroy` isn't for production now: not guarded") as caught:
        changing(world, command="destroy", app=None, removes=True).first()
    assert str(path) in caught.value.message
    changing(world).first()
    changing(world, command="destroy", app=None, removes=True, reason=REASON).first()
    assert overrides(world) == [("destroy", REASON, ("not guarded",), True)]
    refused = cdconf(world.root, "destroy", "production", "--yes")
    assert refused.returncode == 3
    assert "guards production" in refused.stderr


COMMANDS = (["contract", "app", "--env", "production"], ["toggle", "app", "fair", "off", "--env", "production"])


@pytest.mark.parametrize("command", COMMANDS, ids=["contract", "toggle"])
def test_the_verbs_ask_before_they_ask_any_host(world, command):
    text = (world.root / "cdconf.yml").read_text()
    more = ", migrate: {contract: 'true'}, services: [app], toggles: {fair: {default: on, doc: the fair}}"
    (world.root / "cdconf.yml").write_text(text.replace('artifact: "app-*.tar.gz"', f'artifact: "app-*.tar.gz"{more}'))
    lay_down(world, ALWAYS)
    refused = cdconf(world.root, *command, "--json")
    document = json.loads(refused.stdout)
    assert (refused.returncode, document["error"]["kind"]) == (3, "gate")
    assert "nobody is here" in document["error"]["message"]
    assert [one["name"].partition(" ")[0] for one in document["gates"]] == ["freeze", "no"][: len(document["gates"])]


def test_what_hosts_run_is_told_by_their_ledgers():
    about = {"archive": "a" * 64, "tree": "b" * 64}
    pages = {
        "web1": {"linked": "1.4-abc", "releases": {"1.4-abc": about}},
        "web2": {"linked": "1.4-abc", "releases": {"1.4-abc": about}},
        "web3": {"linked": None, "releases": {}},
        "web4": {"linked": "1.5-def", "releases": {}},
    }
    assert running_artifacts("shop", pages) == [Subject("shop@1.4", "a" * 64, "b" * 64)]
