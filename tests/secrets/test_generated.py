"""Secrets that cdconf makes: once, whoever asks at the same moment."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.errors import SecretError
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import SecretStore
from tests.conftest import write

FILES = {
    "cdconf.yml": "project: demo\ngroups: {web: []}\n",
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
}


def make(root):
    project = load_project(root)
    return SecretStore(project, load_environment(project, "dev"))


@pytest.fixture
def root(tmp_path):
    return write(tmp_path, FILES)


def test_runs_that_begin_at_once_get_the_same_secret(root, monkeypatch):
    everyone = threading.Barrier(4)
    load = SecretStore._load_generated

    def slowly(self):
        found = load(self)
        if self.waits:
            self.waits = False
            with pytest.raises(threading.BrokenBarrierError):
                everyone.wait(0.3)  # nobody else comes between the look and the write
        return found

    monkeypatch.setattr(SecretStore, "waits", False, raising=False)
    stores = [make(root) for _ in range(4)]
    monkeypatch.setattr(SecretStore, "_load_generated", slowly)
    for one in stores:
        one.waits = True
    with ThreadPoolExecutor(4) as pool:
        values = set(pool.map(lambda one: str(one.generate("password", 20)), stores))
    assert len(values) == 1
    assert json.loads((root / ".cdconf/environments/dev/secrets.json").read_text())["password"] in values


@pytest.mark.parametrize("text", ["", "[]", "5", "null", '{"password": 5}', '["x"]', "{", "[" * 100000])
def test_a_damaged_file_is_named(root, text):
    write(root, {".cdconf/environments/dev/secrets.json": text})
    with pytest.raises(SecretError, match=r"secrets\.json is damaged") as caught:
        make(root)
    assert "restore it" in caught.value.hint


@pytest.mark.parametrize("make_it", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/nonexistent/x")])
def test_no_secret_is_made_anew_where_the_others_cant_be_seen(root, make_it):
    path = root / ".cdconf/environments/dev/secrets.json"
    path.parent.mkdir(parents=True)
    make_it(path)
    before = path.lstat().st_ino
    with pytest.raises(SecretError, match=r"secrets\.json is damaged"):
        make(root)
    assert path.lstat().st_ino == before


def test_what_is_there_is_kept(root):
    first = make(root)
    value = str(first.generate("password", 20))
    assert str(make(root).generate("password", 20)) == value


@pytest.mark.parametrize("place", [".cdconf/environments/dev", ".cdconf/environments"])
def test_a_file_in_the_place_of_the_directory_is_named(root, place):
    write(root, {place: "x"})
    with pytest.raises(SecretError, match=rf"{place}.*Not a directory"):
        make(root)
