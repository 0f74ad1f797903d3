"""What a deployment would do, on the agent's own code: whom it would touch, and what would refuse it."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import preview
from cdconf.deploy.preview import foresee
from cdconf.inventory.model import Migrate
from tests.deploy.paper_hosts import PaperFleet, app_of


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    one = PaperFleet(tmp_path, ["a", "b", "c"])
    for session in one.sessions.values():
        session.calls.clear()
    monkeypatch.setattr(preview, "lacking_hosts", lacking)
    return one


def lacking(project, fleet, app, hosts, pages, release, emit):
    return [host for host in hosts if pages[host.name]["verified"][-1:] != [release]]


def foreseen_of(fleet, artifact, **more):
    app = app_of(batches=["1", "100%"], max_unavailable=None, **more)
    return foresee(SimpleNamespace(apps={"app": app}), fleet, artifact, fleet.hosts, lambda event: None)


def artifact_of(fleet, version):
    name = fleet.sessions["a"].stage(version)[0]
    about = fleet.sessions["a"].ledger().page["releases"][name]
    return SimpleNamespace(
        app="app", release=name, tree=about["tree"], archive=about["archive"], label=f"app@{version}", version=version
    )


def test_only_hosts_that_lack_the_release_are_touched_batch_by_batch(fleet):
    artifact = artifact_of(fleet, "2")
    ran = fleet.sessions["b"].deploy("1")
    fleet.sessions["c"].deploy("2")
    found = foreseen_of(fleet, artifact)
    assert (list(found.batches), found.migrates) == ([("a",), ("b",)], ["a"])
    assert found.runs == {"a": None, "b": ran, "c": artifact.release}
    assert (found.refused, found.held) == ([], {})
    assert {call for one in fleet.sessions.values() for call in one.calls} == {"app.status"}, "it changes nothing"


def test_hosts_with_databases_of_their_own_all_migrate(fleet):
    found = foreseen_of(fleet, artifact_of(fleet, "2"), migrate=Migrate("x", None, 30.0, each=True))
    assert found.migrates == ["a", "b", "c"]


def test_what_would_be_refused_is_said(fleet):
    artifact = artifact_of(fleet, "2")
    fleet.sessions["b"].ledger().pin(artifact.archive, "2", "it died\nat once")
    fleet.sessions["c"].lease = {"owner": "anna", "reason": "deploy app@3"}
    found = foreseen_of(fleet, artifact)
    assert found.refused == ["app@2 is pinned, because it failed on b: it died"]
    assert found.held == {"c": "anna (deploy app@3)"}
    assert (
        foresee(
            SimpleNamespace(apps={"app": app_of(batches=["1"], max_unavailable=None)}),
            fleet,
            artifact,
            fleet.hosts,
            lambda event: None,
            unpin=True,
        ).refused
        == []
    )
