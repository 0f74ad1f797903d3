"""Processes that say the same at the same moment, stores that are full, runs that die: nothing said twice, or lost."""

import contextlib
import signal
import subprocess
import sys

import pytest

from cdconf.artifacts.attestations import STATEMENT, named
from cdconf.artifacts.leftovers import SAYING, sweep
from cdconf.errors import ArtifactError
from cdconf.events import Notice
from cdconf.promotion import turns
from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.said import Proof
from cdconf.promotion.statement import read
from cdconf.promotion.unsaid import is_unsaid, run_on_all
from tests.promotion.world import PROCEDURE

RUNNER = """
import sys
from types import SimpleNamespace
from pathlib import Path
from cdconf.artifacts import ArtifactStore
from cdconf.events import Collector
from cdconf.inventory import load_environment, load_project
from cdconf.promotion import stage_run

stage_run.procedure = lambda root, revision, app: SimpleNamespace(digest=sys.argv[2], commit="c" * 40)
project = load_project(Path(sys.argv[1]))
environment = load_environment(project, "staging")
chosen = stage_run.stage_for(project, environment, None)
run = stage_run.StageRun(project, environment, chosen, Collector(), lambda event: None, lambda: True)
run.begin("app")
artifact = ArtifactStore(project).find("app@1")
{patch}
print("ready", flush=True)
sys.stdin.readline()
run.passed(artifact, {{"web1": {{"identity": {{}}, "fence": 7}}}})
print(run.extra["statement"])
"""


def runner(world, patch=""):
    command = [sys.executable, "-c", RUNNER.format(patch=patch), str(world.root), PROCEDURE]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def said(world):
    found = (read(one) for one in named(world.place, STATEMENT, world.artifact.archive).values())
    return [one for one in found if isinstance(one, Proof)]


def test_processes_that_end_at_the_same_moment_make_one_statement(any_world):
    racing = [runner(any_world) for _ in range(4)]
    for one in racing:
        one.stdin.write("\n")
        one.stdin.flush()
    told = {one.communicate(timeout=60)[0] for one in racing}
    assert [one.returncode for one in racing] == [0] * 4
    (proof,) = said(any_world)
    assert proof.hosts["web1"]["fence"] == 7
    assert len(told) == 1, "all name the same statement"
    assert any_world.why() is None
    assert not any_world.place.entries(SAYING)


def test_one_that_dies_while_it_has_its_turn_keeps_nobody_from_saying_it(any_world, monkeypatch):
    dying = runner(any_world, "stage_run.say = lambda *about: __import__('os').kill(__import__('os').getpid(), 9)")
    dying.communicate("\n", timeout=60)
    assert dying.returncode == -signal.SIGKILL
    assert len(any_world.place.entries(SAYING)) == 1
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    any_world.stage_run().passed(any_world.artifact, {"web1": {"identity": {}, "fence": 7}})
    assert len(said(any_world)) == 1
    assert not any_world.place.entries(SAYING)


def test_what_a_dead_run_leaves_of_its_turn_is_swept(world):
    assert world.place.create(f"{SAYING}{world.artifact.archive}-{'0' * 32}.json", b"{}")
    sweep(world.project, world.store, grace=-1.0)
    assert not world.place.entries(SAYING)


@pytest.mark.parametrize("step", ["the turn", "the tests", "the statement"])
def test_a_run_that_is_killed_while_it_writes_leaves_nothing_that_counts(world, step):
    """Each object appears at once and whole; the next run of the same says it."""
    number = ["the turn", "the tests", "the statement"].index(step)
    patch = f"""
import itertools, os
counted, link = itertools.count(), os.link
os.link = lambda *about: os.kill(os.getpid(), 9) if next(counted) == {number} else link(*about)
"""
    dying = runner(world, patch)
    dying.communicate("\n", timeout=60)
    assert dying.returncode == -signal.SIGKILL
    assert said(world) == []
    assert "nobody has said" in world.why()
    for one in world.place.entries(SAYING):
        world.place.delete(one.name)
    world.stage_run().passed(world.artifact, {})
    assert world.why() is None


@pytest.fixture
def full(world):
    """The store on a file system that has no room left; gives what makes room."""
    folder = world.root / ".cdconf/artifacts"
    mounted = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"]
    saved = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if subprocess.run([*mounted, str(folder)], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        for path, data in saved.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(4096))
        yield filler.unlink
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_store_is_told_loses_nothing_and_is_written_to_later(world, full):
    before = sorted(one.name for one in world.place.entries())
    with pytest.raises(
        ArtifactError, match=r"app@1 has passed stage 'manual' couldn't be stored: .*No space left"
    ) as caught:
        world.stage_run(stage="manual").passed(world.artifact, {})
    assert "`cdconf deploy app@1 --to staging` says it later, and deploys nothing" in caught.value.hint
    world.stage_run().passed(world.artifact, {})
    told = [one for one in world.told if isinstance(one, Notice) and one.warning]
    assert "couldn't be stored" in told[-1].message
    assert "deploys nothing" in told[-1].message
    assert sorted(one.name for one in world.place.entries()) == before, "nothing half-written is there"
    assert not list((world.root / ".cdconf/artifacts").rglob(".part-*"))
    full()
    world.stage_run(stage="manual").passed(world.artifact, {})
    assert world.why() is None


DEPLOYED = {"at": 1.0, "owner": "ci@runner pid 1", "run": "the run", "procedure": PROCEDURE}


@pytest.mark.parametrize(
    ("deployed", "run"),
    [
        ({"web1": DEPLOYED, "web2": DEPLOYED}, "the run"),
        ({"web1": DEPLOYED, "web2": {**DEPLOYED, "run": "another"}}, None),
        ({"web1": DEPLOYED, "web2": {**DEPLOYED, "procedure": "sha256:other"}}, None),
        ({"web1": DEPLOYED, "web2": None}, None),
        ({"web1": {"at": 1.0, "owner": "x", "run": "the run"}}, None),
        ({"web1": {"at": 1.0, "owner": "x", "procedure": PROCEDURE}}, None),
        ({}, None),
    ],
)
def test_only_what_one_run_brought_to_all_hosts_can_be_said_later(deployed, run):
    assert run_on_all(deployed, PROCEDURE) == run


def test_what_was_said_already_is_not_said_again(world):
    def unsaid(refusal=None, **changes):
        checked = CheckedObject("x", world.proof(**changes), refusal)
        return is_unsaid([checked], world.artifact, "manual", PROCEDURE, "the run")

    assert not unsaid()
    assert not unsaid(result="failed", run="the run")
    assert unsaid(result="failed", run="an earlier run")
    assert unsaid(procedure="sha256:other")
    assert unsaid(stage="release")
    assert unsaid(refusal="is signed by an unknown key: SHA256:x")


def test_nothing_is_said_late_without_the_key_or_a_procedure_or_a_stage(world, monkeypatch):
    deployed = {"web1": DEPLOYED}
    assert world.stage_run().is_unsaid(world.artifact, deployed)
    assert not world.stage_run("production").is_unsaid(world.artifact, {"web1": {**DEPLOYED, "procedure": "x"}})
    world.prove()
    assert not world.stage_run().is_unsaid(world.artifact, deployed)
    monkeypatch.setenv("CDCONF_SIGNING_KEY_DIR", "/nowhere")
    assert not world.stage_run().is_unsaid(world.artifact, deployed)
