"""What the operator's policy adds, no commit takes away."""

import json
import textwrap
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cdconf.clocks import Clock
from cdconf.errors import ArtifactError, GateClosed, InvalidFile
from cdconf.inventory import load_project
from cdconf.promotion.gates import gate_of
from cdconf.promotion.passing import Passing
from cdconf.promotion.pins import check_pins
from cdconf.promotion.policy import guarded_by, policies_folder, policy_of
from tests.conftest import cdconf, git, write
from tests.promotion.test_overrides import REASON
from tests.promotion.test_provision_run import provision

AFTER = """
    version: 1
    environments:
      production:
        require:
          - after: [manual]
"""
OFFICE = """
    version: 1
    environments:
      production:
        require:
          - window: {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}
          - freeze: {from: 2026-12-20, to: 2027-01-03, zone: Europe/Berlin, why: holidays}
"""
OPEN, CLOSED, FROZEN = "2026-12-03 10:00", "2026-12-03 16:30", "2026-12-21 10:00"


def lay_down(world, text, name="demo"):
    """Writes the policy; returns its file."""
    path = policies_folder() / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    path.chmod(0o600)
    return path


def rewrite(world, name, **changes):
    path = world.root / name
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    world.commit("change")


def hosts_without(world, more=""):
    write(
        world.root,
        {"inventories/production/hosts.yml": f"{more}hosts: {{web1: {{address: 192.0.2.1, groups: [web]}}}}\n"},
    )
    world.commit("change")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


def missing(world, clock=None):
    gate = gate_of(world.project, world.environment(), world.artifact, world.told.append, clock=clock)
    return [one.name for one in gate.missing]


def test_a_commit_that_requires_nothing_any_more_changes_nothing(world):
    hosts_without(world, "require: []\n")
    assert missing(world) == []
    lay_down(world, AFTER)
    assert missing(world) == ["after manual"]
    world.prove()
    assert missing(world) == []


def test_nor_one_that_says_that_a_provider_makes_the_hosts(world):
    lay_down(world, AFTER)
    hosts_without(world, "provider: docker\n")
    assert missing(world) == ["after manual"]


def test_nor_one_that_takes_the_stage_away(world):
    path = lay_down(world, AFTER)
    hosts_without(world, "require: []\n")
    write(world.root, {"cdconf.yml": (world.root / "cdconf.yml").read_text().replace("stage: manual", "stage: other")})
    world.commit("change")
    gate = world.gate()
    assert [one.name for one in gate.missing] == ["after manual"]
    assert gate.missing[0].why == f"the pipeline in cdconf.yml has no stage 'manual', for which {path}:6 asks"
    with pytest.raises(GateClosed, match="roles after manual"):
        provision(world, "production")


def test_nor_one_that_says_that_the_stage_is_another_app_s(world):
    text = (world.root / "cdconf.yml").read_text()
    text = text.replace("apps:", "apps:\n  other: {groups: [web], path: /srv/other}")
    write(world.root, {"cdconf.yml": text.replace("{stage: manual,", "{stage: manual, build: other,")})
    hosts_without(world, "require: [{after: [acceptance]}]\n")
    world.prove("stage:acceptance", stage="acceptance")
    assert missing(world) == []
    lay_down(world, AFTER)
    assert missing(world) == ["after manual"]


def test_what_was_stopped_goes_to_no_guarded_environment(world):
    from cdconf.promotion.line_stops import StopTarget, stop

    lay_down(world, "version: 1\nenvironments:\n  production:\n")
    write(world.root, {"cdconf.yml": (world.root / "cdconf.yml").read_text().partition("pipeline:")[0]})
    hosts_without(world)
    assert missing(world) == []
    stop(world.project, StopTarget("app", world.artifact), "it's broken", "override", world.told.append)
    assert missing(world) == ["no stop"]


def test_of_two_ages_the_smaller_one_counts_and_all_windows_and_freezes_do(world):
    from cdconf.promotion.requirements import requirements_of

    rewrite(
        world, "inventories/production/hosts.yml", **{"- after: [manual]": "- max_age: 7d\n  - window: {days: mon}"}
    )
    lay_down(world, OFFICE + "          - max_age: 2d\n")
    wanted = requirements_of(world.project, world.environment())
    assert wanted.max_age == 2 * 86400
    assert (len(wanted.windows), len(wanted.freezes)) == (2, 1)
    assert [one.source.rpartition("/")[2] for one in wanted.entries] == [
        "hosts.yml:4",
        "hosts.yml:5",
        "demo.yml:6",
        "demo.yml:7",
        "demo.yml:8",
    ]


def test_a_window_and_a_freeze_close_the_gate_for_deployments_and_provisions(world):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    for moment, found in ((OPEN, []), (CLOSED, ["window"]), (FROZEN, ["freeze"])):
        clock = Clock(here=lambda moment=moment: at(moment))
        assert [one.partition(" ")[0] for one in missing(world, clock)] == found
        if found:
            with pytest.raises(GateClosed, match=f"production can't be provisioned: {found[0]} "):
                provision(world, "production", clock=clock)
        else:
            provision(world, "production", clock=clock)


def passing(world, clock, reason=None):
    return Passing(world.project, world.environment(), world.artifact, world.told.append, reason, {}, clock=clock)


def test_once_hosts_are_held_their_clocks_count(world):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    ahead = []
    clock = Clock(here=lambda: at(OPEN), ahead=lambda: ahead[-1] if ahead else None)
    way = passing(world, clock)
    way.first()
    way.again()
    ahead.append(7 * 3600.0)  # by the hosts' clocks it's 17:00
    with pytest.raises(GateClosed, match="can't go to production any more: window") as caught:
        way.again()
    assert "nothing was changed" in caught.value.hint


def test_a_provision_heeds_the_hosts_clocks_as_well(world):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    ahead = []
    clock = Clock(here=lambda: at(OPEN), ahead=lambda: ahead[-1] if ahead else None)
    run = provision(world, "production", clock=clock)
    run.again()
    ahead.append(7 * 3600.0)
    with pytest.raises(GateClosed, match="production can't be provisioned now: window"):
        run.again()
    overridden = provision(world, "production", REASON, clock=Clock(here=lambda: at(CLOSED)))
    overridden.again()


def test_an_override_passes_a_window_and_is_healed_when_it_opens(world, monkeypatch):
    lay_down(world, OFFICE)
    hosts_without(world, "require: []\n")
    now = [at(CLOSED)]
    monkeypatch.setattr("cdconf.promotion.overrides.time.time", lambda: now[0])
    way = passing(world, Clock(here=lambda: now[0]), REASON)
    way.first()
    way.again()
    assert way.is_overridden
    (shown,) = [one for one in world.told if "OVERRIDDEN" in getattr(one, "message", "")]
    assert "without: window mon-thu 09:00 to 16:00 Europe/Berlin" in shown.message


PINS = "version: 1\nproject: demo\nstore: /srv/store\n"


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_project_of_another_name_is_refused(world, monkeypatch, by_variable):
    path = lay_down(world, "version: 1\nproject: demo\nenvironments: {production: }\n")
    if by_variable:
        monkeypatch.setenv("CDCONF_POLICY", str(path))
    write(
        world.root, {"cdconf.yml": (world.root / "cdconf.yml").read_text().replace("project: demo", "project: renamed")}
    )
    for text in ("the work tree", "a commit"):
        with pytest.raises(GateClosed, match=r"'demo'") as caught:
            check_pins(world.project, policy_of(world.project))
        assert "renamed" in caught.value.message, text
        assert str(path) in caught.value.message
        git(world.root, "commit", "-qam", "rename", "--allow-empty")
    refused = cdconf(world.root, "provision", "production")
    assert refused.returncode == 3
    assert "demo" in refused.stderr
    if not by_variable:
        lay_down(world, "version: 1\n", "renamed")
        check_pins(world.project, policy_of(world.project))


def test_attributes_do_not_hide_a_former_name(world):
    """What git calls binary it shows no lines of."""
    lay_down(world, PINS)
    renamed = (world.root / "cdconf.yml").read_text().replace("project: demo", "project: renamed")
    write(world.root, {"cdconf.yml": renamed, ".gitattributes": "cdconf.yml binary\n"})
    world.commit("rename")
    with pytest.raises(GateClosed, match="the project was called 'demo' before"):
        check_pins(world.project, policy_of(world.project))


def test_a_merge_does_not_hide_a_former_name(world):
    """Of a merge that's like one of its parents, git shows the history of that parent alone."""
    lay_down(world, PINS)
    text, main = (world.root / "cdconf.yml").read_text(), git(world.root, "rev-parse", "HEAD")
    git(world.root, "checkout", "-q", "--orphan", "other")
    write(world.root, {"cdconf.yml": text.replace("project: demo", "project: renamed")})
    world.commit("another root")
    git(world.root, "merge", "-q", "-s", "ours", "--allow-unrelated-histories", "-m", "merge", main)
    with pytest.raises(GateClosed, match="the project was called 'demo' before"):
        check_pins(world.project, policy_of(world.project))


def test_a_planted_repository_does_not_hide_a_former_name(tmp_path_factory, home):
    root = tmp_path_factory.mktemp("repository") / "project"
    write(root, {"cdconf.yml": "project: renamed\ngroups: {}\n", "HEAD": "ref: refs/heads/main\n"})
    (root / "objects").mkdir()
    path = policies_folder() / "demo.yml"
    path.parent.mkdir(parents=True)
    path.write_text(PINS)
    project = load_project(root)
    with pytest.raises(GateClosed, match=r"which names the project had before can't be told: .*/project has HEAD"):
        check_pins(project, policy_of(project))


def test_a_project_that_always_had_its_name_needs_no_policy_because_others_have_one(world):
    lay_down(world, PINS, "shop")
    check_pins(world.project, policy_of(world.project))


@pytest.mark.parametrize("store", ["s3://bucket/other", "other", None])
def test_another_store_is_refused(world, store):
    path = lay_down(world, f"version: 1\nstore: {world.root}/store\n")
    text = (world.root / "cdconf.yml").read_text()
    write(world.root, {"cdconf.yml": f"{text}store: store\n"})
    check_pins(world.project, policy_of(world.project))
    write(world.root, {"cdconf.yml": f"{text}store: {store}\n" if store else text})
    with pytest.raises(GateClosed, match=f"{path}:2 that it's '{world.root}/store'"):
        check_pins(world.project, policy_of(world.project))


def test_a_policy_that_others_can_write_to_is_refused(world):
    path = lay_down(world, AFTER)
    path.chmod(0o622)
    with pytest.raises(ArtifactError, match="others can write to the policy"):
        world.gate()


def test_a_policy_that_is_named_and_gone_is_an_error(world, monkeypatch, tmp_path):
    monkeypatch.setenv("CDCONF_POLICY", str(tmp_path / "gone.yml"))
    with pytest.raises(ArtifactError, match=r"\$CDCONF_POLICY names .*gone.yml, which isn't there"):
        world.gate()


def test_a_broken_policy_closes_gates_and_no_way_back(world):
    lay_down(world, "version: 1\nenvironmets: {}\n")
    with pytest.raises(InvalidFile, match="unknown key 'environmets' in the policy"):
        world.gate()
    with pytest.raises(InvalidFile):
        provision(world, "production")
    line = world.stage_run("production")
    assert line.stopped("app", [world.artifact.archive]) == set()
    line.went_back_from("app", [{"version": "1", "archive": world.artifact.archive, "tree": world.artifact.tree}])


def test_guarded_environments_of_all_projects_are_known(world):
    lay_down(world, AFTER)
    shop = lay_down(world, "version: 1\nproject: shop\nenvironments: {live: }\n", "other-name")
    lay_down(world, "version: 1\nbroken: 1\n", "broken")
    found = guarded_by(world.project)
    assert found.project == "demo"
    assert found.environments == {
        "demo": {"production": str(policies_folder() / "demo.yml")},
        "shop": {"live": str(shop)},
    }


def test_policy_show_tells_what_holds_and_where_it_is_written(world):
    path = lay_down(world, AFTER + "          - max_age: 2d\n")
    shown = cdconf(world.root, "policy", "show", "--to", "production")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["production", "after", "manual", "inventories/production/hosts.yml:4"] in rows
    assert ["production", "max_age", "2d", f"{path}:7"] in rows
    document = json.loads(cdconf(world.root, "policy", "show", "--json").stdout)
    assert document["policy"]["file"] == str(path)
    assert document["environments"]["staging"] == []
    assert {"requirement": "after", "text": "manual", "source": f"{path}:6"} in document["environments"]["production"]
    nobody = cdconf(world.root, "policy", "show", "--to", "prodution")
    assert nobody.returncode == 1
    assert "did you mean 'production'?" in nobody.stderr


def test_lint_checks_a_policy(world, tmp_path):
    path = tmp_path / "p.yml"
    path.write_text(
        textwrap.dedent("""
        version: 1
        project: shop
        environments:
          prod:
            require:
              - after: [manaul]
              - window: {days: mon}
              - window: {days: tue}
    """).lstrip()
    )
    found = cdconf(world.root, "lint", "--policy", path)
    assert found.returncode == 0
    assert f"{path}:2: cdconf.yml says the project 'demo', so nothing is brought anywhere" in found.stdout
    assert "there is no environment 'prod' in inventories/" in found.stdout
    assert f"{path}:6: the pipeline in cdconf.yml has no stage 'manaul'" in found.stdout
    assert f"{path}:8: no moment of the next 15 days is in all windows of prod" in found.stdout
    assert cdconf(world.root, "lint", "--policy", path, "--strict").returncode == 1
    path.write_text("version: 2\n")
    broken = cdconf(world.root, "lint", "--policy", path)
    assert broken.returncode == 1
    assert f"error: {path}:1: this is version 2 of policies" in broken.stdout
    assert cdconf(world.root, "lint", "--policy", tmp_path / "gone.yml").returncode == 1
