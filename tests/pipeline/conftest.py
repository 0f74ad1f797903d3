"""Stores of both kinds."""

import os
import time
from pathlib import Path

import pytest

from cdconf.artifacts.backends import FolderBackend
from cdconf.artifacts.remote import RemoteBackend
from tests.artifacts.conftest import app, home, s3, s3_server  # noqa: F401  fixtures


@pytest.fixture(params=["directory", "s3"])
def place(tmp_path, request):
    if request.param == "s3":
        return RemoteBackend(request.getfixturevalue("s3"), tmp_path / "fetched")
    return FolderBackend(tmp_path / "store", tmp_path, own=True)


@pytest.fixture
def folder(tmp_path):
    return FolderBackend(tmp_path / "store", tmp_path, own=True)


@pytest.fixture
def age(tmp_path):
    """Makes the objects of the directory's store older by some seconds."""

    def older(by):
        for path in Path(tmp_path / "store").iterdir():
            then = time.time() - by
            os.utime(path, (then, then))

    return older
