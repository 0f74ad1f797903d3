"""Migrations run once, are remembered by every host, and shut out what needs the old shape; on the agent's own code."""

from types import SimpleNamespace

import pytest

from cdconf.databases.applied_migrations import Shape
from cdconf.databases.migrate import MigrationFailed, Migrations
from cdconf.deploy.contract import Contract, ContractOptions
from cdconf.deploy.contract_each import EachContract
from cdconf.deploy.host_failure import failure_of
from cdconf.errors import DIFFERENT, OK, GateClosed, Unreachable
from cdconf.events import Notice
from cdconf.inventory.model import Migrate
from tests.deploy.paper_hosts import PaperFleet, app_of


class World:
    """Two hosts, one app, and a file in which its migrations write."""

    def __init__(self, folder):
        self.log = folder / "log"
        self.log.touch()
        self.fleet = PaperFleet(folder, ["a", "b"])
        self.a, self.b = self.fleet.sessions.values()
        self.app = self.made()
        self.events = []

    def made(self, expand="echo expand $(cat VERSION)", contract="echo contract $(cat VERSION)"):
        """The app with these commands."""
        return app_of(*(one and f"{one} >> {self.log}" for one in (expand, contract)))

    def migrations(self):
        return Migrations(self.fleet, self.app, self.app.document(), self.events.append)

    def artifact(self, version):
        name, about = next(
            (name, one) for name, one in self.a.ledger().page["releases"].items() if one["version"] == version
        )
        return SimpleNamespace(tree=about["tree"], release=name, version=version, archive=about["archive"])

    def expand(self, version):
        """Stages a version everywhere, and expands for it; returns the errors."""
        for session in self.fleet.sessions.values():
            if not any(one["version"] == version for one in session.ledger().page["releases"].values()):
                session.stage(version)
        return self.migrations().expand(self.artifact(version), "a")

    def deploy(self, version):
        assert self.expand(version) == {}
        return self.fleet.deploy(version)

    def contract(self, **options):
        facts = {}
        code = Contract(
            self.fleet, self.app, self.fleet.hosts, self.events.append, ContractOptions(**options), facts
        ).run()
        return code, facts

    def shape(self):
        return Shape.of(self.fleet.pages(self.app))

    def ran(self):
        return self.log.read_text().splitlines()

    def notices(self):
        return [one.message for one in self.events if isinstance(one, Notice)]

    def admit(self, version):
        self.shape().check_deploy(self.app, self.artifact(version))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_an_expand_runs_once_and_every_host_knows(world):
    assert world.expand("1") == {}
    assert world.expand("1") == {}
    assert world.ran() == ["expand 1"]
    assert "it isn't run again" in world.notices()[-1]
    for session in (world.a, world.b):
        (entry,) = session.call("app.status", app=world.app.document())["migrations"]
        assert (entry["phase"], entry["state"], entry["host"], entry["status"]) == ("expand", "done", "a", 0)
        assert entry["ended"] >= entry["began"] > 1e9


def test_the_loss_of_the_host_that_ran_it_forgets_nothing(world):
    world.expand("1")
    world.a.store.write("migrations.json", {})
    world.expand("1")
    assert world.ran() == ["expand 1"]
    assert world.a.store.read("migrations.json") == world.b.store.read("migrations.json")


def test_a_new_host_learns(world, tmp_path):
    world.expand("1")
    world.b.store.remove("migrations.json")
    world.deploy("2")
    assert [one["version"] for one in world.b.store.read("migrations.json")["app"]] == ["1", "2"]


def test_a_controller_that_died_before_it_heard_does_not_run_it_twice(world):
    """The host that ran it wrote down how it ended."""
    world.a.cut_after = "migrations.run"
    errors = world.expand("1")
    assert isinstance(errors["a"], Unreachable)
    assert not failure_of(errors["a"]).verdict
    world.a.silent, world.a.cut_after = False, None
    assert world.expand("1") == {}
    assert world.ran() == ["expand 1"]


def test_one_whose_end_nobody_knows_runs_again_and_that_is_said(world):
    world.expand("1")
    (entry,) = world.a.store.read("migrations.json")["app"]
    for session in (world.a, world.b):
        session.store.write("migrations.json", {"app": [{**entry, "state": "begun", "ended": None}]})
    assert world.expand("1") == {}
    assert world.ran() == ["expand 1", "expand 1"]
    assert "was begun on a" in world.notices()[-1]
    assert world.shape().done("expand", entry["tree"], world.app.migrate.expand)["number"] == 2


def test_a_failure_is_a_verdict_with_its_output_and_is_tried_again(world):
    world.app = world.made("echo oh no >&2; exit 3; true")
    (error,) = world.expand("1").values()
    assert isinstance(error, MigrationFailed)
    assert (error.message, error.host) == ("the expand migration failed", "a")
    assert error.detail == "exit status: 3\noh no"
    assert failure_of(error).verdict
    assert [one["state"] for one in world.b.store.read("migrations.json")["app"]] == ["failed"]
    world.app = world.made()
    assert world.expand("1") == {}
    assert world.ran() == ["expand 1"]


def test_one_that_takes_too_long_is_a_verdict(world):
    world.app = app_of("sleep 20", None)
    world.app.migrate = type(world.app.migrate)("sleep 20", None, 0.2)
    (error,) = world.expand("1").values()
    assert "is still running after 0.2 s" in error.message
    assert failure_of(error).verdict
    assert world.shape().last("expand")["state"] == "failed"


def test_one_that_cannot_be_started_is_no_verdict(world):
    world.app.env_file = "/nowhere/env"
    (error,) = world.expand("1").values()
    assert "/nowhere/env" in error.message
    assert not failure_of(error).verdict


def test_another_command_is_another_migration(world):
    world.expand("1")
    world.app = world.made("echo mended")
    world.expand("1")
    assert world.ran() == ["expand 1", "mended"]
    assert [one["order"] for one in world.shape().entries] == [1]


def test_hosts_of_other_groups_are_left_alone(world):
    world.b.host.groups = ("lb",)
    world.b.calls.clear()
    world.b.silent = True
    world.a.stage("1")
    assert world.migrations().expand(world.artifact("1"), "a") == {}
    assert world.b.calls == []


def test_a_host_that_cannot_be_told_stops_the_deployment_without_a_verdict(world):
    world.b.cut_after = "migrations.memory"
    errors = world.expand("1")
    assert isinstance(errors["b"], Unreachable)
    assert world.ran() == []


def test_the_contract_of_the_only_release_runs_once(world):
    world.deploy("1")
    code, facts = world.contract()
    assert (code, facts["state"], facts["version"], facts["forgotten"]) == (OK, "ran", "1", {})
    assert facts["migration"]["state"] == "done"
    code, facts = world.contract()
    assert (code, facts["state"]) == (OK, "ran_before")
    assert world.ran() == ["expand 1", "contract 1"]
    assert world.a.store.read("migrations.json") == world.b.store.read("migrations.json")


def test_it_is_refused_while_a_host_could_go_back_and_says_which_and_what_to_do(world):
    old = world.deploy("1")
    world.deploy("2")
    with pytest.raises(GateClosed, match=f"a to {old}; b to {old}") as caught:
        world.contract()
    assert "cdconf contract app --env dev --forget-older" in caught.value.hint
    assert world.ran() == ["expand 1", "expand 2"]
    assert world.a.verified() == ["1", "2"]


def test_one_host_that_could_go_back_is_enough(world):
    world.deploy("1")
    world.deploy("2")
    world.b.ledger()
    page = world.b.ledger()
    page.page["verified"] = page.page["verified"][-1:]
    page.save()
    with pytest.raises(GateClosed, match=r"removes: a to 1-[0-9a-f]+$"):
        world.contract()


def test_what_is_given_up_is_out_of_every_rollback(world):
    old = world.deploy("1")
    world.deploy("2")
    assert world.contract(forget_older=True)[1]["forgotten"] == {"a": [old], "b": [old]}
    assert world.ran()[-1] == "contract 2"
    assert world.a.verified() == world.b.verified() == ["2"]
    pages = world.fleet.pages(world.app)
    with pytest.raises(GateClosed, match=r"needs the database's old shape: the contract of 2 ran on a at "):
        world.shape().check_rollback(world.app, pages, old)
    with pytest.raises(GateClosed, match="old shape"):
        world.shape().check_version(world.app, "1")
    with pytest.raises(GateClosed, match="old shape"):
        world.admit("1")
    assert "the contract of 2 ran on a" in world.shape().why_no_further()


def test_what_comes_after_a_contract_deploys_rolls_back_and_contracts_as_ever(world):
    world.deploy("1")
    world.deploy("2")
    world.contract(forget_older=True)
    world.admit("2")
    third = world.deploy("3")
    world.admit("3")
    fourth = world.deploy("4")
    for release in (third, fourth):
        world.shape().check_rollback(world.app, world.fleet.pages(world.app), release)
    world.shape().check_version(world.app, "3")
    world.contract(forget_older=True)
    with pytest.raises(GateClosed, match="contract of 4"):
        world.admit("3")
    assert world.ran()[-1] == "contract 4"


def test_a_release_that_was_expanded_but_never_ran_is_newer_and_stays_allowed(world):
    world.deploy("1")
    world.expand("2")  # interrupted then
    world.contract()
    world.admit("2")
    assert world.deploy("2")
    assert world.ran() == ["expand 1", "expand 2", "contract 1"]


def test_a_hotfix_of_an_older_release_is_shut_out_though_it_was_expanded_later(world):
    """2 was expanded and failed, 1.1 was built from 1, then 2 was deployed after all."""
    world.deploy("1")
    world.expand("2")
    world.deploy("1.1")
    world.deploy("2")
    world.contract(forget_older=True)
    for version in ("1", "1.1"):
        with pytest.raises(GateClosed, match="old shape"):
            world.admit(version)


def test_trying_an_old_release_again_makes_it_no_newer(world):
    world.deploy("1")
    world.deploy("2")
    world.app = world.made("echo another")
    world.expand("1")
    world.contract(forget_older=True)
    with pytest.raises(GateClosed, match="old shape"):
        world.admit("1")


def test_a_release_of_which_nothing_is_known_is_too_old_to_go_back_to(world):
    old = world.fleet.deploy("0")  # by a version of cdconf that remembered no migrations
    world.fleet.deploy("1")
    world.contract(forget_older=True)
    with pytest.raises(GateClosed, match="old shape"):
        world.shape().check_rollback(world.app, world.fleet.pages(world.app), old)


@pytest.mark.parametrize("how", ["different", "interrupted", "moved", "none"])
def test_it_is_refused_unless_all_hosts_run_one_verified_release(world, how):
    if how != "none":
        world.deploy("1")
    if how == "different":
        world.b.deploy("2")
        reason = r"don't run the same release.*a runs 1-\w+, b runs 2-\w+"
    elif how == "interrupted":
        world.b.ledger().activating(world.b.stage("2")[0], "r9")
        reason = "b doesn't run what was verified there: an interrupted deployment: 2-"
    elif how == "moved":
        (world.b.path / "current").unlink()
        reason = r"b doesn't run what was verified there: current: \(none\) -> 1-"
    else:
        reason = "no host of 'app' has a verified release"
    with pytest.raises(GateClosed, match=reason) as caught:
        world.contract(forget_older=True)
    assert caught.value.hint
    assert "contract" not in " ".join(world.ran())


def test_a_host_that_never_had_a_release_does_not_stand_in_the_way(world):
    world.deploy("1")
    world.b.store.remove("ledger.json")
    (world.b.path / "current").unlink()
    assert world.contract()[0] == OK
    assert world.ran()[-1] == "contract 1"


def test_it_does_not_run_from_files_that_were_changed_by_hand(world):
    name = world.deploy("1")
    (world.a.path / "releases" / name / "VERSION").write_text("1, mended")
    with pytest.raises(GateClosed, match=r"a: the files of 1-\w+ were changed by hand: changed: VERSION"):
        world.contract()
    assert world.ran() == ["expand 1"]


def test_check_shows_and_changes_nothing(world):
    old = world.deploy("1")
    world.deploy("2")
    with pytest.raises(GateClosed):
        world.contract(check=True)
    before = world.a.store.read("migrations.json"), world.a.store.read("ledger.json")
    code, facts = world.contract(check=True, forget_older=True)
    assert (code, facts["state"], facts["forgotten"]) == (DIFFERENT, "would_run", {"a": [old], "b": [old]})
    assert (world.a.store.read("migrations.json"), world.a.store.read("ledger.json")) == before
    assert world.ran() == ["expand 1", "expand 2"]
    world.contract(forget_older=True)
    assert world.contract(check=True)[0] == OK


def test_a_contract_that_failed_pins_down_the_shape_and_is_run_again(world):
    world.deploy("1")
    world.deploy("2")
    world.app = world.made(contract="echo half; exit 1; true")
    with pytest.raises(MigrationFailed, match="the contract migration failed"):
        world.contract(forget_older=True)
    assert world.a.verified() == ["2"]
    with pytest.raises(GateClosed, match="the contract of 2 failed on a"):
        world.admit("1")
    world.app = world.made()
    assert world.contract()[1]["state"] == "ran"
    assert world.shape().last("contract")["forgotten"] == [world.artifact("1").tree]


def test_before_a_contract_runs_every_host_knows(world):
    """So that the loss of the one that ran it doesn't open the way back."""
    world.deploy("1")
    world.deploy("2")
    world.a.cut_after = "migrations.run"
    with pytest.raises(Unreachable):
        world.contract(forget_older=True)
    entries = world.b.store.read("migrations.json")["app"]
    assert (entries[-1]["phase"], entries[-1]["state"]) == ("contract", "begun")
    assert Shape({"b": entries}).barred_by(world.artifact("1").tree, unknown=True)
    world.a.silent, world.a.cut_after = False, None
    assert world.contract()[1]["state"] == "ran_before"
    assert world.ran().count("contract 2") == 1
    assert world.b.store.read("migrations.json") == world.a.store.read("migrations.json")


def test_nothing_is_run_while_a_host_is_silent(world):
    world.deploy("1")
    world.b.silent = True
    with pytest.raises(Unreachable):
        world.contract()
    assert world.ran() == ["expand 1"]


def test_a_release_whose_expand_failed_is_not_contracted(world):
    world.fleet.deploy("1")
    world.app = world.made("false")
    world.expand("1")
    with pytest.raises(GateClosed, match="the expand of 1 failed on a"):
        world.contract()


def test_a_restored_database_is_migrated_anew(world):
    world.deploy("1")
    world.deploy("2")
    world.contract(forget_older=True)
    world.migrations().forget()
    world.deploy("1")
    world.deploy("2")
    assert world.ran() == ["expand 1", "expand 2", "contract 2", "expand 1", "expand 2"]
    world.shape().check_version(world.app, "1")


def test_an_app_without_expand_is_contracted_safely_too(world):
    world.app = world.made(expand=None)
    for version in ("1", "2"):
        world.deploy(version)
    world.contract(forget_older=True)
    third = world.deploy("3")
    world.deploy("4")
    assert world.ran() == ["contract 2"]
    assert world.expand("4") == {}
    assert [one for one in world.notices() if "expand" in one] == []
    assert world.shape().last("expand")["ended"] > 1e9
    world.shape().check_rollback(world.app, world.fleet.pages(world.app), third)
    with pytest.raises(GateClosed):
        world.admit("1")


def test_a_contract_shuts_out_what_is_older_also_when_its_release_is_long_forgotten(world):
    for version in ("1", "2"):
        world.deploy(version)
    world.contract(forget_older=True)
    kept = [one for one in world.shape().entries if one["version"] != "2" or one["phase"] == "contract"]
    for session in world.fleet.sessions.values():
        session.store.write("migrations.json", {"app": [{**one, "forgotten": []} for one in kept]})
    with pytest.raises(GateClosed, match="contract of 2"):
        world.admit("1")
    world.expand("3")
    world.admit("3")


def test_old_entries_are_dropped_from_a_long_memory(world):
    entries = [world.shape().next("expand", f"t{n}", f"{n}-x", "c", "a", "r") | {"number": n + 1} for n in range(250)]
    world.a.call("migrations.learn", app=world.app.document(), entries=entries)
    kept = world.a.store.read("migrations.json")["app"]
    assert (len(kept), kept[-1]["tree"]) == (30, "t249")


@pytest.fixture
def each(tmp_path):
    """Two hosts, each with a database of its own."""
    one = World(tmp_path)
    migrate = one.app.migrate
    one.app = app_of(
        migrate.expand, migrate.contract, migrate=Migrate(migrate.expand, migrate.contract, 30.0, each=True)
    )
    return one


def deployed_to(world, version, hosts):
    for session in hosts:
        if not any(one["version"] == version for one in session.ledger().page["releases"].values()):
            session.stage(version)
    assert world.migrations().expand_each(world.artifact(version), [one.host for one in hosts]) == {}
    for session in hosts:
        session.deploy(version)


def test_a_host_with_a_database_of_its_own_expands_it_whatever_the_others_did(each):
    deployed_to(each, "1", [each.a])
    assert each.ran() == ["expand 1"]
    assert each.b.call("migrations.memory", app=each.app.document()) == {"entries": []}
    deployed_to(each, "1", [each.a, each.b])
    assert each.ran() == ["expand 1"] * 2


def test_every_host_contracts_its_own_database_once(each):
    deployed_to(each, "1", [each.a, each.b])
    facts = {}
    run = EachContract(each.fleet, each.app, each.fleet.hosts, each.events.append, ContractOptions(), facts).run
    assert (run(), facts["state"]) == (OK, "ran")
    assert each.ran() == ["expand 1"] * 2 + ["contract 1"] * 2
    assert (run(), facts["state"]) == (OK, "ran_before")
    assert len(each.ran()) == 4
