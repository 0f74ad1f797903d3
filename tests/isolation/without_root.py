"""A program that somebody who isn't root runs: builds, tests and compiles a project, and says how each went, as JSON.

Run as `python without_root.py PROJECT`, by `test_container`.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from cdconf.artifacts import ArtifactStore, build, keys
from cdconf.catalog import Compiler
from cdconf.errors import CdconfError
from cdconf.events import Collector
from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import Types
from cdconf.smoke.runner import check_runnable, run_smoke

HOSTS = {"web1": {"name": "web1"}}


def answer(command):
    return {"status": 0, "stdout": b"fine\n", "stderr": b""}


def built(project):
    heard = Collector()
    artifact, _ = build(project, project.apps["shop"], heard)
    archive = ArtifactStore(project).place.fetch(f"{artifact.archive}.blob", artifact.archive)
    with tarfile.open(archive) as tar:
        got = json.load(tar.extractfile("got.json"))
    signed = json.loads(json.dumps(ArtifactStore(project).provenance(artifact)))["signatures"]
    return {"isolated": heard.isolated, "got": got, "signed": bool(signed)}


def tested(project):
    heard = []
    check_runnable(project.root, {"base": ["web1"]}, HOSTS)
    report = run_smoke(project.root, {"base": ["web1"]}, HOSTS, "dev", {"web1": answer}, heard.append)
    messages = [one.message for one in heard if getattr(one, "message", None)]
    return {"isolated": report.isolated, "passed": report.passed, "problem": report.problem, "messages": messages}


def compiled(project):
    ran = []
    types = Types(project.root, (), ran.append)
    environment = load_environment(project, "dev")
    catalog = Compiler(project, environment, types=types).compile(environment.hosts["web1"], {})
    return {"isolated": ran == [True], "got": json.loads(catalog.resources[0].fields["text"])}


if __name__ == "__main__":
    places = Path(sys.argv[1], "places.json")
    places.write_text(json.dumps({**json.loads(places.read_text()), "controller": os.getpid()}))
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-qam", "two"], cwd=sys.argv[1], check=True
    )
    told = {}
    project = load_project(Path(sys.argv[1]))
    if keys.own(project) is None:
        keys.new(project)
    for which in (built, tested, compiled):
        try:
            told[which.__name__] = which(project)
        except CdconfError as error:
            told[which.__name__] = {"error": str(error), "detail": error.detail, "hint": error.hint}
    print(json.dumps(told))
