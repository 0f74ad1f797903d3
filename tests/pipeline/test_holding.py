"""Whoever has lost a lease is told, also when nobody listened at that moment."""

import time

import pytest

from cdconf.errors import ArtifactError
from cdconf.pipeline import holding as module
from cdconf.pipeline.holding import Holding
from cdconf.pipeline.store_lease import StoreLease
from tests.hosts.live import eventually

KEY = "a" * 32


@pytest.fixture
def holding(folder, monkeypatch):
    monkeypatch.setattr(module, "_TICK", 0.01)
    monkeypatch.setattr(StoreLease, "is_due", True)
    return Holding(folder, {}, time.time, lambda event: None)


@pytest.mark.parametrize("listens", ["before", "after"])
def test_a_lease_that_somebody_else_has_is_told_of(holding, folder, listens):
    told = []
    with holding.beating():
        assert holding.take(KEY)
        if listens == "before":
            holding.when_lost(told.append)
        folder.create(f"pipelease-{KEY}-00000002.json", b"{}")
        assert eventually(lambda: holding._lost, within=20)
        if listens == "after":
            holding.when_lost(told.append)
        assert eventually(lambda: told, within=20)
    assert [one.partition(":")[0] for one in told] == ["another run has taken over"]


def test_a_store_that_is_away_for_too_long_is_told_of(holding, folder, monkeypatch):
    def refuse(name, data):
        raise ArtifactError("gone")

    told = []
    holding.when_lost(told.append)
    with holding.beating():
        assert holding.take(KEY)
        monkeypatch.setattr(module, "TTL", 0.05)
        monkeypatch.setattr(folder, "create", refuse)
        assert eventually(lambda: told, within=20)
    assert told == ["the artifact store can't be reached, and another run may have taken over"]
