"""The wheel has all that's needed, is the same whoever builds it, and works when pipx installs it."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATED = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}


def tracked():
    """The files that git has, or would have after `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).is_file()]


def built(folder, umask):
    """Builds sdist and wheel of a copy of the sources, whose times and modes are the copy's own."""
    sources = folder / "sources"
    for name in tracked():
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod((0o777 if os.access(ROOT / name, os.X_OK) else 0o666) & ~umask)
    (sources / "left-over.whl").write_text("nobody's")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", sources]
    subprocess.run(command, env=DATED, check=True, capture_output=True, umask=umask)
    return {path.suffix: path for path in (folder / "dist").iterdir()}


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    return built(tmp_path_factory.mktemp("one"), 0o022), built(tmp_path_factory.mktemp("other"), 0o077)


def test_two_builds_have_the_same_bytes(twice):
    one, other = ({suffix: hashlib.sha256(path.read_bytes()).hexdigest() for suffix, path in d.items()} for d in twice)
    assert sorted(one) == [".gz", ".whl"]
    assert one == other


def test_the_wheel_has_every_file_of_the_package_and_no_other(twice):
    with zipfile.ZipFile(twice[0][".whl"]) as wheel:
        names = set(wheel.namelist())
    wanted = {name for name in tracked() if name.startswith("cdconf/")}
    assert {name for name in names if name.startswith("cdconf/")} == wanted
    others = sorted(name.partition("/")[2] for name in names - wanted if ".dist-info/" not in name)
    assert others == [
        "data/share/bash-completion/completions/cdconf",
        "data/share/fish/vendor_completions.d/cdconf.fish",
        "data/share/man/man1/cdconf.1",
        "data/share/zsh/site-functions/_cdconf",
    ]


def test_the_sdist_has_what_git_has(twice):
    with tarfile.open(twice[0][".gz"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert "left-over.whl" not in names
    missing = {name for name in tracked() if not name.startswith(".")} - names
    assert missing == set()


def test_pipx_installs_it_and_it_works(twice, tmp_path):
    """A new project is made and checked by what pipx has installed, far from this repository."""
    home = {name: str(tmp_path / name.lower()) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR", "HOME")}
    (tmp_path / "home").mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CDCONF_"))}
    env = inherited | home | {"PATH": f"{tmp_path / 'pipx_bin_dir'}:/usr/bin:/bin"}
    env["PIP_CACHE_DIR"] = os.environ.get("PIP_CACHE_DIR") or str(Path("~/.cache/pip").expanduser())

    def run(*words, cwd=tmp_path):
        done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    run(sys.executable, "-m", "pipx", "install", "--python", sys.executable, twice[0][".whl"])
    assert run("cdconf", "--version").startswith("cdconf 0.")
    run("cdconf", "init", "first")
    run("cdconf", "lint", cwd=tmp_path / "first")
    venv = tmp_path / "pipx_home/venvs/cdconf"
    packed = "from cdconf.session.bundle import bundle; print(bundle().digest)"
    here = subprocess.run([sys.executable, "-c", packed], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert run(venv / "bin/python", "-c", packed) == here  # the agent that goes to hosts is the same
    assert (tmp_path / "pipx_man_dir/man1/cdconf.1").resolve().is_file()
    assert run("bash", "-c", f". {venv}/share/bash-completion/completions/cdconf; complete -p cdconf").strip()
