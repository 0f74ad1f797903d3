"""A build that doesn't end, or writes without end, is ended with all that it has started, and stores nothing."""

import contextlib
import os
import sys
from pathlib import Path

import pytest

from cdconf.artifacts.build import build
from cdconf.artifacts.store import ArtifactStore
from cdconf.errors import BuildFailed
from cdconf.inventory import load_project
from tests.conftest import git, write

MADE = "tar czf app-1.tar.gz README"


def built(root, command, within="1h"):
    app = f'groups: [web], path: /srv/app, build: "{command}", artifact: "app-*.tar.gz", build_within: {within}'
    write(root, {"cdconf.yml": f"project: demo\ngroups: {{web: []}}\napps: {{app: {{{app}}}}}\n", "README": "x"})
    write(root, {".gitignore": ".cdconf/\n"})
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "one")):
        git(root, *arguments)
    project = load_project(root)
    return project, lambda: build(project, project.apps["app"], lambda event: None)


def is_running(mark):
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in one.read_bytes().split(b"\0"):
                return True
    return False


@pytest.mark.parametrize("isolation", ["off", "on"])
def test_a_build_that_hangs_is_ended_with_what_it_has_started(tmp_path, monkeypatch, isolation):
    monkeypatch.setenv("CDCONF_ISOLATION", isolation)
    mark = f"{4_000_000 + os.getpid()}{len(isolation)}"
    project, run = built(tmp_path, f"{MADE}; setsid sleep {mark} & sleep {mark}", "1s")
    with pytest.raises(BuildFailed, match="was still running after 1 s, and was ended") as caught:
        run()
    assert "build_within" in caught.value.hint
    assert not is_running(mark)
    assert ArtifactStore(project).list() == []


def test_a_build_that_writes_without_end_is_ended_and_its_log_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[build.__module__], "LARGEST_LOG", 1024 * 1024)
    project, run = built(tmp_path, f"{MADE}; yes why")
    with pytest.raises(BuildFailed, match="had written more than 1 MiB, and was ended"):
        run()
    assert (project.data / "build-app.log").stat().st_size <= 1024 * 1024
    assert ArtifactStore(project).list() == []


def test_what_a_build_may_take_is_a_time(tmp_path):
    project, _ = built(tmp_path, MADE, "90m")
    assert project.apps["app"].build_within == 5400.0
