"""Whether a saved plan says what its maker was shown."""

import dataclasses
import json
import shutil
import time

import pytest

from cdconf.artifacts import keys, trust
from cdconf.errors import InvalidFile
from cdconf.inventory import load_project
from cdconf.plans.changed_since import shown_otherwise
from cdconf.plans.proof import digest_of, judge, proven
from cdconf.plans.saved import HostPlan, read, save
from tests.conftest import cdconf
from tests.plans.test_saved import MOTD, PLAN

SHOWN = {
    "made_by": "somebody@else",
    "created_at": 1.0,
    "environment": "production",
    "diff": "mode: 0600 -> 0644\n",
    "message": "nothing to see",
    "source": "roles/other/role.yml:1",
    "status": "ok",
    "title": "/etc/issue",
}


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """Keys of nobody."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def other(project, tmp_path_factory, home):
    """Another checkout of the project."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(project, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cdconf"))
    return load_project(folder)


def plan_of(root):
    return dataclasses.replace(PLAN, created_at=time.time(), extra=(), hosts={"web1": HostPlan("m", "c", (MOTD,))})


def changed(plan, name):
    """The plan with another value, as somebody changes it who has the file in hand."""
    if name in {one.name for one in dataclasses.fields(plan)}:
        return dataclasses.replace(plan, **{name: SHOWN[name]})
    one = dataclasses.replace(MOTD, **{name: SHOWN[name]})
    return dataclasses.replace(plan, hosts={"web1": HostPlan("m", "c", (one,))})


@pytest.mark.parametrize("name", list(SHOWN))
@pytest.mark.parametrize("with_key", [False, True])
def test_whatever_is_changed_in_a_plan_is_noticed(project, other, name, with_key):
    here = load_project(project)
    if with_key:
        trust.trust(here, keys.new(here))
    plan = proven(here, plan_of(project))
    assert judge(here, plan, "p").authentic
    for place in (here, other):
        with pytest.raises(InvalidFile, match="was changed after it was made"):
            judge(place, changed(plan, name), "p")
    # A forger who makes the digest anew has neither key nor seal.
    forged = changed(plan, name)
    forged = dataclasses.replace(forged, proof=dataclasses.replace(plan.proof, digest=digest_of(forged)))
    with pytest.raises(InvalidFile, match="was changed after it was made"):
        judge(here, forged, "p")
    if with_key:
        with pytest.raises(InvalidFile, match="was changed after it was made"):
            judge(other, forged, "p")


def test_a_signature_that_was_taken_out_is_missed_where_keys_are_trusted(project, other):
    here = load_project(project)
    key = keys.new(here)
    trust.trust(here, key)
    plan = proven(here, plan_of(project))
    assert judge(other, plan, "p").text == f"signed by {key.id}"
    stripped = dataclasses.replace(plan, proof=dataclasses.replace(plan.proof, signatures=()))
    verdict = judge(other, stripped, "p")
    assert (verdict.authentic, "signed by nobody" in verdict.refused) == (False, True)
    # The own checkout's seal is enough there.
    assert judge(here, stripped, "p").authentic
    trust.distrust(here, key.id)
    assert "whom nobody here knows" in judge(other, plan, "p").refused
    trust.trust_anybody(here)
    verdict = judge(other, plan, "p")
    assert (verdict.authentic, verdict.refused) == (False, None)


def test_without_keys_another_checkout_knows_that_it_cannot_know(project, other):
    plan = proven(load_project(project), plan_of(project))
    verdict = judge(other, plan, "p")
    assert (verdict.authentic, verdict.refused, verdict.text) == (False, None, "signed by nobody")


@pytest.mark.parametrize("name", ["diff", "message", "source"])
def test_what_such_a_plan_shows_is_compared_with_what_hosts_show(name):
    now = HostPlan("m", "c", (MOTD,))
    assert list(shown_otherwise(now, now)) == []
    (text,) = shown_otherwise(HostPlan("m", "c", (dataclasses.replace(MOTD, **{name: SHOWN[name]}),)), now)
    assert "the plan shows file /etc/motd otherwise than it is" in text
    moved_on = dataclasses.replace(MOTD, source="roles/base/role.yml:9")  # a line above has come in
    assert list(shown_otherwise(HostPlan("m", "c", (moved_on,)), now)) == []


def test_a_plan_without_a_proof_is_refused_and_the_proof_is_kept_in_the_file(project, home):
    here, path = load_project(project), project / "p.json"
    plan = proven(here, plan_of(project))
    save(plan, path)
    assert read(path) == plan
    document = json.loads(path.read_text())
    del document["proof"]
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidFile, match="has no digest"):
        judge(here, read(path), "p")


def test_show_shows_a_plan_as_it_was_made_and_no_other(project, home):
    here, path = load_project(project), project / "p.json"
    save(proven(here, plan_of(project)), path)
    shown = cdconf(project, "plan", "show", "p.json")
    assert shown.returncode == 0, shown.stderr
    assert "/etc/motd" in shown.stdout + shown.stderr
    assert "created" in shown.stdout + shown.stderr
    assert "made in this checkout" in shown.stderr
    document = json.loads(cdconf(project, "plan", "show", "p.json", "--json").stdout)
    assert document["hosts"]["web1"]["resources"][0]["diff"] == "created\n"
    assert (document["plan"]["authentic"], document["plan"]["made_by"]) == (True, "me@here")
    path.write_text(path.read_text().replace("created\\n", "nothing\\n"))
    for words in (["plan", "show", "p.json"], ["provision", "dev", "--plan", "p.json"]):
        refused = cdconf(project, *words)
        assert refused.returncode in (1, 3)
        assert "nothing\n" not in refused.stdout
    assert "was changed after it was made" in cdconf(project, "plan", "show", "p.json").stderr


def test_an_environment_may_be_called_show(project, home):
    shutil.copytree(project / "inventories/dev", project / "inventories/show")
    result = cdconf(project, "plan", "show", "--from", "HEAD")
    assert "no such file" not in result.stderr.lower()
    assert "Usage" in cdconf(project, "plan", "show", "--help").stdout
    assert "--prune" in cdconf(project, "plan", "--help").stdout
