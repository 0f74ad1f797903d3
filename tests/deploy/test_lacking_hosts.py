"""Hosts that have a release already: whether a pipeline that goes on must deploy it to them again."""

from types import SimpleNamespace

import pytest

from cdconf.deploy import missing_release
from cdconf.deploy.rollout import Failure

PROCEDURE = f"sha256:{'1' * 64}"


def page(procedure):
    return {"deployed": None if procedure is None else {"at": 1, "procedure": procedure}}


@pytest.mark.parametrize("other", [None, f"sha256:{'2' * 64}"])
def test_hosts_remember_by_which_procedure_they_got_it(other):
    pages = {"web1": page(PROCEDURE), "web2": page(other)}
    assert missing_release.got_it_by(pages, ["web1"], PROCEDURE)
    assert not missing_release.got_it_by(pages, ["web1", "web2"], PROCEDURE)
    assert not missing_release.got_it_by({"web1": page(None)}, ["web1"], None)


@pytest.mark.parametrize("failures", [{}, {"web1": Failure("smoke tests failed", verdict=True)}])
def test_they_are_tested_again(monkeypatch, failures):
    tested, told = [], []
    monkeypatch.setattr(missing_release, "unproven", lambda *about: tested.append(about[3]) or failures)
    fleet = SimpleNamespace(sessions={"web1": SimpleNamespace(host="the host")})
    assert missing_release.stand(None, fleet, None, ["web1"], told.append) == (not failures)
    assert tested == [["the host"]]
    assert ["smoke tests failed" in one.message for one in told][1:] == [True] * len(failures)
