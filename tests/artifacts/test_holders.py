"""Runs that bring an artifact to hosts while others remove it: either it stays, or the run hears of it at once."""

import os
import time

import pytest

from cdconf.artifacts import ArtifactStore, holders
from cdconf.artifacts.holders import reserved, uses
from cdconf.artifacts.leftovers import sweep
from cdconf.errors import ArtifactError, GateClosed
from cdconf.events import ClocksSeen, Step
from cdconf.inventory import load_environment, load_project
from tests.artifacts.conftest import ABOUT, FILE, archive, forget_fetched, place
from tests.racing import context, process
from tests.rounds import rounds

ROUNDS = rounds(6, 24)


@pytest.fixture
def stored(app, tmp_path):
    store = ArtifactStore(load_project(app))
    return store, store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)


def bring(root, artifact, emit=lambda event: None):
    project = load_project(root)
    return reserved(project, ArtifactStore(project).place, artifact, load_environment(project, "dev"), emit)


def deployments(root, barrier, results):
    for number in range(ROUNDS):
        store = ArtifactStore(load_project(root))
        artifact = store.find(f"app@{number}")
        barrier.wait(60)
        time.sleep(0.005 * (number % 3))  # so that either comes first
        try:
            with bring(root, artifact):
                held = store.list("app")
                time.sleep(0.1)
                after = store.list("app")
            results.put((number, artifact in held and artifact in after))
        except (ArtifactError, GateClosed):
            results.put((number, None))


def removals(root, barrier, results):
    for number in range(ROUNDS):
        store = ArtifactStore(load_project(root))
        artifact = store.find(f"app@{number}")
        seen = uses(store.place)
        barrier.wait(60)
        time.sleep(0.03 * (number % 4))
        results.put((number, store.remove(artifact, seen)))


def test_no_artifact_is_removed_from_under_a_run(app, tmp_path):
    store = ArtifactStore(load_project(app))
    for number in range(ROUNDS):
        store.add("app", str(number), archive(tmp_path / "a.tar.gz", ("f", FILE, b"%d" % number)), **ABOUT)
    barrier, brought, removed = context().Barrier(2), context().Queue(), context().Queue()
    both = [
        process(deployments, app, barrier, brought),
        process(removals, app, barrier, removed),
    ]
    for one in both:
        one.start()
    runs = dict(brought.get(timeout=120) for _ in range(ROUNDS))
    gone = dict(removed.get(timeout=120) for _ in range(ROUNDS))
    for one in both:
        one.join(60)
    left = {one.version for one in store.list()}
    for number in range(ROUNDS):
        assert runs[number] is not False, f"app@{number} was removed from under a run"
        assert (str(number) in left) is not gone[number]
        assert runs[number] is None or not gone[number]
    assert store.entries("removal-") == []
    assert store.entries("reservation-") == []


def test_a_run_waits_for_a_removal_and_then_says_that_the_artifact_is_gone(app, stored, monkeypatch):
    store, artifact = stored
    monkeypatch.setattr(holders, "_PAUSE", 0.01)
    said = []
    monkeypatch.setattr(holders, "_PATIENCE", 0.05)
    refused = pytest.raises(GateClosed, match="is removing app@1")
    with holders.removing(store.place, artifact), refused, bring(app, artifact, said.append):
        pytest.fail("it went on")
    assert store.entries("reservation-") == []
    assert len([one for one in said if isinstance(one, Step)]) == 1
    with bring(app, artifact):
        pass
    assert store.remove(artifact)
    with pytest.raises(ArtifactError, match="isn't in the artifact store any more"), bring(app, artifact):
        pytest.fail("it went on")


def test_what_killed_runs_have_left_behind_holds_nothing_up_for_ever(local_app, tmp_path):
    store = ArtifactStore(load_project(local_app))
    artifact = store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    names = [f"{kind}-{artifact.archive}-0.json" for kind in ("reservation", "removal")]
    for name in names:
        store.place.create(name, b"{}")
        old = time.time() - 8 * 86400
        os.utime(local_app / ".cdconf/artifacts" / name, (old, old))
    with bring(local_app, artifact):
        pass
    assert uses(store.place).reserved == frozenset()
    assert store.remove(artifact)
    sweep(load_project(local_app), store)
    assert [one.name for one in store.entries("re")] == []


def test_a_store_that_cannot_be_written_to_is_deployed_from_and_it_is_said(app, stored, monkeypatch):
    store, artifact = stored

    def refuse(self, name, data):
        raise ArtifactError("can't write to the artifact store: Access Denied")

    monkeypatch.setattr(type(store.place), "create", refuse)
    said = []
    with bring(app, artifact, said.append):
        pass
    (notice,) = said
    assert notice.warning
    assert "app@1 couldn't be reserved" in notice.message


def test_what_is_noted_of_uses_is_no_artifact_and_goes_with_its_own(app, stored):
    store, artifact = stored
    with bring(app, artifact):
        assert store.list() == [artifact]
        forget_fetched(app)
        assert store.verify(artifact)
    (holder,) = store.entries("holder-")
    assert uses(place(app)).holders[holder.name].environment == "dev"
    sweep(load_project(app), store, grace=-60)
    assert store.entries("holder-") == [holder]
    store.remove(artifact)
    sweep(load_project(app), store, grace=-60)
    assert store.entries("holder-") == []


@pytest.mark.parametrize("ahead", [2 * 86400, -2 * 86400])
def test_this_machine_s_clock_decides_nothing_about_removals_and_reservations(app, stored, monkeypatch, ahead):
    """A removal that was announced just now isn't an old one for a laptop whose clock is two days ahead."""
    store, artifact = stored
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + ahead)
    monkeypatch.setattr(holders, "_PAUSE", 0.01)
    monkeypatch.setattr(holders, "_PATIENCE", 0.05)
    said = []
    refused = pytest.raises(GateClosed, match="is removing app@1")
    with holders.removing(store.place, artifact), refused, bring(app, artifact, said.append):
        pytest.fail("it went on")
    (seen,) = [one for one in said if isinstance(one, ClocksSeen)]
    assert seen.ahead["the artifact store"] == pytest.approx(-ahead, abs=10)
    monkeypatch.setattr(holders, "LONGEST_RUN", 86400.0)
    with bring(app, artifact):
        assert uses(store.place, store.now()).reserved == {artifact.archive}
        assert not store.remove(artifact)
    name = f"{'0' * 64}.blob"
    store.place.create(name, b"just uploaded, and its metadata is on its way")
    sweep(load_project(app), store)
    assert [one.name for one in store.entries(name)] == [name]
    assert store.entries("clock-") == []
