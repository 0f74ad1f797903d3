"""pyinfra, which speaks SSH through paramiko."""

from pathlib import Path

import workload
from fleet import Fleet

from peers.peer import Peer

_DEPLOY = f"""from pyinfra.operations import apt, files, server, systemd

server.group(group="app")
server.user(user="app", group="app", shell={workload.SHELL!r})
for path in {workload.DIRECTORIES!r}:
    files.directory(path=path, user="app", group="app", mode="755")
for name, path in {workload.TEMPLATES!r}.items():
    files.template(src="templates/" + name, dest=path, user="app", group="app", mode="644", **{workload.VARIABLES!r})
apt.packages(packages=[{workload.PACKAGE!r}])
systemd.service(service="nginx", running=True, enabled=True)
"""


def _write(fleet: Fleet, folder: Path, venv: Path) -> None:
    workload.write_templates(folder / "templates")
    hosts = [
        (
            host.name,
            {
                "ssh_hostname": host.ssh.address,
                "ssh_port": host.ssh.port,
                "ssh_user": host.ssh.user or "root",
                "ssh_key": host.ssh.identity_file,
                "ssh_known_hosts_file": host.ssh.known_hosts,
            },
        )
        for host in fleet.hosts
    ]
    (folder / "inventory.py").write_text(f"web = {hosts!r}\n")
    (folder / "deploy.py").write_text(_DEPLOY)


PYINFRA = Peer("pyinfra", ("pyinfra==3.*",), ("pyinfra",), _write, ("pyinfra", "-y", "inventory.py", "deploy.py"))
