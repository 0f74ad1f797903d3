"""The way back: which releases a host goes back to, after deployments and rollbacks in any order."""

from types import SimpleNamespace

import pytest

from cdconf.agent.migrations import migrations
from cdconf.agent.protocol import deploy_calls
from cdconf.agent.records.ledger import MOST, Ledger
from cdconf.agent.records.store import HostStore
from cdconf.agent.release.releases import Releases
from cdconf.deploy.rollback_target import previous


class Host:
    """One app's ledger, and the releases in it; `path` has their directories."""

    def __init__(self, folder):
        self.folder = folder
        self.store = HostStore("demo", str(folder / "state"))

    @property
    def ledger(self):
        return Ledger(self.store, "app")

    @property
    def page(self):
        return self.ledger.page

    def run(self, name, back=False):
        """A deployment, or a rollback, that ends well."""
        if name not in self.page["releases"]:
            (self.folder / "releases" / name).mkdir(parents=True)
            self.ledger.staged(name, name, f"archive of {name}", f"tree of {name}")
        self.ledger.activating(name, "r1", back)
        self.ledger.active(name)
        self.ledger.confirmed(name, "r1")

    def target(self):
        """Where `cdconf rollback` goes."""
        return previous({"web1": {**self.page, "linked": self.page["current"]}}, SimpleNamespace(name="app"))

    def go_back(self):
        self.run(self.target(), back=True)
        return self.page["current"]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_rollback_after_an_older_artifact_was_deployed_goes_to_what_ran_before(host):
    for name in ("v4", "v6", "v7", "v8", "v4"):
        host.run(name)
    assert host.go_back() == "v8"
    assert [host.go_back() for _ in range(3)] == ["v7", "v6", "v4"]  # as it was before the deployment


def test_each_rollback_goes_one_deployment_back_also_through_one_that_ran_twice(host):
    for name in ("v4", "v6", "v7", "v6"):
        host.run(name)
    assert host.page["verified"] == ["v4", "v6", "v7", "v6"]
    assert [host.go_back() for _ in range(3)] == ["v7", "v6", "v4"]


def test_only_a_rollback_forgets_what_came_later(host):
    for name in ("v1", "v2", "v3"):
        host.run(name)
    host.run("v1", back=True)
    assert host.page["verified"] == ["v1"]
    host.run("v3")
    assert host.target() == "v1"


def test_a_rollback_to_one_that_ran_twice_goes_to_its_last_time(host):
    for name in ("v1", "v2", "v1", "v3"):
        host.run(name)
    host.run("v1", back=True)
    assert host.page["verified"] == ["v1", "v2", "v1"]


def test_the_same_release_again_is_no_step(host):
    for name in ("v1", "v2", "v2"):
        host.run(name)
    host.ledger.confirmed("v2", "r1")  # the answer to the first one was lost
    assert host.target() == "v1"


def test_what_ran_in_between_may_be_gone(host):
    for name in ("v1", "v2", "v3", "v2"):
        host.run(name)
    agent = SimpleNamespace(lease=SimpleNamespace(check=lambda: None), store=host.store)
    migrations.give_up(agent, {"name": "app"}, ["v3"])
    assert host.page["verified"] == ["v1", "v2"]
    assert host.target() == "v1"


def test_cleaning_keeps_what_ran_before_the_newest_deployment(host):
    for name in ("v1", "v2", "v3", "v1"):
        host.run(name)
    ledger = host.ledger
    for age, name in enumerate(("v3", "v2", "v1")):
        ledger.page["releases"][name]["staged_at"] = 1000 - age
    ledger.save()
    (host.folder / "current").symlink_to("releases/v1")
    assert Releases(str(host.folder), host.ledger).clean(1) == ["v2"]
    assert host.page["verified"] == ["v1", "v3", "v1"]
    assert host.target() == "v3"


def test_two_that_take_turns_for_ever_fill_nothing(host):
    for number in range(MOST):
        host.run(f"v{number % 2}")
        host.run(f"v{number % 2 + 1}")
    assert len(host.page["verified"]) == MOST


def test_whoever_takes_up_a_rollback_ends_a_rollback(host):
    for name in ("v1", "v2"):
        host.run(name)
    host.ledger.activating("v1", "r2", back=True)
    host.ledger.active("v1")
    (host.folder / "current").symlink_to("releases/v1")
    lease = SimpleNamespace(run="r3", by=dict, check=lambda: None)
    agent = SimpleNamespace(lease=lease, store=host.store, proceed=lambda: None)
    deploy_calls.adopt(agent, {"name": "app", "path": str(host.folder)}, "v1")
    host.ledger.confirmed("v1", "r3")
    assert host.page["verified"] == ["v1"]
    assert host.page["confirmed"]["back"] is True
