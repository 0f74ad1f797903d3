import dataclasses
import json
import os
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdconf.artifacts import ArtifactStore, build, keys
from cdconf.artifacts.attestations import SIGNATURE
from cdconf.artifacts.choose import choose
from cdconf.artifacts.unpack import unpack
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.artifacts.conftest import (
    ABOUT,
    DEVICE,
    FILE,
    HARD,
    LINK,
    archive,
    built,
    forget_fetched,
    make_app,
    overwrite,
    place,
)
from tests.conftest import cdconf, git, write


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
    (shared / "store").mkdir()
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
    assert ArtifactStore(load_project(project)).list() == [results[0][0]]
    assert ArtifactStore(load_project(project)).manifest(results[0][0])


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
    [
        ("true", "left none"),
        ("mkdir out/app-1.tar.gz", "left none"),
        ("touch out/app-1.tar.gz out/app-2.tar.gz", "left app-1.tar.gz, app-2.tar.gz"),
    ],
)
def test_a_build_leaves_one_file(local_app, leaves, instead):
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(re.sub("build: .*", f"build: mkdir out && {leaves}", text))
    git(local_app, "commit", "-qam", "leaves something else")
    with pytest.raises(
        ArtifactError, match=f"the build of 'app' must leave one file out/app-.*, and {instead}"
    ) as caught:
        built(local_app)
    assert caught.value.line == 5


def test_a_build_that_leaves_another_file_hears_which(local_app):
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(re.sub("build: .*", "build: mkdir dist && touch dist/app-1.zip", text))
    git(local_app, "commit", "-qam", "leaves a zip elsewhere")
    with pytest.raises(ArtifactError) as caught:
        built(local_app)
    assert caught.value.hint == "new since it began: dist/app-1.zip"


def test_only_the_commit_is_built(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (local_app / "cdconf.yml").read_text()
    (local_app / "cdconf.yml").write_text(text.replace("gz note", "gz $(ls -A | grep -vx out)"))
    git(local_app, "commit", "-qam", "everything that is there")
    write(local_app, {"untracked": "x", "ignored/x": "x", ".gitignore": ".cdconf/\nignored/\n"})
    git(local_app, "commit", "-qam", "ignores more")
    artifact, _ = built(local_app)
    names = {one["path"] for one in ArtifactStore(load_project(local_app)).manifest(artifact) if one["kind"] == "file"}
    assert {"note", "cdconf.yml"} <= names
    assert not {"untracked", "ignored/x"} & names


def test_a_build_names_the_files_that_git_knows_nothing_of(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    write(local_app, {"new.py": "x", "more/a": "x", "more/b": "x", "ignored/x": "x", "empty/.keep": "x"})
    write(local_app, {".gitignore": ".cdconf/\nignored/\nout/\n*.gz\n.keep\nlog\n"})
    git(local_app, "add", ".gitignore")
    git(local_app, "commit", "-qm", "ignores")
    project, said = load_project(local_app), []
    for _ in range(2):  # also when it was built before
        build(project, project.apps["app"], said.append)
    [one, again] = [event for event in said if getattr(event, "warning", False)]
    assert one == again
    assert one.message.startswith("not in git, so not in the build either: more/, new.py (")
    write(local_app, {f"many-{number:02}": "x" for number in range(20)})
    build(project, project.apps["app"], said.append)
    assert "many-09 and 12 more (" in said[-1].message


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
    assert ArtifactStore(load_project(app)).nearest("app", [git(app, "rev-parse", "HEAD")]) is None


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
    store = ArtifactStore(load_project(app))
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
    store = ArtifactStore(load_project(app))
    file = archive(tmp_path / "app-1.tar.gz", ("app-1/f", FILE, b"1"), ("app-1/bin/g", FILE, b"2"))
    return store, store.add("app", "1", file, **ABOUT)


@pytest.fixture
def stored_local(local_app, tmp_path):
    store = ArtifactStore(load_project(local_app))
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
    overwrite(place(app), f"{artifact.archive}.blob", b"other")
    forget_fetched(app)
    with pytest.raises(ArtifactError, match="isn't what its digest says"):
        store.manifest(artifact)
    assert (store.tree(artifact) / "f").read_bytes() == b"x"


@pytest.mark.parametrize("damage", [None, b"other"])
def test_an_archive_that_was_lost_is_put_back_from_a_good_copy(app, stored, tmp_path, damage):
    store, artifact = stored
    blob = f"{artifact.archive}.blob"
    place(app).delete(blob) if damage is None else overwrite(place(app), blob, damage)
    forget_fetched(app)
    with pytest.raises(ArtifactError) as caught:
        store.manifest(artifact)
    assert "cdconf artifact add app FILE --version 1" in caught.value.hint
    assert store.add("app", "1", tmp_path / "app-1.tar.gz", **ABOUT) == artifact
    assert store.manifest(artifact)


def lose(root, artifact, damage):
    """The store loses an archive, or holds other bytes, while this checkout has a whole copy of earlier."""
    blob = f"{artifact.archive}.blob"
    place(root).delete(blob) if damage is None else overwrite(place(root), blob, damage)


@pytest.mark.parametrize("damage", [None, b"other"])
def test_a_copy_of_earlier_does_not_hide_that_the_store_has_lost_an_archive(app, stored, tmp_path, damage):
    store, artifact = stored
    store.manifest(artifact)  # which fetches it
    lose(app, artifact, damage)
    keys.new(load_project(app))
    for words in (["verify", "app@1"], ["sign", "app@1"]):
        result = cdconf(app, "artifact", *words)
        assert result.returncode == 1
        problem = "is missing from the store" if damage is None else "isn't what its digest says"
        assert f"the archive of app@1 {problem}" in result.stderr
    assert store.entries(SIGNATURE) == []
    assert store.manifest(artifact) if load_project(app).store else True  # a deployment from here goes on
    again = cdconf(app, "artifact", "add", "app", str(tmp_path / "app-1.tar.gz"), "--version", "1")
    assert (again.returncode, "is restored" in again.stderr) == (0, True)
    forget_fetched(app)
    assert store.verify(artifact)
    assert cdconf(app, "artifact", "sign", "app@1").returncode == 0
    assert cdconf(app, "artifact", "verify", "app@1").returncode == 0


def test_the_hint_for_a_lost_archive_names_the_copy_that_this_machine_has(project, s3, tmp_path):
    make_app(project, s3)
    store = ArtifactStore(load_project(project))
    artifact = store.add("app", "1", archive(tmp_path / "app-1.tar.gz", ("f", FILE, b"1")), **ABOUT)
    store.manifest(artifact)
    lose(project, artifact, None)
    (tmp_path / "app-1.tar.gz").unlink()
    hint = cdconf(project, "artifact", "verify", "app@1").stderr.partition("hint: ")[2]
    words = shlex.split(hint.partition("`cdconf ")[2].partition("`")[0])
    assert cdconf(project, *words).returncode == 0
    assert cdconf(project, "artifact", "verify", "app@1").returncode == 0
    lose(project, artifact, None)
    forget_fetched(project)
    hint = cdconf(project, "artifact", "verify", "app@1").stderr.partition("hint: ")[2]
    assert f"from a copy, whose SHA-256 must be {artifact.archive}" in hint
    assert "`cdconf artifact verify app@1` there says so" in hint


def test_a_build_whose_archive_is_lost_is_made_again_if_that_gives_the_same_bytes(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (app / "cdconf.yml").read_text().replace("tar -czf", "tar --mtime @0 -cf - note | gzip -n > ")
    (app / "cdconf.yml").write_text(text.replace("gz note", "gz"))
    git(app, "commit", "-qam", "bytes that depend on nothing else")
    artifact, _ = built(app)
    ArtifactStore(load_project(app)).manifest(artifact)
    lose(app, artifact, None)
    assert built(app) == (artifact, True)
    forget_fetched(app)
    assert ArtifactStore(load_project(app)).verify(artifact)


def test_a_build_whose_archive_is_lost_and_whose_bytes_are_others_is_no_success(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    text = (app / "cdconf.yml").read_text().replace("mkdir out", "head -c9 /dev/urandom > note && mkdir out")
    (app / "cdconf.yml").write_text(text)
    git(app, "commit", "-qam", "bytes that are never the same")
    artifact, _ = built(app)
    lose(app, artifact, None)
    with pytest.raises(ArtifactError, match="exists already with other content"):
        built(app)


@pytest.mark.parametrize("version", ["", ".1", "-1", "a/b", "1\n", "1 2", "x" * 101, "1\x1b[2m"])
def test_what_cannot_be_a_directory_and_a_word_is_no_version(local_app, tmp_path, version):
    file = archive(tmp_path / "a.tar.gz", ("f", FILE, b"1"))
    with pytest.raises(ArtifactError, match="can't be a version"):
        ArtifactStore(load_project(local_app)).add("app", version, file, **ABOUT)


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
def test_damaged_metadata_is_named_and_stops_only_what_needs_it(app, stored, name, text, tmp_path):
    _, artifact = stored
    damaged = json.dumps(dataclasses.asdict(artifact)) if text == "swapped" else text
    overwrite(place(app), name, damaged.encode())
    said = []
    store = ArtifactStore(load_project(app), emit=said.append)
    assert store.list() == [artifact]
    assert store.list("app") == [artifact]
    (notice,) = said
    assert notice.warning
    assert place(app).shown(name) in notice.message
    assert "can't be read" in notice.message
    assert store.manifest(store.find("app@1"), fresh=True)
    other = archive(tmp_path / "b.tar.gz", ("f", FILE, b"2"))
    assert store.add("app", "2", other, **ABOUT).version == "2"
    reference = name.removesuffix(".json")
    with pytest.raises(ArtifactError, match="metadata can't be read") as caught:
        store.find(reference[:12] if "@" not in reference else reference)
    assert caught.value.file == place(app).shown(name)


def test_metadata_of_a_newer_cdconf_is_called_so_and_is_left_alone(app, stored):
    store, artifact = stored
    newer = json.dumps({**dataclasses.asdict(artifact), "version": "2", "frobs": 1}).encode()
    overwrite(place(app), "app@2.json", newer)
    with pytest.raises(ArtifactError, match="it has frobs, as of a newer cdconf"):
        store.find("app@2")
    assert store.list() == [artifact]
    assert place(app).read(["app@2.json"]) == {"app@2.json": newer}


def test_a_version_whose_metadata_cannot_be_read_is_not_taken_by_another(app, tmp_path):
    store = ArtifactStore(load_project(app))
    overwrite(place(app), "app@1.json", b"{bad")
    with pytest.raises(ArtifactError, match="metadata can't be read"):
        store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    assert place(app).read(["app@1.json"]) == {"app@1.json": b"{bad"}


def test_the_nearest_build_is_not_guessed_while_metadata_cannot_be_read(local_app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    artifact, _ = built(local_app)
    project, said = load_project(local_app), []
    overwrite(place(local_app), "app@9.json", b"{bad")
    assert choose(project, "app", said.append) == artifact  # no other can be nearer than HEAD's own
    git(local_app, "commit", "-q", "--allow-empty", "-m", "two")
    with pytest.raises(ArtifactError, match="which build of 'app' is the nearest isn't known"):
        choose(project, "app", said.append)
    assert choose(project, artifact.label, said.append) == artifact


def test_known_bytes_under_another_version_are_an_artifact_of_their_own(app, stored, tmp_path):
    store, artifact = stored
    other = store.add("app", "r99", tmp_path / "app-1.tar.gz", **ABOUT)
    assert (other.label, other.archive) == ("app@r99", artifact.archive)
    assert {one.label for one in store.list()} == {"app@1", "app@r99"}
    added = cdconf(app, "artifact", "add", "app", str(tmp_path / "app-1.tar.gz"), "--version", "r100")
    assert "added app@r100" in added.stderr
    store.remove(other)
    assert store.manifest(store.find("app@1"), fresh=True)


def test_a_store_directory_that_is_not_there_is_refused_and_not_made(project, tmp_path):
    share = tmp_path / "mnt/share"
    make_app(project, str(share))
    for words in (["artifact", "list"], ["artifact", "add", "app", "note", "--version", "1"], ["artifact", "gc"]):
        result = cdconf(project, *words)
        assert result.returncode == 1
        assert f"the artifact store {share} isn't there" in result.stderr
        assert f"mkdir -p {share}" in result.stderr
    assert not share.parent.exists()
    share.mkdir(parents=True)
    assert cdconf(project, "artifact", "add", "app", "note", "--version", "1").returncode == 0


def test_a_tampered_archive_is_found(app, tmp_path):
    store = ArtifactStore(load_project(app))
    artifact = store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **ABOUT)
    overwrite(place(app), f"{artifact.archive}.blob", b"other")
    with pytest.raises(ArtifactError, match="isn't what its digest says"):
        store.verify(artifact)
