"""Looking at hosts: each by itself, and what a host that fails in the midst of it leaves to be told."""

from types import SimpleNamespace

import pytest

from cdconf.deploy.drained import Drained
from cdconf.engine import Outcome
from cdconf.errors import CdconfError, HostFailed, Unreachable, worst_exit
from cdconf.provision.look import Checking

OK = {"counts": {"ok": 1}, "failed": False, "applied": None}
DIFFERS = {"counts": {"would_change": 1}, "failed": False, "applied": {"commit": "c"}}


class Fleet:
    """Looks at hosts one after the other."""

    environment = SimpleNamespace(name="dev")

    def __init__(self, unreachable=()):
        self.unreachable = unreachable

    def look(self, hosts, job, prepare):
        prepare()
        results, errors = {}, {}
        for host in hosts:
            try:
                if host.name in self.unreachable:
                    raise Unreachable("it's off", host=host.name)
                results[host.name] = job(SimpleNamespace(host=host, lease=None))
            except CdconfError as error:
                errors[host.name] = error
        return Outcome(results, errors)


def look(monkeypatch, results, releases=None, unreachable=(), drains=None):
    """Exit codes, errors and what was learnt; `results` and `releases` are by host, an exception is raised."""
    hosts = [SimpleNamespace(name=name, groups=("lb",)) for name in ("web1", "web2", "web3")]

    def given(table, session, default):
        found = (table or {}).get(session.host.name, default)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("cdconf.provision.look.drains_on", lambda one, project: given(drains, one, {}))
    looked = None if releases is None else lambda one: given(releases, one, False)
    checking = Checking(None, Fleet(unreachable), lambda one: given(results, one, OK), looked, Drained())
    codes, errors = checking.run(hosts, lambda: None)
    return worst_exit([*codes, *(one.exit_code for one in errors.values())]), errors, checking


@pytest.mark.parametrize(
    ("results", "releases", "code"),
    [
        ({}, {}, 0),
        ({"web2": DIFFERS}, {}, 2),
        ({}, {"web2": True}, 2),
        ({"web1": {**OK, "failed": True}, "web2": DIFFERS}, {}, 1),
        ({"web1": HostFailed("no")}, {"web2": True}, 1),
        ({}, {"web1": Unreachable("gone")}, 4),
    ],
)
def test_each_host_counts_by_itself(monkeypatch, results, releases, code):
    assert look(monkeypatch, results, releases)[0] == code


def test_releases_are_looked_at_where_the_catalog_can_not_be_but_not_where_nobody_answers(monkeypatch):
    asked = []

    def releases(session):
        asked.append(session.host.name)
        return False

    results = {"web1": HostFailed("its catalog can't be made", host="web1"), "web2": Unreachable("gone", host="web2")}
    monkeypatch.setattr("cdconf.provision.look.drains_on", lambda one, project: {})
    hosts = [SimpleNamespace(name=name) for name in ("web1", "web2", "web3")]

    def check(session):
        if session.host.name in results:
            raise results[session.host.name]
        return OK

    _, errors = Checking(None, Fleet(), check, releases).run(hosts, lambda: None)
    assert (asked, errors) == (["web1", "web3"], results)


def test_errors_come_in_the_order_of_the_hosts(monkeypatch):
    _, errors, checking = look(
        monkeypatch, {"web1": DIFFERS}, {"web2": HostFailed("damaged", host="web2")}, unreachable=("web3",)
    )
    assert list(errors) == ["web2", "web3"]
    assert checking.applied == {"web1": {"commit": "c"}, "web2": None}


def test_a_host_that_can_not_be_asked_what_it_drains_is_an_error(monkeypatch):
    silent = Unreachable("hangs", host="web2")
    _, errors, checking = look(monkeypatch, {}, {}, drains={"web1": {"shop": {"hosts": {"w": 1}}}, "web2": silent})
    assert errors == {"web2": silent}
    assert (list(checking.drained.pages), list(checking.drained.leases)) == (["web1"], ["web1", "web3"])
