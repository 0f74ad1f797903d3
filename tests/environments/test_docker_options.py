"""How containers are started on different engines, and what sizes and ports become there."""

import dataclasses

import pytest

from cdconf.environments.docker.options import (
    Engine,
    are_met,
    first_limits,
    limits,
    limits_of,
    new_limits,
    refuse_engine,
    run_options,
    unlimited,
)
from cdconf.environments.docker.ports import check_published, explain_start, published
from cdconf.errors import ProviderError
from cdconf.inventory import Host, Size

V1 = {"CgroupVersion": "1", "CgroupDriver": "cgroupfs", "SecurityOptions": ["name=seccomp,profile=default"], "NCPU": 2}
V2 = {"CgroupVersion": "2", "CgroupDriver": "systemd", "SecurityOptions": ["name=cgroupns"], "NCPU": 8}
ROOTLESS = {**V2, "SecurityOptions": ["name=seccomp,profile=default", "name=rootless", "name=cgroupns"]}
INIT = ["/sbin/init"]


def test_cgroups_v1_mount_the_machines_tree():
    options = run_options(Engine.of(V1), INIT)
    assert options["volumes"] == ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    assert (options["cgroupns"], options["command"]) == ("host", INIT)
    assert "privileged" not in options


def test_an_old_engine_that_says_nothing_of_cgroups_has_the_first_version():
    assert Engine.of({}).cgroups == 1


@pytest.mark.parametrize("info", [V2, ROOTLESS])
def test_cgroups_v2_show_the_hosts_own_part_only(info):
    options = run_options(Engine.of(info), INIT)
    assert "volumes" not in options  # with a namespace of its own, it would take the machine's root for its own
    assert options["cgroupns"] == "private"
    assert options["command"][:2] == ["/bin/sh", "-c"]
    assert options["command"][3:] == INIT


def test_rootless_engines_are_recognised():
    refuse_engine(Engine.of(V1))
    refuse_engine(Engine.of(ROOTLESS))
    assert Engine.of(ROOTLESS).rootless
    assert not Engine.of(V2).rootless


@pytest.mark.parametrize(
    ("more", "message", "hint"),
    [
        ({"CgroupVersion": "1", "CgroupDriver": "none"}, "with cgroups v1 it can't", "unified_cgroup_hierarchy"),
        ({"CgroupDriver": "none"}, "makes no cgroups", "systemctl --user start docker"),
    ],
)
def test_rootless_engines_on_which_no_systemd_can_run(more, message, hint):
    with pytest.raises(ProviderError, match=message) as caught:
        refuse_engine(Engine.of({**ROOTLESS, **more}))
    assert hint in caught.value.hint


def test_limits():
    limit = limits(Size(512 << 20, 1.5), Engine.of(V1))
    assert first_limits(limit) == {
        "mem_limit": 512 << 20,
        "memswap_limit": 512 << 20,
        "cpu_period": 100_000,
        "cpu_quota": 150_000,
    }
    assert first_limits(limits(Size(), Engine.of(V1))) == {}
    assert first_limits(limits(Size(memory=64 << 20), Engine.of(V1))).keys() == {"mem_limit", "memswap_limit"}


def test_limits_that_are_gone_are_lifted():
    machine = dataclasses.replace(Engine.of(V1), total=8 << 30)
    free, full = limits(Size(), machine), {"mem_limit": 8 << 30, "cpu_quota": -1}
    assert new_limits(free, machine) == {**full, "memswap_limit": 8 << 30, "cpu_period": 100_000}
    assert are_met(free, full, machine)
    assert are_met(free, free, machine)
    assert not are_met(free, {**full, "mem_limit": 4 << 30}, machine)
    assert not are_met(limits(Size(memory=4 << 30), machine), full, machine)


def test_more_processors_than_there_are_is_no_limit_and_is_told():
    size = Size(cpus=8.0)
    assert limits(size, Engine.of(V1))["cpu_quota"] == -1
    assert unlimited(size, Engine.of(V1)) == ["8 processors are wanted, and the Docker engine's machine has 2"]
    assert unlimited(size, Engine.of(V2)) == []


def test_an_engine_that_cannot_limit_says_so():
    weak = Engine.of({**ROOTLESS, "MemoryLimit": False, "CpuCfsQuota": False})
    size = Size(64 << 20, 1.0)
    assert first_limits(limits(size, weak)) == {}
    assert unlimited(size, weak) == [
        "this Docker engine can't limit memory",
        "this Docker engine can't limit processors",
    ]


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"Memory": 0, "CpuQuota": 0, "MemorySwap": 0}, Size()),
        ({"Memory": -1, "CpuQuota": -1, "MemorySwap": -1}, Size()),
        ({"Memory": 512 << 20, "CpuQuota": 150_000, "MemorySwap": -1}, Size(512 << 20, 1.5)),
    ],
)
def test_what_a_container_has_is_compared_with_what_it_should_have(config, size):
    assert limits_of({"HostConfig": config}) == limits(size, Engine.of(V1))


def host(publish=(), fixed=()):
    return Host("web1", ("web",), publish=publish, fixed_ports=fixed, file="hosts.yml", line=3)


def test_published_ports_as_one_text():
    assert published(host((443, 80), ((443, 8443),))) == "80, 8443:443"
    assert published(host((22,))) == ""
    assert published(host((22,), ((22, 2222),))) == "2222:22"


def test_ports_that_changed_are_refused_with_the_way_out():
    check_published(host((80,)), "80", "c", "dev")
    check_published(host((80,)), None, "c", "dev")
    with pytest.raises(
        ProviderError, match=r"hosts\.yml:3: web1: its container publishes 80, and .* wants 80, 443"
    ) as caught:
        check_published(host((80, 443)), "80", "c", "dev")
    assert "docker rm -fv c" in caught.value.hint


@pytest.mark.parametrize(
    "said",
    [
        "driver failed programming external connectivity on endpoint c (8f): Bind for 127.0.0.1:8080 failed: port is "
        "already allocated",
        "driver failed: Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use",
    ],
)
def test_a_port_in_use_is_named(said):
    error = explain_start(said, host((80,), ((80, 8080),)))
    assert (
        str(error) == "hosts.yml:3: web1: port 8080 of this machine, which it publishes for its port 80 on, is in use"
    )


def test_another_reason_is_told_as_it_is():
    assert "no space left" in str(explain_start("no space left on device", host()))
