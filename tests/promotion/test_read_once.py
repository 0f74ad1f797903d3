"""The procedure is read once per run, by whomever it's needed first."""

import os
import stat

import pytest

from cdconf.promotion.errors import NotProvable
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.procedures import AppProcedures
from tests.conftest import cdconf, git
from tests.promotion.world import World


def test_a_deployment_reads_it_once(tmp_path, tmp_path_factory):
    """By the gate, by who says that a stage is passed, and by what hosts are told to remember."""
    world = World(tmp_path, tmp_path_factory.mktemp("files"))
    folder = tmp_path_factory.mktemp("bin")
    log, program = folder / "log", folder / "git"
    real = next(f"{one}/git" for one in os.environ["PATH"].split(os.pathsep) if os.access(f"{one}/git", os.X_OK))
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexec {real} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    found = procedure_of(world.root, "HEAD", "app")
    world.prove(procedure=found.digest, commit=found.commit)
    world.key("stage:release")
    path = f"{folder}:{os.environ['PATH']}"
    done = cdconf(world.root, "deploy", "app@1", "--to", "production", "--stage", "release", PATH=path)
    assert "web1" in done.stderr, "it came as far as its hosts, which don't exist"
    assert sum("cat-file --batch" in line for line in log.read_text().splitlines()) == 1


def test_what_cannot_be_proven_is_not_tried_again_either(tmp_path, tmp_path_factory, monkeypatch):
    world = World(tmp_path, tmp_path_factory.mktemp("files"))
    read = AppProcedures(world.root)
    (world.root / "roles/site/role.yml").write_text("resources: []\n")
    with pytest.raises(NotProvable):
        read("app")
    git(world.root, "checkout", "-q", ".")
    with pytest.raises(NotProvable):
        read("app")
    assert AppProcedures(world.root)("app") is not None
