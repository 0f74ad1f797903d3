"""Ansible as its users tune it (pipelining, 50 forks, one connection per host), and with Mitogen's strategy."""

from pathlib import Path

import workload
from fleet import Fleet

from peers.peer import Peer

_HEAD = "[defaults]\ninventory = hosts.ini\nforks = 50\n"
_ARGUMENTS = "-o ControlMaster=auto -o ControlPersist=60s"


def _play() -> str:
    owner = "owner: app, group: app"
    tasks = [
        "group: {name: app}",
        f"user: {{name: app, group: app, shell: {workload.SHELL}}}",
        *(f"file: {{path: {path}, state: directory, {owner}, mode: '0755'}}" for path in workload.DIRECTORIES),
        *(
            f"template: {{src: templates/{name}, dest: {path}, {owner}, mode: '0644'}}"
            for name, path in workload.TEMPLATES.items()
        ),
        f"apt: {{name: {workload.PACKAGE}}}",
        "service: {name: nginx, state: started, enabled: true}",
    ]
    variables = ", ".join(f"{name}: {value}" for name, value in workload.VARIABLES.items())
    return f"- hosts: web\n  vars: {{{variables}}}\n  tasks:\n" + "".join(f"    - {task}\n" for task in tasks)


def _write(fleet: Fleet, folder: Path) -> None:
    workload.write_templates(folder / "templates")
    lines = [f"{host.name} ansible_python_interpreter=/usr/bin/python3" for host in fleet.hosts]
    (folder / "hosts.ini").write_text("\n".join(["[web]", *lines]) + "\n")
    (folder / "play.yml").write_text(_play())


def _ansible(fleet: Fleet, folder: Path, venv: Path) -> None:
    _write(fleet, folder)
    arguments = f"-F {fleet.ssh_config} {_ARGUMENTS} -o ControlPath={folder}/%n"
    (folder / "ansible.cfg").write_text(f"{_HEAD}[ssh_connection]\npipelining = True\nssh_args = {arguments}\n")


def _mitogen(fleet: Fleet, folder: Path, venv: Path) -> None:
    _write(fleet, folder)
    plugins = next(venv.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy"))
    (folder / "ansible.cfg").write_text(
        f"{_HEAD}strategy = mitogen_linear\nstrategy_plugins = {plugins}\n"
        f"[ssh_connection]\nssh_args = -F {fleet.ssh_config} {_ARGUMENTS} -o ControlPath={folder}/%n\n"
    )


_COMMAND = ("ansible-playbook", "play.yml")
ANSIBLE = Peer("ansible", ("ansible-core==2.19.*",), ("ansible-core",), _ansible, _COMMAND)
MITOGEN = Peer(
    "ansible+mitogen",
    ("ansible-core==2.19.*", "mitogen==0.3.*"),
    ("ansible-core", "mitogen"),
    _mitogen,
    _COMMAND,
)
