"""How long a fresh copy of ten hosts takes, with snapshots and without.

    python benchmarks/snapshot.py [--web 8] [--runs 3] [--slow-runs 3]

The hosts run the example project's roles: a load balancer, web hosts, and a database. Each figure is that of the whole
process, from no host at all to all hosts converged; `plan` afterwards says that nothing is left to do.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from fleet import CDCONF, Figure, timed

from cdconf.environments.docker.snapshots import remove_snapshots
from cdconf.inventory import load_project

REPOSITORY = Path(__file__).resolve().parents[1]


def write_project(root: Path, web: int) -> None:
    """The example project with one environment, `copy`."""
    for name in ("roles", "templates"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__py*"))
    config = (REPOSITORY / "cdconf.yml").read_text(encoding="utf-8").partition("pipeline:")[0]
    (root / "cdconf.yml").write_text(config.replace("project: shop", "project: bench-snapshot"), encoding="utf-8")
    folder = root / "inventories/copy"
    (folder / "group_vars").mkdir(parents=True)
    hosts = ["  lb1: {groups: [lb]}", "  db1: {groups: [db]}"]
    hosts += [f"  web{number}: {{groups: [web]}}" for number in range(1, web + 1)]
    text = "provider: docker\nhosts:\n" + "\n".join(hosts) + "\n"
    (folder / "hosts.yml").write_text(text, encoding="utf-8")
    (folder / "group_vars/all.yml").write_text("server_name: localhost\nshop_banner: a copy\n", encoding="utf-8")


def measure(root: Path, *flags: str) -> tuple[Figure, Figure]:
    """What `provision` takes, and what the check afterwards takes; the hosts are removed."""
    try:
        made = timed([*CDCONF, "provision", "copy", *flags], root)
        return made, timed([*CDCONF, "plan", "copy"], root)
    finally:
        timed([*CDCONF, "destroy", "copy", "--yes"], root)


def tell(name: str, pairs: list[tuple[Figure, Figure]]) -> None:
    """One line, as soon as it's known."""
    walls = [made.wall for made, _ in pairs]
    check = statistics.median(check.wall for _, check in pairs)
    spread = f"min {min(walls):6.2f}  max {max(walls):6.2f}"
    middle = statistics.median(walls)
    print(f"{name:17} {len(pairs)} runs  provision {middle:6.2f} s  {spread}  plan {check:5.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3, help="from snapshots")
    parser.add_argument("--slow-runs", type=int, default=3, help="without them, and when they're made first")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        root = Path(folder)
        write_project(root, arguments.web)
        try:
            making = []
            for _ in range(arguments.slow_runs):
                remove_snapshots(load_project(root), lambda event: None)
                making.append(measure(root, "--from-snapshot"))
            tell("making snapshots", making)
            tell("from snapshots", [measure(root, "--from-snapshot") for _ in range(arguments.runs)])
            tell("plain images", [measure(root) for _ in range(arguments.slow_runs)])
        finally:
            subprocess.run([*CDCONF, "destroy", "copy", "--yes"], cwd=root, check=False, capture_output=True)
            remove_snapshots(load_project(root), lambda event: None)


if __name__ == "__main__":
    main()
