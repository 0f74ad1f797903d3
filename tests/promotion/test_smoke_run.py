"""What smoke tests of a stage's environment say: for how long its hosts hold which releases, and what failed there."""

import time
from types import SimpleNamespace

import pytest

from cdconf.agent.records import formats
from cdconf.errors import ArtifactError, CdconfError, UsageError
from cdconf.events import Collector, Notice
from cdconf.promotion import office_keys
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.offices import named
from cdconf.promotion.said import Held
from cdconf.promotion.smoke_run import SmokeRun
from cdconf.promotion.stage_run import stage_for
from tests.called import Called
from tests.conftest import write
from tests.promotion.test_soak import deployed
from tests.promotion.world import PROCEDURE

STAGING = """
    hosts:
      web1: {address: 192.0.2.1, groups: [web]}
      web2: {address: 192.0.2.2, groups: [web]}
"""


class Hosts:
    """Two hosts that have held the artifact for ten minutes."""

    def __init__(self, world):
        self.world = world
        write(world.root, {"inventories/staging/hosts.yml": STAGING})
        world.commit("staging")
        self.now = time.time()
        self.pages = {
            name: self.page(deployed(self.now - 601, self.about(world.artifact), PROCEDURE)) for name in NAMES
        }
        self.ahead = dict.fromkeys(NAMES, 0.0)
        self.away = set()

    def about(self, artifact):
        return {"release": artifact.release, "archive": artifact.archive, "version": artifact.version}

    def page(self, events, artifact=None, **changes):
        chosen = artifact or self.world.artifact
        known = {"version": chosen.version, "archive": chosen.archive, "tree": chosen.tree, "staged_at": 1}
        page = formats.fresh_page()
        page |= {"current": chosen.release, "verified": [chosen.release], "releases": {chosen.release: known}}
        return {**page, "events": events, **changes}

    def session(self, name):
        host = SimpleNamespace(name=name)
        call = lambda what: {"apps": {"app": self.pages[name]}, "provisions": []}  # noqa: E731
        return Called(call, host=host, clock_ahead=self.ahead[name])

    @property
    def sessions(self):
        return {name: self.session(name) for name in NAMES if name not in self.away}

    def each(self, hosts, job):
        found, errors = {}, {}
        for host in hosts:
            try:
                found[host.name] = job(self.sessions[host.name])
            except (CdconfError, KeyError) as error:
                errors[host.name] = error
        return SimpleNamespace(split=lambda: (found, errors))

    def smoke(self, stage=None, red=None, unproven=(), limit=NotImplemented, meanwhile=lambda: None):
        """One run; returns the objects that it made."""
        world = self.world
        world.told.clear()
        project, environment = world.project, world.environment("staging")
        chosen = stage_for(project, environment, stage)
        about = {"demanded": stage is not None, "isolated": lambda: True}
        run = SmokeRun(project, environment, chosen, Collector(), world.told.append, **about)
        run.begin()
        hosts = [host for host in environment.hosts.values() if host.name not in self.away]
        run.look(self, hosts if limit is NotImplemented else [host for host in hosts if host.name in limit])
        meanwhile()
        run.ended(self, {"app": red} if red else {}, unproven or red or ())
        return run.extra

    def held(self, artifact=None):
        """What is known of how long the artifact was held: seconds, rounded."""
        proofs = Evidence.of(self.world.project, print).proofs((artifact or self.world.artifact).archive)
        said = [one.said for one in proofs if one.refusal is None and isinstance(one.said, Held)]
        return sorted(round(sum(one.ends - one.begins for one in said.periods)) for said in said)


NAMES = ("web1", "web2")


@pytest.fixture
def hosts(world):
    return Hosts(world)


def test_a_green_run_says_for_how_long_all_hosts_have_held_it(hosts):
    hosts.pages["web2"] = hosts.page(deployed(hosts.now - 301, hosts.about(hosts.world.artifact), PROCEDURE))
    assert len(hosts.smoke()["statements"]) == 1
    assert hosts.held() == [300]
    (told,) = [one.message for one in hosts.world.told if isinstance(one, Notice)]
    assert told.startswith("staging has held app@1 for 5 min, proven well: statement-")


def test_unasked_it_is_said_again_once_a_tenth_more_is_known(hosts):
    hosts.smoke()
    assert "statements" not in hosts.smoke()
    assert len(hosts.smoke("manual")["statements"]) == 1
    for name in NAMES:
        hosts.pages[name] = hosts.page(deployed(hosts.now - 701, hosts.about(hosts.world.artifact), PROCEDURE))
    hosts.smoke()
    assert hosts.held() == [600, 600, 700]


def test_what_was_replaced_is_told_as_well_and_once(hosts):
    world = hosts.world
    events = deployed(hosts.now - 901, hosts.about(world.artifact), PROCEDURE)
    events += deployed(hosts.now - 301, hosts.about(world.other), PROCEDURE)
    hosts.pages = dict.fromkeys(NAMES, hosts.page(events, world.other))
    hosts.smoke()
    hosts.smoke("manual")
    assert hosts.held() == [599]
    assert hosts.held(world.other) == [300, 300]


def test_hosts_whose_clocks_differ_have_held_it_by_one_clock(hosts):
    hosts.ahead["web2"] = 3600.0
    events = deployed(hosts.now + 3600 - 601, hosts.about(hosts.world.artifact), PROCEDURE)
    hosts.pages["web2"] = hosts.page(events)
    hosts.smoke()
    assert hosts.held() == [600]


def test_without_the_stage_s_key_nothing_is_said_unless_it_is_demanded(hosts):
    office_keys.private_file(hosts.world.project, named("stage:manual")).unlink()
    assert hosts.smoke() == {}
    with pytest.raises(ArtifactError, match="there is no key of the office stage:manual here"):
        hosts.smoke("manual")


def test_a_run_that_is_not_about_all_hosts_says_nothing(hosts):
    assert hosts.smoke(limit=["web1"]) == {}
    with pytest.raises(UsageError, match="web2 of app weren't tested"):
        hosts.smoke("manual", limit=["web1"])
    hosts.away = {"web1"}
    assert hosts.smoke() == {}
    assert hosts.held() == []


def test_what_comes_in_between_or_could_not_be_tested_says_nothing(hosts):
    under_way = {"to": hosts.world.other.release, "run": "r", "at": 1, "back": False}

    def begin():
        hosts.pages["web1"] = {**hosts.pages["web1"], "activating": under_way}

    assert hosts.smoke(meanwhile=begin) == {}
    assert hosts.smoke() == {}
    hosts.pages["web1"] = {**hosts.pages["web1"], "activating": None}
    assert hosts.smoke(unproven=["web2"]) == {}
    assert hosts.held() == []


def test_a_red_run_fails_the_stage_and_stops_the_release(hosts):
    hosts.world.prove()
    assert hosts.world.why() is None
    extra = hosts.smoke(red={"web2": "smoke tests failed: app: test_it"})
    assert (len(extra["stops"]), "statements" in extra) == (1, False)
    missing = {one.name: one.why for one in hosts.world.gate().missing}
    assert "says that it failed" in missing["after manual"]
    assert "web2: smoke tests failed: app: test_it" in missing["no stop"]


def test_a_red_run_in_the_midst_of_a_deployment_blames_nobody(hosts):
    def replace():
        other = hosts.world.other
        hosts.pages["web2"] = hosts.page(deployed(hosts.now, hosts.about(other), PROCEDURE), other)

    assert "stops" not in hosts.smoke(red={"web2": "smoke tests failed"}, meanwhile=replace)


@pytest.mark.parametrize(
    "told", [{"events": 5}, {"events": [{"at": float("nan"), "event": "verified"}]}, {"current": 7}]
)
def test_what_no_ledger_holds_counts_for_nothing(hosts, told):
    hosts.pages["web1"] = {**hosts.pages["web1"], **told}
    assert hosts.smoke() == {}
    with pytest.raises(UsageError, match="web1 of app weren't tested"):
        hosts.smoke("manual")


def test_a_release_of_no_commit_can_not_be_spoken_of(hosts):
    hosts.pages = dict.fromkeys(NAMES, hosts.page(deployed(hosts.now - 601, hosts.about(hosts.world.artifact), None)))
    assert hosts.smoke() == {}
    with pytest.raises(ArtifactError, match="its hosts have held no release at the same time"):
        hosts.smoke("manual")
