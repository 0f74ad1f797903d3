"""Hosts that have a release already: whether a pipeline that goes on must deploy it to them again."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import lacking
from cdconf.deploy.rollout import Failure

PROCEDURE = f"sha256:{'1' * 64}"


def page(procedure):
    return {"deployed": None if procedure is None else {"at": 1, "procedure": procedure}}


@pytest.fixture
def stand(monkeypatch):
    def stand(pages, procedure=PROCEDURE, failures=None):
        tested = []
        monkeypatch.setattr(lacking, "unproven", lambda *about: tested.append(about[3]) or (failures or {}))
        sessions = {name: SimpleNamespace(host=name) for name in pages}
        fleet = SimpleNamespace(sessions=sessions)
        found = lacking.stand(None, fleet, None, list(pages), pages, procedure, lambda event: None)
        return found, tested

    return stand


def test_those_that_got_it_by_this_procedure_are_tested_and_stand(stand):
    assert stand({"web1": page(PROCEDURE), "web2": page(PROCEDURE)}) == (True, [["web1", "web2"]])


@pytest.mark.parametrize("other", [None, f"sha256:{'2' * 64}"])
def test_another_procedure_or_none_proves_nothing(stand, other):
    assert stand({"web1": page(PROCEDURE), "web2": page(other)}) == (False, [])


def test_without_a_procedure_of_its_own_a_run_proves_nothing(stand):
    assert stand({"web1": page(None)}, procedure=None) == (False, [])


def test_one_that_is_unwell_gets_it_again(stand):
    failures = {"web1": Failure("smoke tests failed", verdict=True)}
    assert stand({"web1": page(PROCEDURE)}, failures=failures) == (False, [["web1"]])
