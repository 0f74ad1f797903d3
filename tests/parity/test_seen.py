"""What the hosts of two environments show."""

import pytest

from cdconf.parity import report
from cdconf.parity.model import Sealed
from cdconf.parity.sealed_values import sealed, unsealed
from tests.parity.conftest import FACTS, KEY, told

CURL = {"version": "7.88.1-10+deb12u12"}
NGINX = {"enabled": True, "running": True}
BOTH = {"package:curl": CURL, "service:nginx": NGINX}


@pytest.fixture
def seen(world):
    """Both environments as wanted; a function changes what one of them shows."""

    def change(staging=None, production=None):
        world.see(staging=BOTH | (staging or {}), production=BOTH | (production or {}))
        return world.compare()

    return change


def test_hosts_that_show_the_same_are_alike(seen):
    assert seen().alike


@pytest.mark.parametrize(
    ("resource", "state", "field", "why"),
    [
        ("package:curl", {"version": "7.88.1-10+deb12u11"}, "version", "no role says what `version` should be"),
        ("package:curl", None, "exists", "not as the files have it in staging"),
        ("service:nginx", {"enabled": True, "running": False}, "running", "no role says what `running`"),
        ("service:nginx", {"enabled": False, "running": True}, "enabled", "not as the files have it in staging"),
        ("service:nginx", "there is no unit 'nginx.service' on this host", "exists", None),
        ("file:/etc/motd", {"content": Sealed("aa")}, "content", "not as the files have it in staging"),
    ],
)
def test_what_was_done_by_hand_is_found(seen, resource, state, field, why):
    found = seen(staging={resource: state})
    name = resource.replace(":", " ", 1)
    assert told(found) == {("resource", name, field)}
    only = found.having("unexplained")[0]
    assert only.seen
    assert (only.why or "").startswith(why or "")
    assert bool(only.why) is bool(why)


def test_a_kernel_parameter_is_found_on_its_group_alone(seen):
    found = seen(production={"sysctl:vm.swappiness": {"value": "60", "at_boot": True}})
    assert told(found) == {("resource", "sysctl vm.swappiness", "value")}
    only = found.having("unexplained")[0]
    assert (only.ours.value, only.theirs.value, only.theirs.hosts) == ("10", "60", ("db1",))
    assert only.why == "not as the files have it in production"


def test_what_both_lack_is_no_difference(seen):
    assert seen(staging={"package:curl": None}, production={"package:curl": None}).alike


def test_what_hosts_have_of_a_declared_difference_is_told_once(world, seen):
    world.write({"inventories/staging/group_vars/all.yml": "threads: 2\n"})
    world.differs = ["{variable: threads, why: small}"]
    found = seen()
    assert found.alike
    assert not [one for one in found.having("declared") if one.seen]
    found = seen(staging={"file:/etc/shop/threads": {"content": "3\n"}})
    assert told(found) == {("resource", "file /etc/shop/threads", "content")}


def test_an_entry_covers_a_field_of_a_resource(world, seen):
    world.differs = ['{resource: "package c*", field: version, why: the mirror is slow}']
    assert seen(staging={"package:curl": {"version": "7"}}).alike
    assert told(seen(staging={"package:curl": None})) == {("resource", "package curl", "exists")}


def test_entries_about_hosts_are_left_open_when_no_host_was_asked(world):
    world.differs = ['{resource: "package curl", field: version, why: x}', "{artifact: shop, why: x}"]
    assert world.compare().alike
    world.see(staging=BOTH, production=BOTH)
    assert len(world.compare().unmatched) == 2


def test_orphans_of_one_side(world, seen):
    left = {"sight": {"orphans": {"file /etc/old": "roles/base/role.yml:9"}}}
    found = seen(production=left)
    assert told(found) == {("orphan", "file /etc/old", None)}
    assert found.having("unexplained")[0].theirs.source == "roles/base/role.yml:9"
    assert seen(staging=left, production=left).alike
    world.differs = ['{resource: "file /etc/old", why: it goes away with the next release}']
    assert seen(production=left).alike


def test_releases_of_an_app(world, seen):
    def running(name, problem=None):
        return {"sight": {"releases": {"shop": {"release": name, "problem": problem}}}}

    found = seen(running("2-abc"), running("1-def"))
    assert told(found) == {("artifact", "shop", "release")}
    assert seen(running("1-def"), running("1-def")).alike
    assert told(seen(running("1-def", "service 'shop' is failed"), running("1-def"))) == {
        ("artifact", "shop", "problem")
    }
    world.differs = ["{artifact: shop, why: staging is ahead}"]
    assert seen(running("2-abc"), running("1-def")).alike


def test_facts_that_say_what_a_host_runs_on_count_and_others_when_they_are_read(world):
    hosts = {("staging", name) for name in ("web1", "web2", "web3", "db1")}
    world.facts = {key: {**FACTS, "memory_mb": 512, "machine_id": "2"} for key in hosts}
    found = world.compare()
    assert found.alike
    assert {("fact", "memory_mb", None), ("fact", "machine_id", None)} <= told(found, "inherent")
    role = world.root / "roles/base/role.yml"
    role.write_text(role.read_text() + "  - file: /etc/size\n    content: '{{ facts.memory_mb }}'\n")
    assert told(world.compare()) == {("fact", "memory_mb", None), ("resource", "file /etc/size", "content")}
    world.differs = ["{fact: memory_mb, why: staging is small}"]
    assert world.compare().alike


def test_a_size_that_the_inventory_gives_explains_what_follows_from_it(world):
    hosts = {("staging", name) for name in ("web1", "web2", "web3", "db1")}
    world.facts = {key: {**FACTS, "memory_mb": 512} for key in hosts}
    role = world.root / "roles/base/role.yml"
    role.write_text(role.read_text() + "  - file: /etc/size\n    content: '{{ facts.memory_mb }}'\n")
    assert not world.compare().alike
    world.scale = "sizes: {all: {memory: 512MiB}}\n"
    found = world.compare()
    assert found.alike
    assert {("fact", "memory_mb", None), ("resource", "file /etc/size", "content")} <= told(found, "declared")
    why = next(one.why for one in found.findings if one.name == "memory_mb")
    assert why == "size: 512 MiB, all processors in staging; all memory, all processors in production"


def test_another_system_is_told_and_explains_other_versions(world, seen):
    newer = {**FACTS, "os": {"id": "debian", "version": "13"}}
    world.facts = {("staging", "db1"): newer}
    assert told(seen()) == {("fact", "os.version", None)}
    world.scale = "hosts:\n  db1: {os: debian-13}\n"
    world.differs = ["{os: debian-13, host: db1, why: it comes next}"]
    world.see(staging=BOTH, production=BOTH)
    sight = world.sights["staging", "db1"]
    states = {**sight.states, "package:curl": {"version": "8"}}
    world.sights["staging", "db1"] = type(sight)(states, sight.orphans, sight.releases)
    found = world.compare()
    assert found.alike, "\n".join(report.lines(found, verbose=False))


def test_a_container_has_its_machine_s_kernel(world):
    world.facts = {
        ("staging", name): {**FACTS, "kernel": "6.1", "virtualisation.container": "docker"} for name in ("web1", "db1")
    } | {("production", name): {**FACTS, "kernel": "5.10"} for name in ("web1", "db1")}
    found = world.compare()
    assert ("fact", "kernel", None) in told(found, "inherent")


def test_a_long_value_that_is_as_wanted_is_the_wanted_one_again():
    text = "x" * 5000
    sent = {"content": {"$sealed": sealed(KEY, text).mac}, "mode": "0644"}
    assert unsealed(KEY, sent, {"content": text, "mode": "0600"}) == {"content": text, "mode": "0644"}
    other = unsealed(KEY, sent, {"content": "y"})
    assert isinstance(other["content"], Sealed)
    secret = sealed(KEY, text)
    assert unsealed(KEY, sent, {"content": secret})["content"] == secret
