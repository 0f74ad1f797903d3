"""The lock file has what the project needs, for every Python that it supports, and a hash of each file."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")


def locked(python):
    """Name -> version of what's locked for a Python; each entry has hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip()):
        line, *hashes = [one.strip().rstrip("\\").strip() for one in entry.split("\n")]
        assert hashes, line
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), line
        pinned = Requirement(line)
        (only,) = pinned.specifier
        assert only.operator == "==", line
        environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.1"}
        if pinned.marker is None or pinned.marker.evaluate(environment):
            found[canonicalize_name(pinned.name)] = only.version
    return found


def needed():
    """What pyproject.toml asks for, but for what `make fuzz` and `make release` alone install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [members for name, members in project["dependency-groups"].items() if name not in ("fuzz", "release")]
    extras = project["project"]["optional-dependencies"].values()
    return [
        Requirement(one)
        for group in (
            project["project"]["dependencies"],
            project["build-system"]["requires"],
            *extras,
            *groups,
        )
        for one in group
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_all_that_the_project_asks_for_is_locked(python):
    known = locked(python)
    wrong = [str(one) for one in needed() if not one.specifier.contains(known.get(canonicalize_name(one.name), "0"))]
    assert wrong == [], "`scripts/lock` writes it anew"


def test_all_supported_pythons_are_meant():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert tuple(named) == PYTHONS


def test_setup_installs_by_hash_alone():
    lines = [one for one in (ROOT / "scripts/setup").read_text().splitlines() if "pip install" in one]
    assert len(lines) == 2
    assert "--require-hashes" in lines[0]
    assert "--no-deps" in lines[1]
    assert "--no-build-isolation" in lines[1]


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "against 0 of 1"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}], 1, "a 1: X-1, mended in 2"),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "no"}], 1, "b: osv doesn't know"),
        ([{"name": "a", "skip_reason": "no"}], 0, "SKIPPED"),
        (None, 0, "SKIPPED"),
    ],
)
def test_an_audit_is_skipped_only_where_nobody_answers(tmp_path, packages, code, says):
    """With a pip_audit that answers so."""
    answer = "no route" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    (tmp_path / "pip_audit.py").write_text(f"print({answer!r})\n")
    command = [sys.executable, str(ROOT / "scripts/audit")]
    for ci in ({}, {"CI": "true"}):
        environment = {"PYTHONPATH": str(tmp_path), **ci}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        skipped_in_ci = bool(ci) and says == "SKIPPED"  # no job is green that has asked nobody
        assert (done.returncode, done.stderr) == (1 if skipped_in_ci else code, "")
        assert says in done.stdout
