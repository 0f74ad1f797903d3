"""BundleWrap, which runs OpenSSH; with connections kept open, as its documentation advises."""

from pathlib import Path

import workload
from fleet import Fleet

from peers.peer import Peer

_ITEMS = f"""groups = {{"app": {{}}}}
users = {{"app": {{"gid": "app", "home": "/home/app", "shell": {workload.SHELL!r}}}}}
directories = {{
    path: {{"owner": "app", "group": "app", "mode": "0755"}} for path in {workload.DIRECTORIES!r}
}}
files = {{
    path: {{
        "source": name,
        "content_type": "jinja2",
        "context": {workload.VARIABLES!r},
        "owner": "app",
        "group": "app",
        "mode": "0644",
    }}
    for name, path in {workload.TEMPLATES!r}.items()
}}
pkg_apt = {{{workload.PACKAGE!r}: {{}}}}
svc_systemd = {{"nginx": {{"running": True, "enabled": True, "needs": ["pkg_apt:{workload.PACKAGE}"]}}}}
"""


def _write(fleet: Fleet, folder: Path, venv: Path) -> None:
    workload.write_templates(folder / "bundles/web/files")
    for template in (folder / "bundles/web/files").iterdir():
        template.write_text(template.read_text() + "\n")  # its Jinja2 drops the last one
    (folder / "bundles/web/items.py").write_text(_ITEMS)
    nodes = {host.name: {"hostname": host.name, "bundles": ["web"], "os": "debian"} for host in fleet.hosts}
    (folder / "nodes.py").write_text(f"nodes = {nodes!r}\n")
    (folder / "groups.py").write_text("groups = {}\n")
    (folder / "requirements.txt").write_text("")
    (folder / "ssh_config").write_text(
        f"{fleet.ssh_config.read_text()}Host *\n  ControlMaster auto\n  ControlPersist 60s\n  ControlPath {folder}/%n\n"
    )


BUNDLEWRAP = Peer(
    "bundlewrap",
    ("bundlewrap==5.*", "setuptools<81"),
    ("bundlewrap",),
    _write,
    ("bw", "apply", "--parallel-nodes", "50", "bundle:web"),
    {"BW_SSH_ARGS": "-F ssh_config", "BW_SCP_ARGS": "-F ssh_config"},
)
