"""One file of a store that can't be read says nothing of the others."""

import os
import sys

import pytest

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.backends import FolderBackend
from cdconf.artifacts.metadata import metadata
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, FILE, archive, built


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("way", ["large", "failing", "pipe", "directory", "link to nothing"])
def test_metadata_that_cant_be_read_is_named_and_keeps_nobody_from_the_rest(tmp_path, way):
    place = FolderBackend(tmp_path, tmp_path, own=True)
    place.create("shop@1.json", b"{}")
    path = tmp_path / "shop@2.json"
    if way == "large":
        path.touch()
        os.truncate(path, 1 << 40)
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "directory":
        path.mkdir()
    elif way == "link to nothing":
        path.symlink_to("nowhere")
    else:
        path.symlink_to("/proc/self/mem")
    _, unreadable = metadata(place)
    told = {one.name: str(one.error) for one in unreadable}
    assert told.keys() == {"shop@1.json", "shop@2.json"}
    assert "shop@2.json: the artifact's metadata can't be read" in told["shop@2.json"]


def test_a_link_to_itself_is_named(tmp_path):
    (tmp_path / "shop@1.json").symlink_to("shop@1.json")
    _, unreadable = metadata(FolderBackend(tmp_path, tmp_path, own=True))
    assert [one.name for one in unreadable] == ["shop@1.json"]


KINDS = {
    "pipe": os.mkfifo,
    "directory": lambda path: path.mkdir(),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["archive", "build log"])
def test_another_kind_of_file_in_place_of_an_archive_or_a_log_is_named_and_never_waited_for(
    local_app, tmp_path, monkeypatch, kind, what
):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    artifact, _ = built(local_app)
    store = ArtifactStore(load_project(local_app))
    (path,) = (local_app / ".cdconf/artifacts").glob("*.blob" if what == "archive" else "*.log")
    path.unlink()
    KINDS[kind](path)
    with pytest.raises(ArtifactError, match=f"the {what} of {artifact.label} can't be read: .*{path.stem}"):
        store.verify(artifact) if what == "archive" else store.log(artifact)


def test_what_is_no_file_is_replaced_when_its_archive_is_added_again_or_named(local_app, tmp_path):
    file = archive(tmp_path / "app-1.tar.gz", ("f", FILE, b"1"))
    store = ArtifactStore(load_project(local_app))
    artifact = store.add("app", "1", file, **ABOUT)
    (path,) = (local_app / ".cdconf/artifacts").glob("*.blob")
    path.unlink()
    os.mkfifo(path)
    store.add("app", "1", file, **ABOUT)
    assert store.verify(artifact) == path
    path.unlink()
    path.mkdir()
    with pytest.raises(ArtifactError, match=f"{path.name}: Is a directory"):
        store.add("app", "1", file, **ABOUT)
