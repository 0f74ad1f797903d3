"""The rows as a host gets them: compiled as a role's resources always are, with what's fetched beside them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cdconf.agent import wire
from cdconf.authoring.cases import CaseHost
from cdconf.catalog import Compiler
from tests.case_host import case_host
from tests.conftest import CDCONF

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA app1@example.com"
FOLDER = "/opt/attacks"  # on the host


def _tar(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)  # the same bytes each time


def sources() -> dict[str, bytes]:
    """Name -> content of what the agent fetches."""
    return {
        "download": b"downloaded\n",
        "old.tar.gz": _tar({"sub/file": "old\n", "file": "old\n", "gone": "old\n"}),
        "new.tar.gz": _tar({"sub/file": "new\n", "file": "new\n"}),
    }


def rows(pattern: str = "") -> list[dict[str, Any]]:
    """The rows whose type and operation match a regular expression, complete, not yet compiled."""
    every = yaml.safe_load((HERE / "rows.yml").read_text(encoding="utf-8"))
    return [_complete(row) for row in every if re.search(pattern, f"{row['type']} {row['operation']}")]


def _complete(row: dict[str, Any]) -> dict[str, Any]:
    """Fills in what most rows have in common."""
    target = Path(row["target"])
    above = {str(one): "directory" for one in target.parents if str(one) != "."}
    points = {**above, row["target"]: row.get("kind", "file"), **row.get("points", {})}
    folders = {str(Path(one).parent) for one in points} | {one for one, kind in points.items() if kind == "directory"}
    whole = {"has": {}, "victim_has": {}, "before": [], **row, "points": points, "folders": sorted(folders)}
    if row["target"] not in whole["has"] and str(target.parent) != ".":
        whole["has"] = {str(target.parent): None, **whole["has"]}
    return whole


class AttackedHost(CaseHost):
    """A host on which rows are tried."""

    def compiled(self, row: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
        """The row with catalogs in the place of resources."""
        before = [self._what(one, row, known) for one in row["before"]]
        planted = {name: [path, _filled(text, known)] for name, (path, text) in row.get("planted", {}).items()}
        return {**row, "what": self._what(row, row, known), "before": before, "planted": planted}

    def _what(self, one: dict[str, Any], row: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
        if "call" in one:
            return {name: one[name] for name in ("call", "app") if name in one}
        resources = json.loads(_filled(json.dumps(one["resources"]), known))
        self.write({"resources": resources, "files": row.get("files", {})})
        catalog = Compiler(self._project, self._environment).compile(self._host, self.session.facts.mapping)
        return {"catalog": wire.dumps(catalog.document()).decode()}

    @property
    def ssh(self) -> list[str]:
        """The command line that runs something on the host, as root."""
        return [*CDCONF, "ssh", "--project", str(self._project.root), self._environment.name, self._host.name, "--"]


def _filled(text: str, known: dict[str, str]) -> str:
    for name, digest in {**known, "key": KEY}.items():
        text = text.replace(f'@{name}"', f'{digest}"')
    return text


def agent_zip(code: Path, file: Path) -> None:
    """Packs the agent of a checkout, which may be another one than this."""
    with zipfile.ZipFile(file, "w") as archive:
        patterns = ("cdconf/agent/**/*.py", "cdconf/resources/*/agent.py")
        names = [path for pattern in patterns for path in code.glob(pattern)]
        for path in names:
            archive.write(path, str(path.relative_to(code)))
        folders = {parent for path in names for parent in path.relative_to(code).parents if str(parent) != "."}
        for folder in sorted(folders):
            if not (code / folder / "__init__.py").exists() or str(folder) in ("cdconf", "cdconf/resources"):
                archive.writestr(f"{folder}/__init__.py", "")


@contextmanager
def attacked_host(folder: Path) -> Iterator[AttackedHost]:
    """A host with what the rows need, gone at the end."""
    with case_host(folder, AttackedHost) as host:
        host.must(["command -v git && command -v cron || apt-get install -y -qq --no-install-recommends git cron"])
        yield host


def digests() -> dict[str, str]:
    """Name -> SHA-256 of what the agent fetches."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sources().items()}


def bring(host: AttackedHost, wanted: list[dict[str, Any]], code: Path, folder: Path) -> None:
    """Puts the harness, the agent and the rows onto the host."""
    box = folder / "attacks"
    shutil.rmtree(box, ignore_errors=True)
    (box / "sources").mkdir(parents=True)
    for name, data in sources().items():
        (box / "sources" / name).write_bytes(data)
    for file in (HERE / "host").glob("*.py"):
        shutil.copy(file, box)
    agent_zip(code, box / "agent.zip")
    (box / "rows.json").write_text(json.dumps([host.compiled(row, digests()) for row in wanted]))
    packed = subprocess.run(["tar", "-C", str(box), "-cz", "."], stdout=subprocess.PIPE, check=True).stdout
    command = [*host.ssh, f"rm -rf {FOLDER}; mkdir -p {FOLDER}; tar -C {FOLDER} -xz"]
    subprocess.run(command, input=packed, check=True)


def tried(host: AttackedHost, most: int = 0, share: str = "0/1", races: int = 0) -> Iterator[dict[str, Any]]:
    """Tries the rows; yields what became of each attack."""
    words = f"cd {FOLDER} && exec python3 -B drive.py agent.zip rows.json {most} {share} {races}"
    with subprocess.Popen([*host.ssh, words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            yield json.loads(line)
        said = process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"the harness failed on the host: {said[-2000:]}")
