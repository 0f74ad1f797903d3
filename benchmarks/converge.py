"""The same 29 resources on 10 hosts: cdconf and pyinfra against the floor, as ratios within one run.

    python benchmarks/converge.py [--hosts 10] [--runs 5] [--pyinfra PATH]

The floor is `ssh HOST true` on all hosts in parallel. The hosts are made by cdconf's docker provider and removed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CDCONF = [sys.executable, "-m", "cdconf"]


def project(root: Path, hosts: int) -> None:
    templates = root / "roles/web/templates"
    templates.mkdir(parents=True)
    for i in range(20):
        lines = [f"# conf {i}", "name={{ thing }}", "port={{ port }}", *(f"k{j}=v{j}" for j in range(40))]
        (templates / f"f{i}.j2").write_text("\n".join(lines) + "\n")
    resources = [{"group": "app"}, {"user": "app", "group": "app", "shell": "/usr/sbin/nologin"}]
    owner = {"owner": "app", "group": "app"}
    resources += [{"directory": f"/srv/app/d{i}", **owner, "mode": "0755"} for i in range(5)]
    resources += [
        {"file": f"/srv/app/d{i % 5}/f{i}.conf", "template": f"f{i}.j2", **owner, "mode": "0644"} for i in range(20)
    ]
    resources += [{"package": "nginx-light"}, {"service": "nginx", "running": True, "enabled": True}]
    variables = {"thing": {"type": "string", "default": "web"}, "port": {"type": "integer", "default": 80}}
    (root / "roles/web/role.yml").write_text(json.dumps({"variables": variables, "resources": resources}))
    (root / "cdconf.yml").write_text("project: bench\ngroups: {web: [web]}\n")
    (root / "inventories/bench").mkdir(parents=True)
    names = "".join(f"  h{i}: {{groups: [web]}}\n" for i in range(hosts))
    (root / "inventories/bench/hosts.yml").write_text(f"provider: docker\nhosts:\n{names}")


def timed(command: list[str], cwd: Path, **keywords) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, **keywords)
    took = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return took


def ports(root: Path) -> list[int]:
    known = (root / ".cdconf/environments/bench/known_hosts").read_text().splitlines()
    return [int(line.split("]:")[1].split()[0]) for line in known]


def floor(root: Path) -> float:
    folder = root / ".cdconf/environments/bench"
    options = [
        "-i",
        str(folder / "id_ed25519"),
        "-o",
        f"UserKnownHostsFile={folder / 'known_hosts'}",
        "-o",
        "BatchMode=yes",
    ]
    began = time.perf_counter()
    running = [subprocess.Popen(["ssh", *options, "-p", str(port), "root@127.0.0.1", "true"]) for port in ports(root)]
    for one in running:
        if one.wait():
            sys.exit("ssh failed")
    return time.perf_counter() - began


def undo(root: Path) -> None:
    line = "userdel app; groupdel app; rm -rf /srv/app; true"
    timed([*CDCONF, "run", "bench", "--", line], root)


def pyinfra(root: Path) -> None:
    key = str(root / ".cdconf/environments/bench/id_ed25519")
    known = str(root / ".cdconf/environments/bench/known_hosts")
    hosts = [
        (
            f"h{port}",
            {
                "ssh_hostname": "127.0.0.1",
                "ssh_port": port,
                "ssh_user": "root",
                "ssh_key": key,
                "ssh_known_hosts_file": known,
            },
        )
        for port in ports(root)
    ]
    (root / "inventory.py").write_text(f"web = {hosts!r}\n")
    shutil.copytree(root / "roles/web/templates", root / "templates", dirs_exist_ok=True)
    (root / "deploy.py").write_text(
        "from pyinfra.operations import apt, files, server, systemd\n"
        "server.group(group='app')\n"
        "server.user(user='app', group='app', shell='/usr/sbin/nologin')\n"
        "for i in range(5):\n"
        "    files.directory(path=f'/srv/app/d{i}', user='app', group='app', mode='755')\n"
        "for i in range(20):\n"
        "    files.template(src=f'templates/f{i}.j2', dest=f'/srv/app/d{i % 5}/f{i}.conf',\n"
        "                   user='app', group='app', mode='644', thing='web', port=80)\n"
        "apt.packages(packages=['nginx-light'])\n"
        "systemd.service(service='nginx', running=True, enabled=True)\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pyinfra", help="the pyinfra program of a virtual environment")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="cdconf-bench-"))
    project(root, arguments.hosts)
    figures: dict[str, list[float]] = {"floor": [], "cdconf, nothing to change": [], "cdconf, first converge": []}
    try:
        timed([*CDCONF, "provision", "bench"], root, env={**os.environ})
        for _ in range(arguments.runs):
            figures["floor"].append(floor(root))
            figures["cdconf, nothing to change"].append(timed([*CDCONF, "provision", "bench"], root))
            undo(root)
            figures["cdconf, first converge"].append(timed([*CDCONF, "provision", "bench"], root))
        if arguments.pyinfra:
            pyinfra(root)
            command = [arguments.pyinfra, "-y", "inventory.py", "deploy.py"]
            undo(root)
            figures["pyinfra, first converge"] = [timed(command, root)]
            figures["pyinfra, nothing to change"] = [timed(command, root) for _ in range(2)]
    finally:
        subprocess.run([*CDCONF, "destroy", "bench", "--yes"], cwd=root, check=False, capture_output=True)
        shutil.rmtree(root)
    base = statistics.median(figures["floor"])
    for name, values in figures.items():
        middle = statistics.median(values)
        spread = f"min {min(values):6.2f}  max {max(values):6.2f}"
        print(f"{name:28} median {middle:6.2f} s  {spread}  = {middle / base:5.2f} x floor")


main()
