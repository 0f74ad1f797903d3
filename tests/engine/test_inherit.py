"""What a run lends to what it starts: which hosts, which project, and what others may have written there."""

import json

import pytest

from cdconf.engine import Inheritance, RunIdentity
from cdconf.engine.inherited_leases import lent, seal_of
from cdconf.errors import UsageError


def lend(hosts=("web1",), around=None, project="shop", environment="dev"):
    identity = RunIdentity("deploy")
    return identity, Inheritance(project, environment, around or {}).lend(identity, hosts)


def test_what_is_started_finds_the_run_that_holds_a_host():
    identity, variables = lend()
    found = Inheritance("shop", "dev", variables)
    link = found.around("web1")
    assert (link.run, link.secret) == (identity.run, identity.secret)
    assert found.around("web2") is None, "it wasn't held: its lease is for the taking"


def test_another_environment_and_another_project_are_none_of_it():
    _, variables = lend()
    assert Inheritance("shop", "production", variables).around("web1") is None
    assert Inheritance("other", "dev", variables).around("web1") is None


def test_of_a_chain_the_innermost_that_holds_the_host_counts():
    outer, variables = lend(["web1", "db1"])
    inner, variables = lend(["web1"], around=variables)
    found = Inheritance("shop", "dev", variables)
    assert found.around("web1").run == inner.run
    assert found.around("db1").run == outer.run


def test_a_fleet_too_large_for_a_variable_is_held_as_a_whole():
    _, variables = lend([f"a-host-with-a-long-name-{number}" for number in range(5000)])
    assert len(variables["CDCONF_LEASE"]) < 1000
    assert Inheritance("shop", "dev", variables).around("web1") is not None


def test_a_secret_is_in_no_representation():
    identity, variables = lend()
    assert identity.secret not in repr(identity) + repr(lent(variables))
    assert identity.secret != RunIdentity("deploy").secret
    assert seal_of(identity.secret) != identity.secret


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1",
        "{}x",
        '["a"]',
        '[{"run": "r"}]',
        json.dumps([{"project": "a", "environment": "b", "run": "c", "secret": "d", "hosts": "web1"}]),
        json.dumps([{"project": "a", "environment": "b", "run": 1, "secret": "d", "hosts": []}]),
    ],
)
def test_what_cdconf_did_not_write_is_one_clear_error(text):
    with pytest.raises(UsageError, match="CDCONF_LEASE isn't what cdconf writes there"):
        lent({"CDCONF_LEASE": text})
