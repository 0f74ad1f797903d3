"""The systemd unit that `serve --install` writes."""

import shutil
import subprocess

import pytest

from cdconf.errors import UsageError
from cdconf.inventory import load_project
from cdconf.web import unit
from tests.web.dashboard import make


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(unit, "unit_folder", lambda is_system: tmp_path / "units")
    return load_project(make(tmp_path / "shop"))


def test_it_is_written_and_valid(project):
    made = unit.install(project, ["--bind", "127.0.0.1:8790", "--host", "100%.example"])
    assert made.path.name == "cdconf-serve-shop.service"
    assert made.path.read_text() == made.text
    assert '"--host" "100%%.example"' in made.text
    assert f"WorkingDirectory={project.root}\n" in made.text
    assert made.text.count("ProtectSystem=") <= 1
    unit.install(project, [])  # once more, in place of it
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", made.path], capture_output=True, text=True, check=False)
        assert made.path.name not in done.stderr


def test_another_checkouts_is_left_alone(project, tmp_path):
    (tmp_path / "units").mkdir()
    there = tmp_path / "units" / "cdconf-serve-shop.service"
    there.write_text(f"{unit.MARK}\nWorkingDirectory=/elsewhere\n")
    with pytest.raises(UsageError, match="isn't that of this checkout's dashboard"):
        unit.install(project, [])
    assert "/elsewhere" in there.read_text()


def test_secrets_stay_out_of_it(project, monkeypatch):
    monkeypatch.setenv("CDCONF_DATABASE", "postgresql://ann:s3cret@db/history")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert "s3cret" not in unit.install(project, []).text
