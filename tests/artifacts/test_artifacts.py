import dataclasses
import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.artifacts import Store
from cdconf.artifacts.unpack import unpack
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import ABOUT, DEVICE, FILE, HARD, LINK, archive, built, forget_fetched, make_app, place
from tests.conftest import git, write


@pytest.mark.parametrize(
    "members",
    [
        [("../out", FILE, b"x")],
        [("/etc/out", FILE, b"x")],
        [("a/../../out", FILE, b"x")],
        [("a", LINK, "/etc"), ("b", FILE, b"")],
        [("a", LINK, "../.."), ("b", FILE, b"")],
        [("a", LINK, "b"), ("b", LINK, "../../x")],
        [("a", LINK, "."), ("a/b", FILE, b"x")],
        [("a", HARD, "/etc/passwd")],
        [("a", DEVICE, b"")],
        [("a", FILE, b"1"), ("a", FILE, b"2")],
        [],
    ],
)
def test_an_archive_that_could_leave_its_directory_is_refused(tmp_path, members):
    file = archive(tmp_path / "x-1.tar.gz", *members)
    target = tmp_path / "deep/er/target"
    target.mkdir(parents=True)
    with pytest.raises(ArtifactError):
        unpack(file, target, file.name)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "deep/er/out").exists()


def test_a_top_directory_named_like_the_archive_is_left_out(tmp_path):
    file = archive(tmp_path / "app-1.tar.gz", ("app-1/bin/run", FILE, b"x"))
    unpack(file, tmp_path / "out", file.name)
    assert (tmp_path / "out/bin/run").read_bytes() == b"x"


def test_a_commit_is_built_once(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    first, fresh = built(app)
    again, fresh_again = built(app)
    assert (fresh, fresh_again) == (True, False)
    assert first == again
    assert (tmp_path / "log").read_text() == "built\n"


def test_commits_whose_builds_are_the_same_bytes_are_built_once_each(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (app / "cdconf.yml").read_text().replace("tar -czf", "tar --mtime @0 -cf - note | gzip -n > ")
    (app / "cdconf.yml").write_text(text.replace("gz note", "gz"))
    git(app, "commit", "-qam", "bytes that depend on nothing else")
    first, _ = built(app)
    git(app, "commit", "-q", "--allow-empty", "-m", "nothing")
    second, fresh = built(app)
    assert (first.archive, fresh) == (second.archive, True)
    assert (second.commit, built(app)) == (git(app, "rev-parse", "HEAD"), (second, False))
    assert (tmp_path / "log").read_text() == "built\nbuilt\n"


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_checkouts_that_build_one_commit_at_once_have_one_artifact(
    project, tmp_path_factory, request, monkeypatch, kind
):
    """Though no two of their builds are the same bytes."""
    shared = tmp_path_factory.mktemp("shared")
    monkeypatch.setenv("LOG", str(shared / "log"))
    store = request.getfixturevalue("s3") if kind == "s3" else str(shared / "store")
    make_app(project, store)
    text = (project / "cdconf.yml").read_text()
    (project / "cdconf.yml").write_text(
        text.replace("mkdir out", "sleep 1 && head -c9 /dev/urandom > note && mkdir out")
    )
    git(project, "commit", "-qam", "bytes that are never the same")
    clones = [shared / f"clone{number}" for number in range(3)]
    for clone in clones:
        git(project, "clone", "-q", str(project), str(clone))
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(built, clones))
    assert len((shared / "log").read_text().splitlines()) == 3  # they were at work at the same time
    assert len({artifact for artifact, _ in results}) == 1
    assert sorted(fresh for _, fresh in results) == [False, False, True]
    assert Store(load_project(project)).list() == [results[0][0]]
    assert Store(load_project(project)).manifest(results[0][0])


def test_a_version_that_another_commit_has_is_refused(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    git(local_app, "tag", "v1")
    assert built(local_app)[0].label == "app@v1"
    write(local_app, {"note": "2\n"})
    git(local_app, "commit", "-qam", "two")
    git(local_app, "tag", "-f", "v1")
    with pytest.raises(ArtifactError, match="app@v1 exists already with other content"):
        built(local_app)


def test_a_tag_with_a_slash_gives_a_version_that_files_can_have(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    git(local_app, "tag", "release/1.4")
    assert built(local_app)[0].label == "app@release-1.4"


@pytest.mark.parametrize(
    ("leaves", "instead"),
    [("true", "no file"), ("mkdir out/app-1.tar.gz", "no file"), ("touch out/app-1.tar.gz out/app-2.tar.gz", "app-1")],
)
def test_a_build_leaves_one_file(local_app, leaves, instead):
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(re.sub("build: .*", f"build: mkdir out && {leaves}", text))
    git(local_app, "commit", "-qam", "leaves something else")
    with pytest.raises(ArtifactError, match=f"the build of 'app' must leave one out/app-.*, not {instead}") as caught:
        built(local_app)
    assert caught.value.line == 5


def test_only_the_commit_is_built(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(text.replace("gz note", "gz $(ls -A | grep -vx out)"))
    git(local_app, "commit", "-qam", "everything that is there")
    write(local_app, {"untracked": "x", "ignored/x": "x", ".gitignore": ".cdconf/\nignored/\n"})
    git(local_app, "commit", "-qam", "ignores more")
    artifact, _ = built(local_app)
    names = {one["path"] for one in Store(load_project(local_app)).manifest(artifact) if one["kind"] == "file"}
    assert {"note", "cdconf.yml"} <= names
    assert not {"untracked", "ignored/x"} & names


def test_a_store_of_an_older_version_is_read(local_app, stored_local):
    store, artifact = stored_local
    folder = local_app / ".cdconf/artifacts"
    (folder / "app@1.json").unlink()
    (folder / f"{artifact.archive}.json").write_text(json.dumps(dataclasses.asdict(artifact)))
    assert store.find("app@1") == artifact
    assert store.manifest(artifact)
    assert store.provenance(artifact) is None


def test_uncommitted_changes_are_refused_and_never_found_as_a_build(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    write(app, {"note": "2\n"})
    with pytest.raises(ArtifactError, match="aren't committed"):
        built(app)
    artifact, _ = built(app, allow_dirty=True)
    assert artifact.dirty
    assert Store(load_project(app)).nearest("app", [git(app, "rev-parse", "HEAD")]) is None


def test_a_directory_that_git_does_not_trust_and_no_git_at_all_are_told(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ArtifactError, match="git doesn't trust ") as caught:
        built(local_app)
    assert caught.value.hint == f"git config --global --add safe.directory {local_app}"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ArtifactError, match="git isn't installed"):
        built(local_app)


def test_a_failing_build_shows_its_last_lines(local_app, monkeypatch):
    monkeypatch.setenv("LOG", "/nowhere/at/all")
    with pytest.raises(ArtifactError) as caught:
        built(local_app)
    assert "/nowhere/at/all" in caught.value.detail


def test_the_same_version_with_other_content_is_refused(app, tmp_path):
    store = Store(load_project(app))
    store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    with pytest.raises(ArtifactError, match="exists already with other content"):
        store.add("app", "1", archive(tmp_path / "b.tar.gz", ("f", FILE, b"2")), **ABOUT)


def test_a_member_whose_name_has_two_lines_is_refused_for_what_it_is(tmp_path):
    file = archive(tmp_path / "x-1.tar.gz", ("a\nb", FILE, b"x"))
    with pytest.raises(ArtifactError, match=r"'a\\nb' has a line break"):
        unpack(file, tmp_path / "out", file.name)


@pytest.fixture
def stored(app, tmp_path):
    """A store, and an artifact in it whose files lie in a directory named like the archive."""
    store = Store(load_project(app))
    file = archive(tmp_path / "app-1.tar.gz", ("app-1/f", FILE, b"1"), ("app-1/bin/g", FILE, b"2"))
    return store, store.add("app", "1", file, **ABOUT)


@pytest.fixture
def stored_local(local_app, tmp_path):
    store = Store(load_project(local_app))
    return store, store.add("app", "1", archive(tmp_path / "app-1.tar.gz", ("f", FILE, b"1")), **ABOUT)


@pytest.mark.parametrize("damage", ["changed", "gone", "half", "link", "pipe", "file"])
def test_a_damaged_tree_is_unpacked_again_from_its_archive(stored, damage):
    store, artifact = stored
    whole = store.manifest(artifact)
    assert [entry["path"] for entry in whole] == ["bin", "bin/g", "f"]
    folder = store.tree(artifact)
    if damage == "changed":
        (folder / "f").write_bytes(b"x")
    elif damage == "half":
        (folder / "f").unlink()
    elif damage == "pipe":
        os.mkfifo(folder / "p")
    else:
        shutil.rmtree(folder)
        if damage == "link":
            folder.symlink_to(folder.parent.parent)
        elif damage == "file":
            folder.write_text("x")
    assert store.manifest(artifact) == whole
    assert (folder / "f").read_bytes() == b"1"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_damaged_tree_is_kept_when_its_archive_is_damaged_too(app, stored):
    store, artifact = stored
    (store.tree(artifact) / "f").write_bytes(b"x")
    place(app).replace(f"{artifact.archive}.blob", b"other")
    forget_fetched(app)
    with pytest.raises(ArtifactError, match="isn't what its digest says"):
        store.manifest(artifact)
    assert (store.tree(artifact) / "f").read_bytes() == b"x"


@pytest.mark.parametrize("damage", [None, b"other"])
def test_an_archive_that_was_lost_is_put_back_from_a_good_copy(app, stored, tmp_path, damage):
    store, artifact = stored
    blob = f"{artifact.archive}.blob"
    place(app).delete(blob) if damage is None else place(app).replace(blob, damage)
    forget_fetched(app)
    with pytest.raises(ArtifactError) as caught:
        store.manifest(artifact)
    assert "cdconf artifact add app FILE --version 1" in caught.value.hint
    assert store.add("app", "1", tmp_path / "app-1.tar.gz", **ABOUT) == artifact
    assert store.manifest(artifact)


@pytest.mark.parametrize("version", ["", ".1", "-1", "a/b", "1\n", "1 2", "x" * 101, "1\x1b[2m"])
def test_what_cannot_be_a_directory_and_a_word_is_no_version(local_app, tmp_path, version):
    file = archive(tmp_path / "a.tar.gz", ("f", FILE, b"1"))
    with pytest.raises(ArtifactError, match="can't be a version"):
        Store(load_project(local_app)).add("app", version, file, **ABOUT)


def test_many_at_once_mend_a_tree_and_read_it(stored):
    store, artifact = stored
    whole = store.manifest(artifact)
    (store.tree(artifact) / "f").write_bytes(b"x")
    with ThreadPoolExecutor(8) as pool:
        assert all(found == whole for found in pool.map(store.manifest, [artifact] * 16))


@pytest.mark.parametrize(
    "text",
    ["{bad", "[1]", "{}", '{"app": "app"}', "\x00", "swapped"],
    ids=["json", "list", "no", "few", "nul", "other"],
)
@pytest.mark.parametrize("name", [f"{'0' * 64}.json", "app@9.json"])
def test_damaged_metadata_is_named(app, stored, name, text):
    store, artifact = stored
    damaged = json.dumps(dataclasses.asdict(artifact)) if text == "swapped" else text
    place(app).replace(name, damaged.encode())
    with pytest.raises(ArtifactError, match="metadata can't be read") as caught:
        store.list()
    assert caught.value.file == place(app).shown(name)


def test_a_tampered_archive_is_found(app, tmp_path):
    store = Store(load_project(app))
    artifact = store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    place(app).replace(f"{artifact.archive}.blob", b"other")
    with pytest.raises(ArtifactError, match="isn't what its digest says"):
        store.verify(artifact)
