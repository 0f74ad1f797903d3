"""What only cdconf has: the agent's size, its start, and its own time for a large catalog."""

import statistics
import time
from dataclasses import dataclass

import paramiko
from fleet import Fleet

from cdconf.catalog import Compiler
from cdconf.engine import Fleet as Sessions
from cdconf.engine import RunIdentity
from cdconf.inventory import Host
from cdconf.session import Connector
from cdconf.session.bundle import bundle

TIMES = 5


@dataclass(frozen=True)
class Figures:
    """Sizes in bytes, times in seconds; each time is the median of five."""

    agent_bytes: int
    boot: float
    resources: int
    apply: float


def measure(fleet: Fleet) -> Figures:
    """Measures on the host `large`, which was provisioned, so that the agent is cached there."""
    large = fleet.others["large"]
    compiler = Compiler(fleet.project, fleet.environment)
    connector = _connector(fleet)
    try:
        boot = statistics.median(_boot(connector, large) for _ in range(TIMES))
    finally:
        connector.close()
    with Sessions(_connector(fleet), fleet.environment, RunIdentity("bench"), _ignored) as sessions:
        for error in sessions.connect([large], lease=True).values():
            raise error
        session = sessions.sessions["large"]
        catalog = compiler.compile(large, session.facts.mapping)
        applied = []
        for _ in range(TIMES):
            began = time.perf_counter()
            result = session.converge(catalog.document(), check=False, on_event=lambda event: None)
            applied.append(time.perf_counter() - began)
            if result["failed"] or set(result["counts"]) != {"ok"}:
                raise RuntimeError(f"the catalog of 300 resources isn't applied: {result['counts']}")
    return Figures(len(bundle().data), boot, sum(result["counts"].values()), statistics.median(applied))


def _connector(fleet: Fleet) -> Connector:
    return Connector(fleet.project, fleet.environment, _ignored)


def _ignored(event: object) -> None:
    """Where events go that nobody reads."""


def _boot(connector: Connector, large: Host) -> float:
    """How much longer it takes to a session than to the end of `true`, by the same library: interpreter, zip, state."""
    began = time.perf_counter()
    connector.connect(large, _ignored).close()
    session = time.perf_counter() - began
    began = time.perf_counter()
    _run_true(large)
    return session - (time.perf_counter() - began)


def _run_true(host: Host) -> None:
    client = paramiko.SSHClient()
    client.load_system_host_keys(host.ssh.known_hosts or None)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    with client:
        client.connect(
            host.ssh.address or host.name,
            host.ssh.port or 22,
            host.ssh.user or "root",
            key_filename=host.ssh.identity_file,
            look_for_keys=False,
            allow_agent=False,
        )
        _, stdout, _ = client.exec_command("true")
        stdout.channel.recv_exit_status()
