"""The store's own order and clock count, not those of the machines that write to it."""

import os
import time

import pytest

from cdconf.artifacts import ArtifactStore, store_clock
from cdconf.errors import ArtifactError
from cdconf.events import ClocksSeen
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, FILE, archive, built, git
from tests.conftest import cdconf


def add(root, tmp_path, version, built_at, created):
    file = archive(tmp_path / "a.tar.gz", ("f", FILE, version.encode()))
    found = ArtifactStore(load_project(root)).add("app", version, file, **ABOUT | {"built_at": built_at})
    os.utime(root / f".cdconf/artifacts/app@{version}.json", (created, created))
    return found


def test_artifacts_stand_in_the_order_in_which_the_store_took_them_in(local_app, tmp_path):
    """v6 came last, from a machine whose clock is an hour behind; the store's times may be equal."""
    add(local_app, tmp_path, "5", 1000.0, 5000.0)
    add(local_app, tmp_path, "7", 7200.0, 7300.0)
    add(local_app, tmp_path, "6", 3900.0, 7500.0)
    add(local_app, tmp_path, "4", 900.0, 5000.0)
    store = ArtifactStore(load_project(local_app))
    assert [one.version for one in store.list("app")] == ["6", "7", "5", "4"]
    with pytest.raises(ArtifactError) as caught:
        store.find("app@version-of-another-app")
    assert caught.value.hint == "the newest: app@6, app@7, app@5, app@4"
    listed = [line.split()[0] for line in cdconf(local_app, "artifact", "list").stdout.splitlines()[1:]]
    assert listed == ["app@6", "app@7", "app@5", "app@4"]


def test_of_two_builds_of_a_commit_the_nearest_is_the_store_s_last(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    artifact, _ = built(local_app)
    commit = git(local_app, "rev-parse", "HEAD")
    file = archive(tmp_path / "b.tar.gz", ("f", FILE, b"again"))
    about = ABOUT | {"commit": commit, "built_at": artifact.built_at - 3600}
    again = ArtifactStore(load_project(local_app)).add("app", "again", file, **about)
    late = time.time() + 5
    os.utime(local_app / ".cdconf/artifacts/app@again.json", (late, late))
    assert ArtifactStore(load_project(local_app)).nearest("app", [commit]) == again


@pytest.mark.parametrize("behind", [3600, -3600, 0])
def test_the_store_s_time_is_its_own_and_a_build_says_who_differs(app, monkeypatch, behind):
    now = time.time
    said = []
    project = load_project(app)
    monkeypatch.setattr("time.time", lambda: now() - behind)
    assert ArtifactStore(project).now() == pytest.approx(now(), abs=15)
    assert ArtifactStore(project).entries("clock-") == []
    file = app / "file.bin"
    file.write_bytes(b"x")
    ArtifactStore(project, emit=said.append).add("app", "1", file, **ABOUT)
    (seen,) = [one for one in said if isinstance(one, ClocksSeen)]
    assert seen.ahead["the artifact store"] == pytest.approx(behind, abs=10)


def test_a_store_that_can_only_be_read_has_this_machine_s_time(local_app, monkeypatch):
    store = ArtifactStore(load_project(local_app))

    def refuse(self, name, data):
        raise ArtifactError("Access Denied")

    monkeypatch.setattr(type(store.place), "create", refuse)
    assert store_clock.now(store.place, lambda event: None) == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_a_long_run_asks_the_store_again_when_somebody_sets_this_machine_s_clock(app, monkeypatch, by):
    """Else it would take all other runners for dead."""
    now = time.time
    clock = store_clock.StoreClock(ArtifactStore(load_project(app)).place, lambda event: None)
    assert clock() == pytest.approx(now(), abs=15)
    monkeypatch.setattr("time.time", lambda: now() + by)
    assert clock() == pytest.approx(now(), abs=15)
    monkeypatch.undo()
    assert clock() == pytest.approx(now(), abs=15)
