"""How a host's container is started on an engine: what its init needs differs with cgroups and rootless Docker.

Pure: an engine's description goes in, the docker package's keyword arguments come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdconf.errors import ProviderError
from cdconf.inventory import Size

_PERIOD = 100_000  # microseconds, the kernel's default (cgroups(7), cpu.max)
_ALL = -1
SYSTEMD_STOP = "SIGRTMIN+3"
ROOTLESS = (
    "this Docker engine is rootless: on its hosts, roles can't set kernel parameters, load modules or mount devices"
)


@dataclass(frozen=True)
class Engine:
    """What of a Docker engine matters here.

    `driver` is what it makes cgroups with; none: it makes none. `memory` and `quota`: whether it can limit memory and
    processor time. `cpus` is how many processors its machine has, `total` how many bytes of memory; 0: it doesn't say.
    """

    cgroups: int
    driver: str
    rootless: bool
    cpus: int
    memory: bool = True
    quota: bool = True
    total: int = 0

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Engine:
        """From the engine's answer to `GET /info`."""
        security = info.get("SecurityOptions") or []
        return cls(
            cgroups=2 if str(info.get("CgroupVersion") or "1") == "2" else 1,
            driver=str(info.get("CgroupDriver") or "none"),
            rootless=any("rootless" in option for option in security),
            cpus=int(info.get("NCPU") or 1),
            memory=bool(info.get("MemoryLimit", True)),
            quota=bool(info.get("CpuCfsQuota", True)),
            total=int(info.get("MemTotal") or 0),
        )


def run_options(engine: Engine, command: Sequence[str], stop: str = SYSTEMD_STOP) -> dict[str, Any]:
    """What a container needs so that an init can run in it.

    An init wants cgroups, mounts and namespaces of its own; --privileged would give it the whole machine. With cgroups
    v1 it finds its place in the machine's tree, which is mounted for it. With v2 its cgroup namespace shows nothing but
    its own part, which Docker mounts read-only: it's made writable before the init begins.

    Args:
        engine: The engine; see `refuse_engine`, too.
        command: The init.
        stop: The signal by which it shuts down.
    """
    options: dict[str, Any] = {
        "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "tmpfs": {"/run": "", "/run/lock": ""},
        "environment": {"container": "docker"},
        "entrypoint": [],
        "command": list(command),
        "stop_signal": stop,
    }
    if engine.cgroups == 1:
        options |= {"volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"], "cgroupns": "host"}
    else:
        script = 'mount -o remount,rw /sys/fs/cgroup && exec "$0" "$@"'
        options |= {"cgroupns": "private", "command": ["/bin/sh", "-c", script, *command]}
    return options


def refuse_engine(engine: Engine) -> None:
    """Refuses an engine on which no systemd can run.

    Raises:
        ProviderError: It's one.
    """
    if not engine.rootless:
        return
    if engine.cgroups == 1:
        raise ProviderError(
            "this Docker engine is rootless, and with cgroups v1 it can't run a host's systemd",
            hint="boot the machine with cgroups v2 (systemd.unified_cgroup_hierarchy=1), or use an engine run by root",
        )
    if engine.driver == "none":
        raise ProviderError(
            "this Docker engine is rootless and makes no cgroups, which a host's systemd needs",
            hint="start it as a user service (`systemctl --user start docker`, `loginctl enable-linger`), so that "
            "systemd hands it a part of the tree",
        )


def limits(size: Size, engine: Engine) -> dict[str, int]:
    """A size as the engine takes it, also for a container that runs; -1 is no limit. See `unlimited`, too."""
    memory = _ALL if size.memory is None or not engine.memory else size.memory
    full = size.cpus is None or size.cpus >= engine.cpus or not engine.quota
    return {"mem_limit": memory, "cpu_quota": _ALL if full else int((size.cpus or 0) * _PERIOD)}


def unlimited(size: Size, engine: Engine) -> list[str]:
    """What of a size this engine can't see to."""
    missing = []
    if size.memory is not None and not engine.memory:
        missing.append("this Docker engine can't limit memory")
    if size.cpus is not None and not engine.quota:
        missing.append("this Docker engine can't limit processors")
    elif size.cpus is not None and size.cpus > engine.cpus:
        missing.append(f"{size.cpus:g} processors are wanted, and the Docker engine's machine has {engine.cpus}")
    return missing


def limits_of(container: Mapping[str, Any]) -> dict[str, int]:
    """The limits that a container has, from what `inspect` says of it; in the form of `limits`."""
    config = container.get("HostConfig") or {}
    memory, quota = int(config.get("Memory") or 0), int(config.get("CpuQuota") or 0)
    return {"mem_limit": memory if memory > 0 else _ALL, "cpu_quota": quota if quota > 0 else _ALL}


def are_met(wanted: Mapping[str, int], found: Mapping[str, int], engine: Engine) -> bool:
    """Whether a container has the limits that it should have; all of the machine's memory is no limit."""
    memory = _ALL if 0 < engine.total <= found["mem_limit"] else found["mem_limit"]
    return dict(wanted) == {**found, "mem_limit": memory}


def new_limits(limit: Mapping[str, int], engine: Engine) -> dict[str, int]:
    """Limits as arguments of an update. Swap isn't added to the memory: who has 512 MiB gets no more of anything.

    A limit on memory can't be taken away from a container (moby 20.10's `verifyContainerResources` refuses -1, and
    cgroups v1 a larger limit for both than for memory first): it gets all of the machine's instead.
    """
    return _every(limit if limit["mem_limit"] != _ALL else {**limit, "mem_limit": engine.total})


def first_limits(limit: Mapping[str, int]) -> dict[str, int]:
    """Limits as arguments of a creation, where those that are none aren't given at all."""
    given = {name: value for name, value in _every(limit).items() if value != _ALL}
    if "cpu_quota" not in given:
        del given["cpu_period"]
    return given


def _every(limit: Mapping[str, int]) -> dict[str, int]:
    return {**limit, "memswap_limit": limit["mem_limit"], "cpu_period": _PERIOD}
