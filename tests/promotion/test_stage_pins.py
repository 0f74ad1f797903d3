"""A commit may point a stage at something easier; what the policy says that it stands for, counts."""

import textwrap

import pytest

from cdconf.artifacts.attestations import STATEMENT, named
from cdconf.errors import CommandFailed, GateClosed, InvalidFile
from cdconf.inventory import load_project
from cdconf.promotion.policy import policy_of
from cdconf.promotion.policy_lint import findings
from cdconf.promotion.read_policy import read_policy
from cdconf.promotion.said import Held, HeldPeriod, Subject
from cdconf.promotion.saying import say
from tests.conftest import cdconf, write
from tests.promotion.test_policy import AFTER, lay_down, missing, rewrite
from tests.promotion.test_provision_run import provision
from tests.promotion.world import PROCEDURE

STAGES = "stages:\n  manual: {environment: staging, copy_of: production}\n"
PINNED = textwrap.dedent(AFTER) + STAGES
MANUAL = "{stage: manual, environment: staging}"
EASY = {"inventories/easy/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n"}
ATTACKS = {
    "another environment": (
        "{stage: manual, environment: easy}",
        {"environment": "easy", "copy_of": None},
        "stage 'manual' deploys to easy (cdconf.yml:8), and {policy}:8 says that it deploys to staging",
    ),
    "a throw-away copy": (
        "{stage: manual, copy_of: easy}",
        {"environment": "try-1", "copy_of": "easy"},
        "stage 'manual' deploys to a copy of easy (cdconf.yml:8), and {policy}:8 says that it deploys to staging",
    ),
    "a command alone": (
        "{stage: manual, run: 'true', inputs: [cdconf.yml]}",
        {"environment": "", "copy_of": None},
        "stage 'manual' deploys to nothing (cdconf.yml:8), and {policy}:8 says that it deploys to staging",
    ),
}


def attacked(world, stage, files=EASY):
    write(world.root, files)
    rewrite(world, "cdconf.yml", **{MANUAL: stage})


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_stage_that_a_commit_points_elsewhere_is_passed_by_nobody(world, attack):
    stage, said, why = ATTACKS[attack]
    attacked(world, stage)
    world.prove(**said)
    lay_down(world, AFTER)
    assert missing(world) == [], "without a pin it goes through"
    path = lay_down(world, PINNED)
    (link,) = world.gate().missing
    assert (link.name, link.why) == ("after manual", why.format(policy=path))
    world.prove()  # the stage's key may say what it likes
    assert missing(world) == ["after manual"]
    with pytest.raises(GateClosed, match="roles after manual: stage 'manual' deploys to"):
        provision(world, "production")


def test_an_environment_that_is_no_copy_any_more_proves_nothing(world):
    path = lay_down(world, PINNED)
    world.prove(copy_of=None)
    assert world.why().endswith(f"is about staging, which was no copy of production, as {path}:8 wants")
    world.prove()
    assert missing(world) == []


def test_fewer_hosts_prove_nothing(world):
    path = lay_down(world, PINNED.replace("copy_of: production", "hosts: 2"))
    world.prove(hosts={"web1": {}})
    assert world.why().endswith(f"was passed on 1 of the 2 hosts that {path}:8 asks for")
    world.prove(hosts={"web1": {}, "web2": {}})
    assert missing(world) == []


def test_bad_news_counts_wherever_it_comes_from(world):
    lay_down(world, PINNED)
    world.prove(finished=world.proof().finished - 60)
    world.prove(result="failed", copy_of=None)
    assert missing(world) == ["after manual"]


def test_the_command_is_a_part_of_what_a_stage_is(world):
    run = "make -C shop acceptance"
    attacked(world, f"{{stage: manual, environment: staging, run: '{run}', inputs: [cdconf.yml]}}")
    path = lay_down(world, textwrap.dedent(AFTER) + f"stages: {{manual: {{environment: staging, run: {run}}}}}\n")
    world.prove()
    assert world.why().endswith(f"was made without the stage's command, which {path}:7 asks for")
    world.prove(acceptance={"passed": 1, "failed": 0})
    assert missing(world) == []
    rewrite(world, "cdconf.yml", **{f"'{run}'": "'true'"})
    assert world.why() == (f"stage 'manual' runs 'true' (cdconf.yml:8), and {path}:7 says that it runs '{run}'")


def test_a_throwaway_stage_is_pinned_by_what_it_copies(world):
    acceptance = PINNED.replace("after: [manual]", "after: [acceptance]").partition("stages:")[0]
    path = lay_down(world, acceptance + "stages: {acceptance: {copy_of: production}}\n")
    world.prove("stage:acceptance", stage="acceptance", environment="try-1")
    world.prove()
    assert missing(world) == []
    write(world.root, EASY)
    rewrite(world, "cdconf.yml", **{"{stage: acceptance, copy_of: production}": "{stage: acceptance, copy_of: easy}"})
    world.prove("stage:acceptance", stage="acceptance", environment="try-2", copy_of="easy")
    why = f"stage 'acceptance' deploys to a copy of easy (cdconf.yml:7), and {path}:7 says that"
    assert world.why().startswith(why)


def test_time_in_an_easier_place_doesn_t_count(world):
    policy = PINNED.replace("after: [manual]", "soak: {stage: manual, for: 1m}")
    path = lay_down(world, policy)
    passed = world.proof().finished - 3600
    world.prove(finished=passed)
    period = (HeldPeriod(passed, passed + 600, PROCEDURE),)
    about = {"subject": Subject.of(world.artifact), "project": "demo", "app": "app", "version": "1", "stage": "manual"}

    def hold(copy_of):
        held = Held(
            **about, environment="staging", copy_of=copy_of, periods=period, hosts={}, at=passed + 700, isolated=True
        )
        say(world.place, held, world.key("stage:manual"))

    hold(None)
    (link,) = world.gate().missing
    assert f"is about staging, which was no copy of production, as {path}:8 wants" in link.why
    hold("production")
    assert missing(world) == []


def test_an_override_of_such_a_stage_isn_t_healed_by_what_it_says(world):
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.overrides import overridden
    from cdconf.promotion.passing import Passing
    from tests.promotion.test_overrides import REASON

    lay_down(world, PINNED)
    Passing(world.project, world.environment(), world.artifact, world.told.append, REASON, {}).first()
    world.prove(copy_of=None)

    def healed():
        evidence = Evidence.of(world.project, world.told.append)
        return [one.is_healed for one in overridden(evidence, world.environment())]

    assert healed() == [False]
    world.prove()
    assert healed() == [True]


def test_nothing_is_said_for_a_stage_that_is_something_else(world):
    attacked(world, "{stage: manual, environment: easy}")
    lay_down(world, PINNED)
    with pytest.raises(GateClosed, match="stage 'manual' deploys to easy"):
        world.stage_run("easy", stage="manual")
    run = world.stage_run("easy")
    run.passed(world.artifact, {})
    assert named(world.place, STATEMENT, world.artifact.archive, print) == {}
    assert any("can't prove that stage 'manual' is passed: stage 'manual' deploys" in str(one) for one in world.told)


def test_a_deployment_without_the_stage_s_command_proves_nothing(world):
    attacked(world, "{stage: manual, environment: staging, run: make test, inputs: [cdconf.yml]}")
    run = world.stage_run("staging")
    run.passed(world.artifact, {})
    assert named(world.place, STATEMENT, world.artifact.archive, print) == {}
    told = " ".join(str(one) for one in world.told)
    assert "leaves out the command of stage 'manual'" in told
    assert "cdconf deploy app@1 --to staging --stage manual" in told

    def green(lent):
        return {"passed": 1, "failed": 0}

    world.stage_run("staging", stage="manual", accept=green).passed(world.artifact, {})
    assert missing(world) == []


def test_a_red_command_is_said_by_a_run_that_has_it(world):
    attacked(world, "{stage: manual, environment: staging, run: make test, inputs: [cdconf.yml]}")

    def red(lent):
        raise CommandFailed("it's red")

    with pytest.raises(CommandFailed):
        world.stage_run("staging", stage="manual", accept=red).passed(world.artifact, {})
    assert "says that it failed" in world.why()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stages: {manual: {}}", "stage 'manual' has no description"),
        ("stages: {manual: }", "must be a mapping"),
        ("stages: {manual: {hosts: 0}}", "'hosts' of stage 'manual' must be 1 or more"),
        ("stages: {manual: {enviroment: staging}}", "unknown key 'enviroment'"),
        ("stages: {../x: {environment: staging}}", "can't be a stage's name"),
    ],
)
def test_a_pin_that_says_nothing_is_an_error(text, why):
    with pytest.raises(InvalidFile, match=why):
        read_policy(f"version: 1\n{text}\n", "p.yml")


def test_lint_says_what_a_commit_could_still_move(world):
    lay_down(world, AFTER)
    (found,) = [one for one in findings(policy_of(world.project), world.project) if "stands for" in one.message]
    assert "nothing says what stage 'manual' stands for" in found.message
    lay_down(world, PINNED + "  other: {environment: staging}\n")
    (found,) = findings(policy_of(world.project), world.project)
    assert found.message == "the pipeline in cdconf.yml has no stage 'other'"
    attacked(world, "{stage: manual, environment: easy}")
    assert any(
        "stage 'manual' deploys to easy" in one.message
        for one in findings(policy_of(load_project(world.root)), load_project(world.root))
    )


def test_policy_show_names_the_stages(world):
    lay_down(world, PINNED)
    shown = cdconf(world.root, "policy", "show", "--to", "production").stdout
    assert "stage manual" in shown
    assert "environment staging, copy_of production" in shown
