"""One file of a store that can't be read says nothing of the others."""

import os
import sys

import pytest

from cdconf.artifacts.metadata import metadata
from cdconf.artifacts.places import Folder


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("way", ["large", "failing", "pipe", "directory"])
def test_metadata_that_cant_be_read_is_named_and_keeps_nobody_from_the_rest(tmp_path, way):
    place = Folder(tmp_path, tmp_path, own=True)
    place.create("shop@1.json", b"{}")
    path = tmp_path / "shop@2.json"
    if way == "large":
        path.touch()
        os.truncate(path, 1 << 40)
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "directory":
        path.mkdir()
    else:
        path.symlink_to("/proc/self/mem")
    _, unreadable = metadata(place)
    told = {one.name: str(one.error) for one in unreadable}
    assert told.keys() == {"shop@1.json", "shop@2.json"}
    assert "shop@2.json: the artifact's metadata can't be read" in told["shop@2.json"]


def test_a_link_to_itself_is_named(tmp_path):
    (tmp_path / "shop@1.json").symlink_to("shop@1.json")
    _, unreadable = metadata(Folder(tmp_path, tmp_path, own=True))
    assert [one.name for one in unreadable] == ["shop@1.json"]
