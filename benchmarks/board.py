"""What `cdconf pipeline status` costs with a store of many artifacts.

    python benchmarks/board.py [--artifacts 10000] [--runs 3] [--against DIR]

Each artifact has passed four stages, with a signed statement and a test result for each, and has the record of its run.
The newest ones are on their way, so that their gates are judged. The store is a directory; all are whole processes.
A first look, which remembers nothing yet, has to verify each signature: what that alone costs is measured beside it.
With `--against DIR` another cdconf's root is measured in turn with this one, and the ratio of the two is told.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fleet import CDCONF, Figure, timed

from cdconf.artifacts.artifact import Artifact, to_text
from cdconf.artifacts.attestations import STATEMENT
from cdconf.artifacts.keys import public_of
from cdconf.artifacts.shards import path_of
from cdconf.pipeline import entries
from cdconf.pipeline.record import PREFIX, WHOLE, project_key
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.said import Proof, Subject
from cdconf.promotion.saying import _signed
from cdconf.promotion.statement import document, test_result

NEW = 20  # artifacts that are on their way
BEGAN = 1_750_000_000.0
STAGES = {
    "commit": ("", None),
    "acceptance": ("try-1", "production"),
    "manual": ("staging", None),
    "release": ("production", None),
}
FILES = {
    "cdconf.yml": """\
project: bench
groups: {web: [web]}
apps:
  shop: {groups: [web], path: /srv/shop, artifact: "shop-*.tar.gz"}
pipeline:
  - {stage: commit, run: "true", inputs: [roles], build: shop}
  - {stage: acceptance, copy_of: production}
  - {stage: manual, environment: staging}
  - {stage: release, environment: production}
""",
    "inventories/production/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "inventories/staging/hosts.yml": "copy_of: production\nprovider: docker\n",
    "roles/web/role.yml": "resources:\n  - directory: /srv/web\n",
    ".gitignore": ".cdconf/\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another cdconf's root")
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    trees = {"": here} | ({"before: ": arguments.against.resolve()} if arguments.against else {})
    with tempfile.TemporaryDirectory(prefix="cdconf-bench-") as folder:
        root = Path(folder) / "project"
        environment = {"HOME": folder, "CDCONF_SIGNERS": str(Path(folder) / "signers")}
        count = write(root, Path(folder) / "signers", arguments.artifacts)
        figures: dict[str, list[Figure]] = {}
        for _ in range(arguments.runs):
            figures.setdefault(f"{count} signatures", []).append(verified(count))
            for tree, path in trees.items():
                look(root, {**environment, "PYTHONPATH": str(path)}, tree, figures)
        found = {name: Figure(*(statistics.median(getattr(one, what) for one in values) for what in ("wall", "cpu")))
                 for name, values in figures.items()}  # fmt: skip
        for name, one in found.items():
            of = found.get(f"before: {name}")
            ratio = f"   {one.wall / of.wall:.2f} x, CPU {one.cpu / of.cpu:.2f} x of before" if of else ""
            print(f"{name:34} median {one.wall:6.2f} s   CPU {one.cpu:6.2f} s{ratio}")


def look(root: Path, environment: dict[str, str], tree: str, figures: dict[str, list[Figure]]) -> None:
    """Each command once, the first look at everything before those that remember it."""
    status = [*CDCONF, "pipeline", "status"]
    commands = {
        "cdconf --version": [*CDCONF, "--version"],
        "status --json": [*status, "--json"],
        "status --all --json, first": [*status, "--all", "--json"],
        "status --all --json": [*status, "--all", "--json"],
        "status --all": [*status, "--all"],
    }
    forget(root)
    for name, command in commands.items():
        figures.setdefault(f"{tree}{name}", []).append(timed(command, root, environment))


def verified(count: int) -> Figure:
    """What it costs to verify so many signatures, one after the other."""
    key, text = Ed25519PrivateKey.generate(), b"x" * 1200
    public, signature = key.public_key(), key.sign(text)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        public.verify(signature, text)
    return Figure(time.perf_counter() - wall, time.process_time() - cpu)


def forget(root: Path) -> None:
    """Removes what earlier calls have remembered."""
    for path in (root / ".cdconf").iterdir():
        if path.name != "artifacts" and path.is_file():
            path.unlink()


def write(root: Path, signers: Path, count: int) -> int:
    """The project, and its store; returns how many signed statements are there."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "bench")
    commits = []
    for _ in range(NEW):
        git(root, "commit", "-q", "--allow-empty", "-m", "bench")
        commits.append(git(root, "rev-parse", "HEAD"))
    keys = {stage: Ed25519PrivateKey.generate() for stage in STAGES}
    lines = [
        f'ci@bench namespaces="cdconf-stage:{stage}" {" ".join(public_of(key).text.split()[:2])}\n'
        for stage, key in keys.items()
    ]
    signers.write_text("".join(lines))
    store = root / ".cdconf/artifacts"
    store.mkdir(parents=True)
    digest = procedure_of(root, "HEAD", "shop").digest
    signed = 0
    for number in range(count):
        is_new = number >= count - NEW
        commit = commits[number - (count - NEW)] if is_new else f"{number:040x}"
        passed = list(STAGES)[: 1 + number % 3] if is_new else list(STAGES)
        artifact(store, number, commit, digest, {stage: keys[stage] for stage in passed})
        signed += len(passed)
    return signed


def artifact(store: Path, number: int, commit: str, procedure: str, keys: dict[str, Ed25519PrivateKey]) -> None:
    """One artifact, what stages said of it, and the record of its run."""
    archive, tree = (hashlib.sha256(f"{what} {number}".encode()).hexdigest() for what in ("archive", "tree"))
    at = BEGAN + 600.0 * number
    made = Artifact(
        "shop", f"1.{number}", archive, tree, f"shop-1.{number}.tar.gz", 10**6, commit, at, at, 1.0, "ci", False
    )
    provenance = {"payload": "x" * 2000, "payloadType": "application/vnd.in-toto+json", "signatures": []}
    put(store, f"{made.label}.json", to_text(made, provenance).encode(), at)
    put(store, f"{archive}.blob", b"", at)
    noted: list[entries.Entry] = [entries.RunBegan(at, commit, "main", "bench", "A <a@x>", "ci@bench", ())]
    for stage, key in keys.items():
        environment, copy_of = STAGES[stage]
        proof = Proof(
            subject=Subject.of(made), project="bench", app="shop", version=made.version, stage=stage,
            environment=environment, copy_of=copy_of, result="passed", procedure=procedure, tool="sha256:0",
            commit=commit, started=at, finished=at + 60, hosts={"web1": {"identity": "x", "fence": 1}},
            smoke={"passed": 9, "failed": 0}, acceptance=None, parity=None, run="r", isolated=True,
        )  # fmt: skip
        office = OfficeKey(f"cdconf-stage:{stage}", public_of(key).id, key)
        for said in (document(proof), test_result(proof)):
            data = json.dumps(_signed(said, office), sort_keys=True, separators=(",", ":")).encode()
            put(store, f"{STATEMENT}-{archive}-{hashlib.sha256(data).hexdigest()}.dsse", data, at)
        noted += [
            entries.StageNoted(at, stage, "running", step=step) for step in ("provision", "deploy", "batch 1 of 1")
        ]
        noted.append(entries.StageNoted(at + 60, stage, "passed", runs=("r",)))
    noted.append(entries.RunEnded(at + 300, "passed", 0))
    run = hashlib.sha256(commit.encode()).hexdigest()[:16]
    text = "".join(f"{entries.line(one)}\n" for one in noted)
    put(store, f"{PREFIX}{project_key('bench')}-{commit}-{run}-{WHOLE:08d}.jsonl", text.encode(), at)


def put(store: Path, name: str, data: bytes, at: float) -> None:
    """One object of the store, as old as it would be."""
    path = store / path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))


def git(root: Path, *arguments: str) -> str:
    """Runs git as somebody."""
    command = ["git", "-C", str(root), "-c", "user.name=bench", "-c", "user.email=bench@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
