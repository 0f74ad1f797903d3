"""Archives made by hand, a project in git, and stores: each test that asks for `app` runs on a directory and on S3."""

import io
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import uuid
from pathlib import Path

import pytest

from cdconf.artifacts import build
from cdconf.artifacts.backends import place_of
from cdconf.inventory import load_project
from tests.conftest import git, write

FILE, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
ABOUT = {"commit": None, "commit_time": None, "built_at": 0.0, "duration_s": 0.0, "builder": "x", "dirty": False}


def archive(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, kind, value in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry.linkname = value
                tar.addfile(entry)
            else:
                entry.size = len(value)
                tar.addfile(entry, io.BytesIO(value))
    return path


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Keys of nobody."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    for name in ("CDCONF_SIGNING_KEY", "CDCONF_TRUSTED_KEYS"):
        monkeypatch.delenv(name, raising=False)
    # Builds of these tests tell what they do in a file of the test's.
    monkeypatch.setenv("CDCONF_ISOLATION", "off")
    monkeypatch.setenv("CDCONF_PASS_VARIABLES", "LOG")
    return folder


@pytest.fixture(scope="session")
def s3_server():
    """A server that speaks S3's protocol: what the environment must say to reach it."""
    pytest.importorskip("s3fs")
    command = [sys.executable, "-m", "tests.artifacts.s3_server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], text=True, **pipes) as server:
        url = server.stdout.readline().strip()
        known = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        yield known | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
        server.stdin.close()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The URL of an empty prefix in a bucket; the environment says how to reach it.

    The bucket is the test's own: whatever is listed, the server goes through all that's in it.
    """
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    bucket = uuid.uuid4().hex
    with urllib.request.urlopen(urllib.request.Request(f"{s3_server['AWS_ENDPOINT_URL']}/{bucket}", method="PUT")):
        return f"s3://{bucket}/artifacts"


def make_app(root, store):
    write(
        root,
        {
            "cdconf.yml": f"""
                project: demo
                {f"store: {store}" if store else ""}
                groups: {{web: [base], db: [base]}}
                apps:
                  app:
                    groups: [web]
                    path: /srv/app
                    artifact: out/app-*.tar.gz
                    build: echo built >> $LOG && mkdir out && tar -czf out/app-$CDCONF_VERSION.tar.gz note
            """,
            "note": "1\n",
            ".gitignore": ".cdconf/\nout/\n",
        },
    )
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


@pytest.fixture(params=["directory", "s3"])
def app(project, request):
    """A project in git, with one app."""
    store = request.getfixturevalue("s3") if request.param == "s3" else None
    return make_app(project, store)


@pytest.fixture
def local_app(project):
    """A project in git, with one app and a local store."""
    return make_app(project, None)


def built(root, **options):
    project = load_project(root)
    return build(project, project.apps["app"], lambda event: None, **options)


def place(root):
    """Where the project's artifacts lie."""
    return place_of(load_project(root))


def overwrite(place, name, data):
    """As somebody would who tampers with a store: cdconf itself replaces nothing there."""
    place.delete(name)
    assert place.create(name, data)


def forget_fetched(root):
    """As in another checkout, that has fetched nothing yet."""
    shutil.rmtree(root / ".cdconf/artifacts/fetched", ignore_errors=True)
