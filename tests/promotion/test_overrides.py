"""A gate can be passed without what it asks for: by a key of its own, with a reason, before everybody's eyes."""

import json

import pytest

from cdconf.errors import ArtifactError, GateClosed, UsageError
from cdconf.events import Notice
from cdconf.promotion import office_keys, signers
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.overrides import overridden
from cdconf.promotion.passing import Passing
from tests.conftest import cdconf

REASON = "checkout is down, the fix is reviewed"


def passing(world, reason=REASON):
    return Passing(world.project, world.environment(), world.artifact, world.told.append, reason)


def seen(world):
    return [(one.what, one.said.reason, one.is_healed) for one in overrides(world)]


def overrides(world):
    return overridden(Evidence.of(world.project, world.told.append), world.environment())


def test_it_passes_and_is_seen_until_a_proof_heals_it(any_world):
    way = passing(any_world)
    way.first()
    way.again()
    assert way.extra["override"] == REASON
    (one,) = overrides(any_world)
    assert (one.said.missing, one.said.procedure) == (("after manual",), any_world.procedure)
    assert seen(any_world) == [("app@1", REASON, False)]
    assert any("OVERRIDDEN" in one.message for one in any_world.told if isinstance(one, Notice) and one.warning)
    any_world.prove()
    assert seen(any_world) == [("app@1", REASON, True)]


def test_a_proof_of_another_procedure_heals_nothing(world):
    passing(world).first()
    world.prove(procedure="sha256:" + "9" * 64)
    assert seen(world) == [("app@1", REASON, False)]


def test_a_reason_says_something(world):
    with pytest.raises(UsageError, match="a reason of 10 characters or more"):
        passing(world, "because  ").first()


def test_an_open_gate_is_not_overridden(world):
    world.prove()
    way = passing(world)
    way.first()
    assert not way.is_overridden
    assert overrides(world) == []


def test_it_needs_the_key_and_others_who_believe_it(world):
    mine = office_keys.private_file(world.project, "cdconf-override")
    kept = mine.read_bytes()
    mine.unlink()
    with pytest.raises(ArtifactError, match="there is no key of the office override here"):
        passing(world).first()
    office_keys.new(world.project, "cdconf-override")
    with pytest.raises(GateClosed, match="isn't trusted for that here"):
        passing(world).first()
    mine.write_bytes(kept)
    passing(world).first()


def test_a_stage_s_key_cannot_override(world):
    private = office_keys.private_file(world.project, "cdconf-override")
    private.write_bytes(office_keys.private_file(world.project, "cdconf-stage:manual").read_bytes())
    with pytest.raises(GateClosed, match="isn't trusted for that here"):
        passing(world).first()


def test_what_comes_in_between_is_not_overridden(world):
    way = passing(world)
    way.first()
    world.stage_run().failed(world.artifact, "loses orders")
    with pytest.raises(GateClosed, match="can't go to production any more: no stop: app@1 is stopped"):
        way.again()


def test_an_override_by_a_revoked_key_is_none(world):
    passing(world).first()
    signers.revoke(world.project, "cdconf-override", world.key("override").id)
    assert overrides(world) == []


def test_history_says_so(world):
    result = cdconf(world.root, "deploy", "app@1", "--to", "production", "--override", REASON, "--json")
    found = json.loads(result.stdout)
    assert found["override"] == REASON
    assert found["overridden"].startswith("override-")
    rows = cdconf(world.root, "history", "production", "-v").stdout
    assert "OVERRIDDEN" in rows
    assert REASON in rows
    assert json.loads(cdconf(world.root, "history", "production", "--json").stdout)["runs"][0]["healed"] is False
