"""The vagrant provider: hosts as machines of the project's Vagrantfile, made by hand or by `provision` alike."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.environments.host_keys import first_answer_counts, shown_key, shown_keys
from cdconf.environments.provider import HostCounts
from cdconf.environments.vagrant import containers as vagrant_containers
from cdconf.environments.vagrant import state as vagrant_state
from cdconf.environments.vagrant.output import MachineLogin, OutputLine, logins, said, states
from cdconf.environments.vagrant.program import LONG, Vagrant
from cdconf.environments.vagrant.state import KnownMachine, machine_name
from cdconf.errors import NotMade, ProviderError, Unreachable
from cdconf.events import Emit, HostStep, Step
from cdconf.inventory import Ssh

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host, Project

RUNNING = "running"
_OFF = ("not_created", "poweroff", "aborted", "shutoff", "stopped")  # in its providers' words: without processes
DOCKER = "docker"


class VagrantProvider:
    """See `Provider`.

    Starting Vagrant takes seconds, so that a machine which still proves to be the one that was met where it was last
    met is used as it is; Vagrant is asked about the others.
    """

    def __init__(self, project: Project, environment: Environment) -> None:
        self._environment = environment
        self._root = project.home
        self._folder = project.data / "environments" / environment.name
        self._vagrant = Vagrant(project.root, environment.name)
        self._lock = threading.RLock()  # hosts that reboot are asked for by several threads
        self._states: dict[str, str] = {}

    def ensure(self, hosts: Sequence[Host], emit: Emit) -> dict[str, Host]:
        found = self._proven(host.name for host in hosts)
        lacking = [host for host in hosts if host.name not in found]
        if lacking:
            self._up(lacking, emit)
            with self._lock:
                found |= self._met([host.name for host in lacking], new=True)
        for host in lacking:
            if host.name not in found:
                raise ProviderError("Vagrant says that the machine runs, but not how to reach it", host=host.name)
        return self._located(hosts, found)

    def locate(self, hosts: Sequence[Host]) -> dict[str, Host]:
        found = self._proven(host.name for host in hosts)
        made = vagrant_state.made(self._root, self._environment.name)
        rest = [host.name for host in hosts if host.name not in found and host.name in made]
        if rest:
            self._states |= self._asked_states(rest)
            with self._lock:
                found |= self._met([name for name in rest if self._states.get(name) == RUNNING], new=False)
        return self._located(hosts, found)

    def absence(self, host: Host) -> Unreachable:
        hint = f"run `cdconf provision {self._environment.name}`"
        machine = machine_name(self._environment.name, host.name)
        made = vagrant_state.made(self._root, self._environment.name).get(host.name)
        if made is None:
            return NotMade("the host doesn't exist", host=host.name, hint=hint)
        state = self._states.get(host.name) or self._asked_states([host.name]).get(host.name, "unknown")
        if state != RUNNING:
            message = f"the host doesn't run: Vagrant's machine {machine} is in the state '{state}'"
            return Unreachable(message, host=host.name, hint=f"{hint}, or `vagrant up {machine}`")
        known = vagrant_state.recall(self._folder).get(host.name)
        if known is None or known.id != made.id:
            message = f"the machine {machine} was made since the last provision, so its ssh host key isn't known"
            return Unreachable(message, host=host.name, hint=hint)
        return Unreachable(f"the ssh server of the machine {machine} doesn't answer", host=host.name, hint=hint)

    def unused(self, hosts: Sequence[Host]) -> set[str]:
        made = vagrant_state.made(self._root, self._environment.name)
        there = [host.name for host in hosts if host.name in made]
        states = self._asked_states(there) if there else {}
        return {host.name for host in hosts if host.name not in made or states.get(host.name) in _OFF}

    def standing(self) -> HostCounts:
        made = vagrant_state.made(self._root, self._environment.name)
        running = len(self._proven(made))
        if running < len(made):
            running = sum(state == RUNNING for state in self._asked_states(list(made)).values())
        since = min((machine.since for machine in made.values()), default=None)
        return HostCounts(
            wanted=len(self._environment.hosts),
            made=len(made),
            running=running,
            created=datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds") if since else None,
            published=vagrant_containers.published(made) if self._uses_docker() else None,
        )

    def destroy(self, emit: Emit) -> list[str]:
        environment, containers = self._environment.name, self._uses_docker()
        removed = sorted(vagrant_state.made(self._root, environment))
        if removed:
            emit(Step(f"vagrant destroy: {', '.join(removed)}"))
            machines = [machine_name(environment, host) for host in removed]
            self._vagrant.run("destroy", "--force", *machines, limit=LONG, hear=self._teller(emit))
        left = sorted(vagrant_state.made(self._root, environment))
        if left:
            raise ProviderError(f"Vagrant has left machines behind: {', '.join(left)}", hint="see `vagrant status`")
        if containers:
            removed += vagrant_containers.remove_all(self._root, environment)
        for folder in vagrant_state.folders(self._root, environment).values():
            shutil.rmtree(folder)
        if self._folder.is_dir():
            shutil.rmtree(self._folder)
        return removed

    def _uses_docker(self) -> bool:
        """Whether these machines are containers, as far as anybody has said or done so."""
        made = vagrant_state.made(self._root, self._environment.name).values()
        wished = os.environ.get("VAGRANT_DEFAULT_PROVIDER") or self._environment.vagrant.provider
        return DOCKER in {machine.provider for machine in made} or (wished == DOCKER and not made)

    def _up(self, lacking: Sequence[Host], emit: Emit) -> None:
        self._vagrant.check()
        made = vagrant_state.made(self._root, self._environment.name)
        new = [host for host in lacking if host.name not in made]
        names = [host.name for host in lacking]
        if self._uses_docker():
            vagrant_containers.prepare(new, emit)
        elif new:  # those that run learn the new ones' names
            names += [name for name in self._proven(self._environment.hosts) if name not in names]
        emit(Step(f"vagrant up: {', '.join(names)}"))
        machines = [machine_name(self._environment.name, name) for name in names]
        self._vagrant.run("up", *machines, limit=LONG, hear=self._teller(emit))
        if new and self._uses_docker():
            made = vagrant_state.made(self._root, self._environment.name)
            vagrant_containers.sweep(self._root, self._environment.name, {n: made[n] for n in names if n in made})

    def _teller(self, emit: Emit) -> Callable[[OutputLine], None]:
        prefix = machine_name(self._environment.name, "")

        def tell(line: OutputLine) -> None:
            words = said(line)
            if words and line.target.startswith(prefix):
                emit(HostStep(line.target.removeprefix(prefix), words))

        return tell

    def _proven(self, names: Iterable[str]) -> dict[str, KnownMachine]:
        """Those that prove, at the address where they were last met, to have the host key that they had then."""
        known = vagrant_state.recall(self._folder)
        made = vagrant_state.made(self._root, self._environment.name)
        wanted = {name: known[name] for name in names if name in known and name in made}
        wanted = {name: machine for name, machine in wanted.items() if machine.id == made[name].id}
        keys = shown_keys((machine.address, machine.port) for machine in wanted.values())
        return {name: machine for (name, machine), key in zip(wanted.items(), keys, strict=True) if key == machine.key}

    def _asked_states(self, names: Sequence[str]) -> dict[str, str]:
        """What Vagrant says of machines: host -> state."""
        prefix = machine_name(self._environment.name, "")
        found = states(self._vagrant.run("status", *(f"{prefix}{name}" for name in names)))
        return {machine.removeprefix(prefix): state for machine, state in found.items()}

    def _met(self, names: Sequence[str], *, new: bool) -> dict[str, KnownMachine]:
        """Asks Vagrant how to reach running machines, and remembers it.

        Args:
            names: The hosts.
            new: Whether the host key of a machine that nobody has met yet may be learnt.
        """
        if not names:
            return {}
        found = logins(self._vagrant.run("ssh-config", *(machine_name(self._environment.name, one) for one in names)))
        made = vagrant_state.made(self._root, self._environment.name)
        known = {name: machine for name, machine in vagrant_state.recall(self._folder).items() if name in made}
        met = {}
        for name in names:
            login = found.get(machine_name(self._environment.name, name))
            if login is None or name not in made:
                continue
            before = known.get(name)
            if before is not None and before.id == made[name].id:
                key: str | None = before.key
            else:
                key = self._first_key(name, login) if new else None
            if key is not None:
                files = [path for path in login.identity_files if Path(path).is_file()]
                identity = files[0] if files else None
                met[name] = KnownMachine(made[name].id, key, login.address, login.port, login.user, identity)
        vagrant_state.remember(self._folder, known | met)
        return met

    def _first_key(self, name: str, login: MachineLogin) -> str:
        machine = machine_name(self._environment.name, name)
        if login.proxy or not first_answer_counts(login.address):
            raise ProviderError(
                f"the machine {machine} is reached over a network that others are on ({login.address}), so that the "
                "ssh host key which it shows at first proves nothing",
                host=name,
                hint="use a provider of Vagrant's that runs on this machine, or `provider: existing` with known_hosts",
            )
        key = shown_key(login.address, login.port)
        if key is None:
            message = f"the ssh server of the machine {machine} doesn't answer at {login.address} port {login.port}"
            raise ProviderError(message, host=name)
        return key

    def _located(self, hosts: Sequence[Host], found: dict[str, KnownMachine]) -> dict[str, Host]:
        known_hosts = str(self._folder / "known_hosts")
        return {
            host.name: dataclasses.replace(
                host,
                ssh=Ssh(
                    address=found[host.name].address,
                    port=found[host.name].port,
                    user=found[host.name].user,
                    become=None if found[host.name].user == "root" else "sudo",
                    identity_file=found[host.name].identity_file,
                    known_hosts=known_hosts,
                ),
            )
            for host in hosts
            if host.name in found
        }
