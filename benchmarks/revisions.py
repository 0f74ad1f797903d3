"""What `cdconf plan ENV --from REV` costs, against compiling the same fleet once.

    python benchmarks/revisions.py [--hosts 1000] [--resources 100] [--runs 3]

Every resource is a template that reads something of its own host, and the second revision changes all of them: nothing
can be left out. Both are whole processes. No host is needed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fleet import CDCONF, Figure, timed

COMPILE = """
from pathlib import Path
from cdconf.catalog import Compiler
from cdconf.inventory import load_environment, load_project
project = load_project(Path("."))
environment = load_environment(project, "bench")
compiler = Compiler(project, environment)
for host in environment.hosts.values():
    compiler.compile(host, {})
"""
ROLE = """\
variables:
  port: {type: integer, default: 80, doc: the port}
resources:
"""
RESOURCE = """\
  - file: /srv/app/f%d.conf
    template: f%d.j2
    owner: root
    mode: "0644"
"""


def write(root: Path, hosts: int, resources: int) -> None:
    """The project, with two commits."""
    templates = root / "roles/web/templates"
    templates.mkdir(parents=True)
    settings = "\n".join(f"k{line}=v{line}" for line in range(20))
    for number in range(resources):
        text = f"# {number}\nname={{{{ host.name }}}}\nport={{{{ port }}}}\n{settings}\n"
        (templates / f"f{number}.j2").write_text(text)
    (root / "roles/web/role.yml").write_text(ROLE + "".join(RESOURCE % (one, one) for one in range(resources)))
    (root / "cdconf.yml").write_text("project: bench\ngroups: {web: [web]}\n")
    (root / "inventories/bench/group_vars").mkdir(parents=True)
    lines = [
        f"  h{one}: {{address: 10.{one // 65536}.{one // 256 % 256}.{one % 256}, groups: [web]}}\n"
        for one in range(hosts)
    ]
    (root / "inventories/bench/hosts.yml").write_text("hosts:\n" + "".join(lines))
    git(root, "init", "-q", "-b", "main")
    commit(root)
    (root / "inventories/bench/group_vars/all.yml").write_text("port: 8080\n")
    commit(root)


def git(root: Path, *arguments: str) -> None:
    """Runs git as somebody."""
    command = ["git", "-C", str(root), "-c", "user.name=bench", "-c", "user.email=bench@example.com", *arguments]
    subprocess.run(command, check=True)


def commit(root: Path) -> None:
    """Commits everything."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", "bench")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--resources", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    commands = {
        "one compile": ([sys.executable, "-c", COMPILE], (0,)),
        "plan, all differs": ([*CDCONF, "plan", "bench", "--from", "HEAD~1", "--json"], (2,)),
        "plan, nothing differs": ([*CDCONF, "plan", "bench", "--from", "HEAD", "--json"], (0,)),
    }
    figures: dict[str, list[Figure]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        write(Path(folder), arguments.hosts, arguments.resources)
        for _ in range(arguments.runs):
            for name, (command, ok) in commands.items():
                figures[name].append(timed(command, Path(folder), ok=ok))
    base = statistics.median(figure.wall for figure in figures["one compile"])
    for name, values in figures.items():
        wall = statistics.median(figure.wall for figure in values)
        cpu = statistics.median(figure.cpu for figure in values)
        print(f"{name:22} median {wall:6.2f} s = {wall / base:5.2f} x one compile   CPU {cpu:6.2f} s")


if __name__ == "__main__":
    main()
