"""What an artifact must have for the packages that hosts install."""

import tarfile

import pytest

from cdconf.artifacts.lock_files import check_packages
from cdconf.artifacts.store import ArtifactStore
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.conftest import write

PROJECT = """
project: shop
groups: {web: []}
apps:
  shop:
    groups: [web]
    path: /srv/shop
    prepare: %s
"""
BOTH = "{venv: {lock: requirements.lock, wheels: wheels}, npm: package-lock.json}"
HASH = "a" * 64
LOCK = f"flask==3.0.0 --hash=sha256:{HASH}\n"
FILES = {"requirements.lock": LOCK, "package-lock.json": '{"lockfileVersion": 3, "packages": {}}', "package.json": "{}"}


def project(tmp_path, prepare):
    return load_project(write(tmp_path, {"cdconf.yml": PROJECT % prepare}))


def added(tmp_path, files, prepare=BOTH):
    write(tmp_path / "files", files)
    archive = tmp_path / "shop-1.tar"
    with tarfile.open(archive, "w") as tar:
        for name in files:
            tar.add(tmp_path / "files" / name, name)
    store = ArtifactStore(project(tmp_path, prepare))
    return store, lambda: store.add("shop", "1", archive, commit=None, commit_time=None, built_at=1.0, duration_s=0.0,
                                    builder="ann@desk", dirty=False)  # fmt: skip


def file(path):
    return {"path": path, "kind": "file", "mode": "0644", "sha256": "", "size": 0}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["package-lock.json", "package.json"], "1.0 has no file 'requirements.lock', by which app 'shop' is prepared"),
        (["requirements.lock", "package-lock.json"], "1.0 has no file 'package.json'"),
        ([*FILES, ".venv/bin/python"], "1.0 has '.venv/bin/python' of its own, where hosts install '.venv' for app"),
        ([*FILES, "wheels"], "'wheels' of 1.0 is no directory"),
    ],
)
def test_an_artifact_that_cant_be_prepared_is_told_before_any_host_is_asked(tmp_path, paths, message):
    app = project(tmp_path, BOTH).apps["shop"]
    with pytest.raises(ArtifactError, match=message.replace(".", r"\.")):
        check_packages(app, "1.0", [file(path) for path in paths])
    check_packages(app, "1.0", [file(path) for path in FILES])


def test_one_with_whole_lock_files_is_taken_in(tmp_path):
    store, add = added(tmp_path, FILES)
    assert [one.label for one in (add(), *store.list())] == ["shop@1", "shop@1"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "requirements.lock",
            f"{LOCK}requests==2.32\n",
            "line 2 of 'requirements.lock' has no hash, .* 'requests==2.32'",
        ),
        ("requirements.lock", f"{LOCK}-r others.txt\n", "line 2 of 'requirements.lock' leads to something else"),
        ("requirements.lock", f"{LOCK}--index-url https://ann:secret@x.example/\n", "'--index-url'$"),
        ("package-lock.json", '{"lockfileVersion": 1}', "'package-lock.json' is no lock file of version 2 or 3"),
        ("package-lock.json", "yarn lockfile v1", "'package-lock.json' isn't JSON"),
        ("package-lock.json", "[" * 100_000, "'package-lock.json' isn't JSON"),
    ],
)
def test_a_lock_file_that_hosts_would_refuse_isnt_taken_in(tmp_path, file, text, message):
    store, add = added(tmp_path, {**FILES, file: text})
    with pytest.raises(ArtifactError, match=f"hosts can't install the packages of shop-1.tar: .*{message}") as error:
        add()
    assert (error.value.file, error.value.line) == ("cdconf.yml", 4)
    assert error.value.hint.startswith("`")
    assert store.list() == []
    assert not list((tmp_path / ".cdconf/artifacts").glob("*.blob"))


def test_a_lock_file_that_is_left_out_isnt_taken_in(tmp_path):
    _, add = added(tmp_path, {"package.json": "{}", "package-lock.json": FILES["package-lock.json"]})
    with pytest.raises(ArtifactError, match=r"shop-1\.tar has no file 'requirements\.lock', by which app 'shop' is"):
        add()


def test_one_with_a_lock_file_that_is_too_large_isnt_taken_in(tmp_path):
    _, add = added(tmp_path, {**FILES, "requirements.lock": LOCK * 250_000})
    with pytest.raises(ArtifactError, match=r"'requirements\.lock' is larger than 16 MiB"):
        add()
