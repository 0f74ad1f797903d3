"""salt-ssh: Salt without its daemon on the hosts, 50 hosts at once."""

import json
from pathlib import Path

import workload
from fleet import Fleet

from peers.peer import Peer

_OWNER = [{"user": "app"}, {"group": "app"}]


def _state() -> dict[str, dict[str, list[object]]]:
    state: dict[str, dict[str, list[object]]] = {
        "app": {"group.present": [], "user.present": [{"gid": "app"}, {"shell": workload.SHELL}]},
        workload.PACKAGE: {"pkg.installed": []},
        "nginx": {"service.running": [{"enable": True}]},
    }
    for path in workload.DIRECTORIES:
        state[path] = {"file.directory": [*_OWNER, {"mode": "0755"}, {"makedirs": True}]}
    for name, path in workload.TEMPLATES.items():
        managed = [{"source": f"salt://{name}"}, {"template": "jinja"}, {"context": workload.VARIABLES}]
        state[path] = {"file.managed": [*managed, *_OWNER, {"mode": "0644"}]}
    return state


def _write(fleet: Fleet, folder: Path, venv: Path) -> None:
    workload.write_templates(folder / "states")
    (folder / "states/web.sls").write_text("#!yaml\n" + json.dumps(_state(), indent=1) + "\n")
    roster = {
        host.name: {
            "host": host.ssh.address,
            "port": host.ssh.port,
            "user": host.ssh.user or "root",
            "priv": host.ssh.identity_file,
            "ssh_options": [f"UserKnownHostsFile={host.ssh.known_hosts}"],
        }
        for host in fleet.hosts
    }
    (folder / "roster").write_text(json.dumps(roster, indent=1) + "\n")
    settings = {
        "root_dir": str(folder),
        "pki_dir": str(folder / "pki"),
        "cachedir": str(folder / "cache"),
        "roster_file": str(folder / "roster"),
        "file_roots": {"base": [str(folder / "states")]},
        "ssh_max_procs": 50,
    }
    (folder / "master").write_text(json.dumps(settings, indent=1) + "\n")


SALT = Peer(
    "salt-ssh",
    ("salt==3007.*", "setuptools<81"),
    ("salt",),
    _write,
    ("salt-ssh", "-c", ".", "*", "state.apply", "web"),
    pythons=("3.11", "3.10"),
)
