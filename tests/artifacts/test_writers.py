"""Writers who work at the same time, or die: what can be read is whole, and a version is one content."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.leftovers import sweep
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, FILE, archive, forget_fetched, place
from tests.racing import process
from tests.rounds import rounds


def store_of(root):
    return ArtifactStore(load_project(root))


def attempt(root, file):
    try:
        return store_of(root).add("app", "1", file, **ABOUT)
    except ArtifactError as error:
        return error


def test_of_many_writers_of_one_version_one_succeeds(app, tmp_path):
    files = [archive(tmp_path / f"{number}.tar.gz", ("f", FILE, b"%d" % number)) for number in range(6)]
    with ThreadPoolExecutor(len(files)) as pool:
        results = list(pool.map(lambda file: attempt(app, file), files))
    added = [one for one in results if not isinstance(one, ArtifactError)]
    assert len(added) == 1
    refused = [str(one) for one in results if isinstance(one, ArtifactError)]
    assert all("app@1 exists already with other content" in one for one in refused), refused
    assert store_of(app).list() == added
    assert store_of(app).manifest(added[0])


def test_many_writers_of_one_archive_have_one_artifact(app, tmp_path):
    file = archive(tmp_path / "a.tar.gz", ("f", FILE, b"1"))
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: attempt(app, file), range(6)))
    assert {one.archive for one in results} == {store_of(app).find("app@1").archive}
    assert len(store_of(app).list()) == 1


class Died(BaseException):
    pass


@pytest.mark.parametrize("step", ["before the archive", "after the archive", "before the metadata"])
def test_a_writer_that_dies_leaves_nothing_that_can_be_read(app, tmp_path, monkeypatch, step):
    file = archive(tmp_path / "a.tar.gz", ("f", FILE, b"1"))
    store = store_of(app)
    lies_in = type(store.place)
    put = lies_in.put

    def die(self, *arguments):
        if step == "after the archive":
            put(self, *arguments)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(lies_in, "create" if "metadata" in step else "put", die)
        with pytest.raises(Died):
            store.add("app", "1", file, **ABOUT)
    assert store.list() == []
    other = store.add("app", "1", archive(tmp_path / "b.tar.gz", ("f", FILE, b"2")), **ABOUT)
    assert store.list() == [other]
    swept = sweep(load_project(app), store, grace=-60)
    assert swept.count == (1 if step == "before the archive" else 2)  # the dead one's tree, and its archive
    assert [one.name for one in store.entries()] == sorted([f"{other.archive}.blob", "app@1.json", *locks(app)])
    forget_fetched(app)
    assert store.manifest(other)


def locks(root):
    return [] if load_project(root).store else ["trees.lock"]


def write_many(root, folder):
    for number in range(1000):
        file = archive(folder / f"{number}.tar", ("f", FILE, os.urandom(300_000)), mode="w:")
        store_of(root).add("app", f"{folder.name}.{number}", file, **ABOUT)


def test_writers_that_are_killed_at_any_moment_leave_only_whole_artifacts(app, tmp_path):
    for turn in range(rounds(3, 20)):
        folder = tmp_path / f"turn{turn}"
        folder.mkdir()
        writer = process(write_many, app, folder)
        before = len(store_of(app).list())
        writer.start()
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.037 * (turn % 5))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(30)
        assert writer.exitcode == -signal.SIGKILL
        store = store_of(app)
        found = store.list()
        assert turn > 0 or len(found) > before
        for artifact in found:
            assert store.manifest(artifact)


def test_fetched_copies_and_trees_that_nobody_needs_are_swept(app, tmp_path):
    store = store_of(app)
    first = store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    second = store.add("app", "2", archive(tmp_path / "b.tar.gz", ("f", FILE, b"2")), **ABOUT)
    store.manifest(first)
    store.manifest(second)
    store.remove(first)
    assert sweep(load_project(app), store).count == 0  # too young
    assert sweep(load_project(app), store, grace=-60, dry_run=True).count >= 2
    assert store.tree(first).exists()
    sweep(load_project(app), store, grace=-60)
    assert not store.tree(first).exists()
    assert store.list() == [second]
    assert store.manifest(second)
    assert not any(one.name.startswith(first.archive) for one in place(app).entries())


def test_a_bucket_that_is_not_there_is_said_to_be_missing(project, s3):
    text = (project / "cdconf.yml").read_text()
    (project / "cdconf.yml").write_text(text.rstrip() + "\nstore: s3://nobodys-bucket/x\n")
    with pytest.raises(ArtifactError, match="can't list the artifact store s3://nobodys-bucket/x"):
        store_of(project).list()


def test_a_server_that_does_not_answer_is_said_so(project, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    text = (project / "cdconf.yml").read_text()
    (project / "cdconf.yml").write_text(text.rstrip() + "\nstore: s3://artifacts/x\n")
    with pytest.raises(ArtifactError, match=r"can't list .*127\.0\.0\.1:1"):
        store_of(project).list()


def test_a_server_that_hangs_is_waited_for_aloud_and_not_for_ever(project, s3, monkeypatch, capsys):
    """A frozen server: its kernel takes connections, and nobody says anything."""
    monkeypatch.setattr("cdconf.artifacts.remote.SILENCE", 0.5)
    monkeypatch.setattr("cdconf.patience.SILENCE", 0.2)
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{frozen.getsockname()[1]}")
        text = (project / "cdconf.yml").read_text()
        (project / "cdconf.yml").write_text(text.rstrip() + "\nstore: s3://artifacts/x\n")
        with pytest.raises(ArtifactError, match="can't list the artifact store s3://artifacts/x: it said nothing for"):
            store_of(project).list()
    assert capsys.readouterr().err == "waiting for the artifact store s3://artifacts/x\n"
