"""The work that every tool is timed on: 29 resources, and cdconf's project for it.

A group and a user `app`, 5 directories, 20 templates of 42 lines below /srv/app, nginx-light installed, nginx running.
"""

import json
from pathlib import Path

DIRECTORIES = [f"/srv/app/d{i}" for i in range(5)]
TEMPLATES = {f"f{i}.j2": f"/srv/app/d{i % 5}/f{i}.conf" for i in range(20)}
VARIABLES = {"thing": "web", "port": 80}
SHELL = "/usr/sbin/nologin"
PACKAGE = "nginx-light"
UNDO = "userdel app; groupdel app; rm -rf /srv/app /home/app; true"
COUNT = 2 + len(DIRECTORIES) + len(TEMPLATES) + 2


def write_templates(folder: Path) -> None:
    """The same 20 Jinja2 templates for every tool."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(TEMPLATES):
        lines = [f"# conf {number}", "name={{ thing }}", "port={{ port }}", *(f"k{line}=v{line}" for line in range(39))]
        (folder / name).write_text("\n".join(lines) + "\n")


def write_project(root: Path, hosts: int) -> None:
    """A project with `hosts` hosts in the group web, and `large` in the group many, for `many`'s catalog."""
    write_templates(root / "roles/web/templates")
    owner = {"owner": "app", "group": "app"}
    resources: list[dict[str, object]] = [{"group": "app"}, {"user": "app", "group": "app", "shell": SHELL}]
    resources += [{"directory": path, **owner, "mode": "0755"} for path in DIRECTORIES]
    resources += [{"file": path, "template": name, **owner, "mode": "0644"} for name, path in TEMPLATES.items()]
    resources += [{"package": PACKAGE}, {"service": "nginx", "running": True, "enabled": True}]
    variables = {name: {"default": value} for name, value in VARIABLES.items()}
    _role(root, "web", {"variables": variables, "resources": resources})
    _role(root, "many", {"resources": many()})
    (root / "cdconf.yml").write_text("project: bench\ngroups: {web: [web], many: [many]}\n")
    (root / "inventories/bench").mkdir(parents=True)
    lines = [f"  h{number}: {{groups: [web]}}" for number in range(hosts)] + ["  large: {groups: [many]}"]
    (root / "inventories/bench/hosts.yml").write_text("\n".join(["provider: docker", "hosts:", *lines]) + "\n")


def _role(root: Path, name: str, content: dict[str, object]) -> None:
    (root / f"roles/{name}").mkdir(parents=True, exist_ok=True)
    (root / f"roles/{name}/role.yml").write_text(json.dumps(content, indent=1))


def many() -> list[dict[str, str]]:
    """300 resources."""
    folders = [{"directory": f"/srv/many/d{i}", "mode": "0755"} for i in range(29)]
    files = [{"file": f"/srv/many/d{i % 29}/f{i}", "content": f"line {i}\n" * 40, "mode": "0644"} for i in range(220)]
    links = [{"link": f"/srv/many/d{i % 29}/l{i}", "target": f"f{i}"} for i in range(50)]
    return [{"directory": "/srv/many", "mode": "0755"}, *folders, *files, *links]
