"""Records what a version leaves behind, for the tests of upgrades: run once for each version that has landed.

python -m tests.upgrade.record COMMIT

The commit's own code works on a real host, its history lies in a PostgreSQL and, in a second checkout, in SQLite. All
of it is kept in tests/upgrade/recorded/COMMIT/, with what the version itself says of it.
"""

import argparse
import contextlib
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.conftest import git
from tests.history.postgresql import Server, programs
from tests.hosts.machines import Machines
from tests.upgrade.scene import ENVIRONMENT, FIXTURES, HOST, Scene, packed

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("commit")
    commit = git(REPOSITORY, "rev-parse", "--short=7", parser.parse_args().commit)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machines = Machines(folder, [HOST])
        stack.callback(machines.remove)
        machines.make()
        database = stack.enter_context(Server(programs()))
        _export(commit, folder / "code")
        env = {"PYTHONPATH": str(folder / "code"), "CDCONF_DATABASE": database.url}
        (folder / "scene").mkdir()
        scene = Scene(folder / "scene", machines, f"from-{commit}", _run, env)
        _work(scene)
        told = scene.told()
        place = FIXTURES / commit
        place.mkdir(parents=True, exist_ok=True)
        (place / "host.tar.gz").write_bytes(packed(machines.container(HOST), scene.name))
        (place / "database.sql.gz").write_bytes(gzip.compress(_dumped(database), 9, mtime=0))
        (place / "checkout.tar.gz").write_bytes(_tar(scene.folder))
        (place / "told.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    print(f"{place}: {sum(one.stat().st_size for one in place.iterdir())} bytes", file=sys.stderr)
    return 0


def _run(words, folder, env, timeout):
    """The commit's own code, wherever the environment says that it lies."""
    command = [sys.executable, "-m", "cdconf", *words]
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(command, cwd=folder, env=env, timeout=timeout, check=False, **pipes)


def _export(commit, folder):
    """The commit's files, to be run from there."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", REPOSITORY, "archive", commit, "cdconf"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def _work(scene):
    """Whatever leaves traces: a key, three releases, one that failed, a rollback, a toggle, a saved plan."""
    scene.write()
    scene.reach()
    scene("key", "new")
    first = scene.commit("one")
    scene("provision", ENVIRONMENT)
    scene("deploy", f"app@{first}", "--to", ENVIRONMENT)
    for text in ("two", "three"):
        version = scene.commit(text)
        scene("deploy", f"app@{version}", "--to", ENVIRONMENT)
    scene("rollback", ENVIRONMENT, "app")
    build = scene.root / "build"
    good = build.read_text()
    build.write_text(good.replace("tar -C", "rm out/VERSION\ntar -C"))  # its migration fails
    broken = scene.commit("broken")
    scene("deploy", f"app@{broken}", "--to", ENVIRONMENT, code=1)
    build.write_text(good)
    scene.commit("not deployed yet")
    scene("toggle", "app", "newer", "on", "--env", ENVIRONMENT)
    scene("plan", ENVIRONMENT, "--out", "saved.plan")
    git(scene.root, "add", "-A")
    git(scene.root, "commit", "-qm", "toggle")


def _dumped(database):
    command = [programs() / "pg_dump", "--inserts", "--no-owner", database.url]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _tar(folder):
    """The checkout, the home and the store, without what each run makes anew."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz") as archive:
        for name in ("checkout", "home", "store"):
            archive.add(folder / name, name, filter=_kept)
    return found.getvalue()


def _kept(entry):
    parts = Path(entry.name).parts
    is_made_anew = any(one in parts for one in ("hooks", "agent", "out", "dist")) or entry.name.endswith(".agent")
    return None if is_made_anew else entry


if __name__ == "__main__":
    sys.exit(main())
