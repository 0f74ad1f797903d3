"""A store in a bucket: all stores of a process share what speaks to the service, while its settings are the same."""

import os

import pytest

from cdconf.artifacts.remote import RemoteBackend


def files(tmp_path):
    return RemoteBackend("s3://bucket/prefix", tmp_path)._files


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    """The file that has them."""
    pytest.importorskip("s3fs")
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return file


def test_stores_of_a_process_share_it(tmp_path, credentials):
    assert files(tmp_path) is files(tmp_path)


def test_other_settings_make_another_one(tmp_path, credentials, monkeypatch):
    first = files(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    second = files(tmp_path)
    credentials.write_text("[default]\naws_access_key_id = c\naws_secret_access_key = d\n\n")
    third = files(tmp_path)
    assert len({id(one) for one in (first, second, third)}) == 3


def test_a_fork_makes_its_own(tmp_path, credentials):
    first = files(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0 if files(tmp_path) is not first else 1)
    assert os.waitpid(child, 0)[1] == 0
