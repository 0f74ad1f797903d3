import io
import tarfile

import pytest

from cdconf.artifacts import Store, build
from cdconf.artifacts.unpack import unpack
from cdconf.errors import ArtifactError
from cdconf.inventory import load_project
from tests.conftest import git, write


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
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


FILE, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


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
        unpack(file, target)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "deep/er/out").exists()


def test_a_top_directory_named_like_the_archive_is_left_out(tmp_path):
    file = archive(tmp_path / "app-1.tar.gz", ("app-1/bin/run", FILE, b"x"))
    unpack(file, tmp_path / "out")
    assert (tmp_path / "out/bin/run").read_bytes() == b"x"


@pytest.fixture
def app(project):
    write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base], db: [base]}
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
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "one")
    return project


def built(root, **options):
    project = load_project(root)
    return build(project, project.apps["app"], lambda event: None, **options)


def test_a_commit_is_built_once(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    first, fresh = built(app)
    again, fresh_again = built(app)
    assert (fresh, fresh_again) == (True, False)
    assert first == again
    assert (tmp_path / "log").read_text() == "built\n"


def test_uncommitted_changes_are_refused_and_never_found_as_a_build(app, tmp_path, monkeypatch):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    write(app, {"note": "2\n"})
    with pytest.raises(ArtifactError, match="aren't committed"):
        built(app)
    artifact, _ = built(app, allow_dirty=True)
    assert artifact.dirty
    assert Store(load_project(app)).nearest("app", [git(app, "rev-parse", "HEAD")]) is None


def test_a_failing_build_shows_its_last_lines(app, monkeypatch):
    monkeypatch.setenv("LOG", "/nowhere/at/all")
    with pytest.raises(ArtifactError) as caught:
        built(app)
    assert "/nowhere/at/all" in caught.value.detail


def test_the_same_version_with_other_content_is_refused(app, tmp_path):
    store = Store(load_project(app))
    about = {"commit": None, "commit_time": None, "built_at": 0.0, "duration_s": 0.0, "builder": "x", "dirty": False}
    store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **about)
    with pytest.raises(ArtifactError, match="exists already with other content"):
        store.add("app", "1", archive(tmp_path / "b.tar.gz", ("f", FILE, b"2")), **about)


def test_a_tampered_archive_is_found(app, tmp_path):
    store = Store(load_project(app))
    about = {"commit": None, "commit_time": None, "built_at": 0.0, "duration_s": 0.0, "builder": "x", "dirty": False}
    artifact = store.add("app", "1", archive(tmp_path / "a.tar.gz", ("f", FILE, b"1")), **about)
    next((app / ".cdconf/artifacts").glob("*.blob")).write_bytes(b"other")
    with pytest.raises(ArtifactError, match="isn't what its digest says"):
        store.verify(artifact)
