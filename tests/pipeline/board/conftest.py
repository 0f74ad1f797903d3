"""A project with a pipeline whose artifacts were built from its own commit."""

import pytest

from tests.artifacts.conftest import home, s3, s3_server  # noqa: F401  fixtures
from tests.conftest import git
from tests.promotion.world import ABOUT, World, archive


class Line(World):
    """The world of promotion, with artifacts of real commits."""

    def build(self, version, folder):
        """An artifact of HEAD."""
        about = {**ABOUT, "commit": git(self.root, "rev-parse", "HEAD")}
        return self.store.add("app", version, archive(folder / f"app-{version}.tar.gz", version.encode()), **about)

    def digest(self, commit):
        from cdconf.promotion.procedure import procedure_of

        return procedure_of(self.root, commit, "app").digest

    def pass_stage(self, artifact, stage, **changes):
        """Says, as the stage, that it has passed."""
        from cdconf.promotion.said import Subject

        about = {"subject": Subject.of(artifact), "version": artifact.version, "stage": stage, **changes}
        homes = {"acceptance": "try-1", "manual": "staging", "release": "production"}
        procedure = self.digest(artifact.commit)
        return self.prove(
            f"stage:{stage}", procedure=procedure, environment=homes[stage], commit=artifact.commit, **about
        )


@pytest.fixture
def line(tmp_path, tmp_path_factory, home, monkeypatch):  # noqa: F811
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR"):
        monkeypatch.delenv(name, raising=False)
    return Line(tmp_path / "project", tmp_path_factory.mktemp("files"))


@pytest.fixture(params=["directory", "s3"])
def any_line(tmp_path, tmp_path_factory, home, monkeypatch, request):  # noqa: F811
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR"):
        monkeypatch.delenv(name, raising=False)
    store = request.getfixturevalue("s3") if request.param == "s3" else tmp_path_factory.mktemp("store")
    return Line(tmp_path / "project", tmp_path_factory.mktemp("files"), store)
