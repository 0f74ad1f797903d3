"""Roles reach a guarded environment once they have passed the stages before."""

import pytest

from cdconf.errors import GateClosed
from cdconf.events import Collector, Notice
from cdconf.promotion import office_keys
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.overrides import overridden
from cdconf.promotion.provision_run import ProvisionRun
from tests.conftest import cdconf, git, write

REASON = "checkout is down, the fix is reviewed"


def provision(world, name, reason=None, **about):
    environment = world.environment(name)
    hosts = list(environment.hosts.values())
    run = ProvisionRun(world.project, environment, hosts, Collector(), world.told.append, lambda: True, **about)
    run.begin()
    run.pass_gate(reason)
    run.passed()
    return run


def change(world, role):
    path = world.root / f"roles/{role}/role.yml"
    path.write_text(path.read_text() + f"  - directory: /srv/{role}/more\n")
    world.commit(f"change {role}")


def test_what_was_provisioned_in_the_stage_before_may_be_provisioned_here(any_world):
    with pytest.raises(GateClosed, match=r"production can't be provisioned: roles/base after manual: nobody has said"):
        provision(any_world, "production")
    made = provision(any_world, "staging").extra["statements"]
    assert len(made) == 3
    assert len({name[-69:] for name in made}) == 1  # one statement, found by its environment and each role
    assert "gates" not in provision(any_world, "staging").extra
    assert {one["state"] for one in provision(any_world, "production").extra["gates"]} == {"there"}


def test_a_role_that_changed_since_closes_the_gate(world):
    provision(world, "staging")
    change(world, "site")
    with pytest.raises(GateClosed) as caught:
        provision(world, "production")
    assert "roles/site after manual" in caught.value.message
    assert "roles/base" not in f"{caught.value.message}{caught.value.detail}"
    assert "cdconf provision staging" in caught.value.hint
    provision(world, "staging")
    provision(world, "production")


def test_what_roles_share_counts_as_well(world):
    provision(world, "staging")
    (world.root / "templates").mkdir()
    (world.root / "templates/x.j2").write_text("x\n")
    world.commit("a template")
    with pytest.raises(GateClosed, match="templates after manual"):
        provision(world, "production")


def test_what_was_last_applied_here_needs_no_proof(world):
    provision(world, "staging")
    provision(world, "production")
    gone = office_keys.private_file(world.project, "cdconf-stage:manual")
    for one in world.place.entries("statement-"):
        if b"manual" in _payload(world, one.name):
            world.place.delete(one.name)
    gone.unlink()
    assert provision(world, "production").extra["gates"] == []


def test_what_was_applied_here_before_the_last_time_does(world):
    provision(world, "staging")
    provision(world, "production")
    before = (world.root / "roles/site/role.yml").read_text()
    change(world, "site")
    provision(world, "staging")
    provision(world, "production")
    (world.root / "roles/site/role.yml").write_text(before)
    world.commit("back")
    links = provision(world, "production").extra["gates"]
    assert [(one["name"], one["state"]) for one in links] == [("roles/site after manual", "there")]


def _payload(world, name):
    import base64
    import json

    return base64.b64decode(json.loads(world.place.read([name])[name])["payload"])


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"variables": ["x"], "narrowed": "-e"}, "-e sets x, which no commit says"),
        ({}, "not as commit"),
    ],
)
def test_what_no_commit_says_is_not_provisioned(world, about, why):
    provision(world, "staging")
    if not about:
        (world.root / "roles/base/role.yml").write_text("resources: []\n")
    with pytest.raises(GateClosed, match=why):
        provision(world, "production", **about)


def test_a_part_of_the_environment_proves_nothing(world):
    provision(world, "staging", narrowed="--limit")
    assert any("--limit leaves something out" in one.message for one in world.told if isinstance(one, Notice))
    with pytest.raises(GateClosed):
        provision(world, "production")


def test_it_can_be_overridden_and_a_proof_heals_that(world):
    provision(world, "production", REASON)
    found = overridden(Evidence.of(world.project, world.told.append), world.environment())
    assert [(one.what, one.is_healed) for one in found] == [("provision", False)]
    provision(world, "staging")
    found = overridden(Evidence.of(world.project, world.told.append), world.environment())
    assert [one.is_healed for one in found] == [True]


def test_a_copy_of_what_the_stage_copies_speaks_for_that_stage(world):
    hosts = world.root / "inventories/production/hosts.yml"
    hosts.write_text(hosts.read_text().replace("[manual]", "[acceptance]"))
    world.commit("ask for acceptance")
    with pytest.raises(GateClosed, match="after acceptance") as caught:
        provision(world, "production")
    assert "cdconf provision --copy-of production --name try-1" in caught.value.hint


def test_the_command_is_refused_before_any_host_is_asked(world):
    result = cdconf(world.root, "provision", "production")
    assert result.returncode == 3
    assert "roles/base after manual: nobody has said" in result.stderr
    assert cdconf(world.root, "plan", "production", "--limit", "web1").returncode != 3


def test_a_commit_that_lacks_a_role_proves_nothing(world):
    git(world.root, "rm", "-rq", "--cached", "roles/site")
    (world.root / ".gitignore").write_text(".cdconf/\nroles/site/\n")
    git(world.root, "add", ".gitignore")
    git(world.root, "commit", "-qm", "lose a role")
    with pytest.raises(GateClosed):
        provision(world, "production")


def test_of_two_stages_that_copy_the_same_the_one_speaks_that_it_is_a_part_of(world):
    config = world.root / "cdconf.yml"
    stages = "  - {stage: acceptance, copy_of: production}\n"
    config.write_text(config.read_text().replace(stages, f"{stages}  - {{stage: load, copy_of: production}}\n"))
    world.commit("load")
    world.hire("stage:load")
    copy = ".cdconf/throwaway/try-1"
    lifetime = "created: 2027-03-31T08:00:00Z\nexpires: 2027-03-31T12:00:00Z\n"
    hosts = "copy_of: production\nprovider: docker\n"
    write(world.root, {f"{copy}/hosts.yml": hosts, f"{copy}/lifetime.yml": lifetime})
    provision(world, "try-1", stage="load")
    assert "passed stage 'load'" in world.told[-1].message
    provision(world, "try-1")
    assert "passed stage 'acceptance'" in world.told[-1].message


def test_what_a_link_in_a_role_leads_to_counts_as_well(world):
    """The role's own tree has nothing but the link's name and target."""
    write(world.root, {"common/motd": "hello\n", "common/deep/more": "more\n", "aside/last": "1\n"})
    (world.root / "common/deep/last").symlink_to("../../aside/last")
    (world.root / "roles/site/files").mkdir()
    (world.root / "roles/site/files/common").symlink_to("../../../common")
    world.commit("a link")
    provision(world, "staging")
    provision(world, "production")
    for place, name in (
        ("common/motd", "roles/site/files/common"),
        ("aside/last", "roles/site/files/common/deep/last"),
    ):
        (world.root / place).write_text("changed\n")
        world.commit("change what's behind it")
        with pytest.raises(GateClosed, match=f"{name} after manual: nobody has said"):
            provision(world, "production")
        provision(world, "staging")
        provision(world, "production")


def test_a_link_to_what_no_commit_has_proves_nothing(world):
    (world.root / "roles/site/files").mkdir()
    (world.root / "roles/site/files/motd").symlink_to("../../../common/motd")
    world.commit("a link")
    write(world.root, {"common/motd": "nobody has committed that\n"})
    assert "statements" not in provision(world, "staging").extra
    with pytest.raises(GateClosed, match="roles/site/files/motd is a link to something that isn't in commit"):
        provision(world, "production")


@pytest.mark.parametrize("place", [".gitattributes", "roles/.gitattributes"])
def test_what_git_makes_of_files_in_a_work_tree_counts_as_well(world, place):
    """Another encoding makes another file of the same blob."""
    provision(world, "staging")
    write(world.root, {place: "*.j2 working-tree-encoding=UTF-16LE\n"})
    world.commit("attributes")
    with pytest.raises(GateClosed, match=rf"{place} after manual: nobody has said"):
        provision(world, "production")
    provision(world, "staging")
    provision(world, "production")


def test_what_no_commit_has_behind_a_link_counts_as_well(world):
    write(world.root, {"common/motd": "hello\n"})
    (world.root / "roles/site/files").symlink_to("../../common")
    world.commit("a link")
    provision(world, "staging")
    provision(world, "production")
    write(world.root, {"common/more": "nobody has committed that\n", "common/__pycache__/x.pyc": ""})
    assert "statements" not in provision(world, "staging").extra
    with pytest.raises(GateClosed, match=r"says: roles/site/files/more \(not in git, behind a link\)\Z"):
        provision(world, "production")
