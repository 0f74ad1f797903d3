"""What `status` and `drift` say of hosts that are out of use."""

from types import SimpleNamespace

import pytest

from cdconf.cli.show.drained_hosts import say_drained, say_kept
from cdconf.deploy.drained import Drained
from cdconf.deploy.drains import DOUBT

KEPT = {"address": "10.0.0.1", "at": 1.0, "kept": {"run": "r1", "reason": "not healthy", "at": 1.0}}
DOUBTED = KEPT | {"kept": {"run": "r1", "reason": DOUBT, "at": 1.0}}
DRAINED = {"address": "10.0.0.2", "at": 1.0}
HELD = {"run": "r1", "owner": "anna", "reason": "provision", "inner": []}


def page(**hosts):
    return {"hosts": hosts, "run": "r1", "expires_in_s": 9, "problem": None}


def said(hosts, lease=None, say=say_drained):
    told = []
    run = SimpleNamespace(emit=told.append, environment=SimpleNamespace(name="prod"))
    pages, leases = {"lb1": {"shop": page(**hosts)}}, {"lb1": lease}
    found = say(run, Drained(pages, leases)) if say is say_kept else say(run, pages, leases)
    return found, told


def test_drift_names_hosts_that_are_kept_and_no_others():
    found, (notice,) = said({"web1": KEPT, "web2": DRAINED}, say=say_kept)
    assert list(found["shop"]) == ["web1"]
    assert found["shop"]["web1"]["lb1"]["kept"]["reason"] == "not healthy"
    assert notice.warning
    assert "web1 is kept out of use on lb1 for shop" in notice.message
    assert said({"web2": DRAINED}, say=say_kept) == ({}, [])


def test_a_host_that_is_being_changed_is_no_warning_while_its_run_is_at_work():
    _, (notice,) = said({"web1": DOUBTED}, HELD)
    assert (notice.warning, "its run is at work" in notice.message) == (False, True)


@pytest.mark.parametrize(
    ("host", "lease", "says"),
    [
        (DOUBTED, None, DOUBT),
        (DOUBTED, HELD | {"dead": ["r1"]}, DOUBT),
        (DOUBTED, HELD | {"run": "r2"}, DOUBT),
        (KEPT, HELD, "not healthy"),
    ],
)
def test_a_host_that_its_run_did_not_prove_is_a_warning_with_the_reason(host, lease, says):
    _, (notice,) = said({"web1": host}, lease)
    assert notice.warning
    assert f": {says}; the next provision" in notice.message
