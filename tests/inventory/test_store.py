"""Where artifacts lie, as cdconf.yml says it."""

import json
import re
import subprocess

import pytest

from cdconf.artifacts.backends import FolderBackend, place_of
from cdconf.artifacts.remote import RemoteBackend
from cdconf.errors import InvalidFile
from cdconf.inventory import keys, load_project
from tests.conftest import CDCONF


def with_store(project, value):
    text = (project / "cdconf.yml").read_text()
    (project / "cdconf.yml").write_text(f"{text.rstrip()}\nstore: {json.dumps(value)}\n")
    return load_project(project)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("s3://bucket", "s3://bucket/x"),
        ("s3://bucket/a/b/", "s3://bucket/a/b/x"),
        ("/mnt/artifacts", "/mnt/artifacts/x"),
        ("built", "built/x"),
    ],
)
def test_a_store_is_a_bucket_or_a_directory(project, value, shown):
    place = place_of(with_store(project, value))
    assert isinstance(place, RemoteBackend if value.startswith("s3:") else FolderBackend)
    assert place.shown("x") == shown
    assert re.match(keys.STORE, value)


def test_a_home_is_its_owners(project, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert place_of(with_store(project, "~/artifacts")).shown("x") == "/home/ada/artifacts/x"


@pytest.mark.parametrize("value", ["", "s3://", "s3:///x", "s3://b/x?y", "https://host/x", "gs://bucket/x", 7, ["a"]])
def test_anything_else_is_refused_with_its_line(project, value):
    with pytest.raises(InvalidFile) as caught:
        with_store(project, value)
    assert "cdconf.yml" in str(caught.value)
    assert caught.value.line == 5


def test_a_directory_that_others_may_read_lets_them_read_its_files(project, tmp_path):
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir(mode=0o755)
    own.mkdir(mode=0o700)
    for folder in (shared, own):
        FolderBackend(folder, project).create("a", b"x")
    assert (shared / "a").stat().st_mode & 0o777 == 0o644
    assert (own.stat().st_mode & 0o777, (own / "a").stat().st_mode & 0o777) == (0o700, 0o600)


def test_s3_without_its_library_says_what_to_install(project):
    with_store(project, "s3://bucket/x")
    (project / "fsspec.py").write_text("raise ImportError('fsspec')\n")
    listed = [*CDCONF, "artifact", "list"]  # a process of its own, which has imported nothing yet
    result = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "pip install 'cdconf[s3]'" in result.stderr
