"""What a contributor reads and what a forge reads: commands and paths exist, files keep to their schemas."""

import json
import re
from pathlib import Path

import check_jsonschema
import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
PAGES = ("CONTRIBUTING.md", "STYLE.md", "README.md", "SECURITY.md")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        (".github/workflows/gate.yml", "github-workflows.json"),
        (".github/ISSUE_TEMPLATE/fault.yml", "github-issue-forms.json"),
        (".github/ISSUE_TEMPLATE/wish.yml", "github-issue-forms.json"),
        (".github/ISSUE_TEMPLATE/config.yml", "github-issue-config.json"),
    ],
)
def test_a_file_of_the_forge_keeps_to_its_schema(path, schema):
    known = json.loads((SCHEMAS / schema).read_text())
    found = yaml.safe_load((ROOT / path).read_text())
    data = {"on" if key is True else key: value for key, value in found.items()}  # YAML 1.1 takes `on` for true
    errors = jsonschema.validators.validator_for(known)(known).iter_errors(data)
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_link_and_make_target_of_a_page_exists(page):
    text = (ROOT / page).read_text()
    links = [one.partition("#")[0] for one in re.findall(r"\]\(([^)]+)\)", text) if "://" not in one]
    assert [one for one in links if one and not (ROOT / one).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    paths = re.findall(r"(?:^|[ `])((?:cdconf|tests|scripts|docs)/[a-z_./-]+[a-z])", text)
    assert [one for one in paths if not (ROOT / one).exists()] == []


def test_each_path_with_owners_exists():
    lines = [
        line.split() for line in (ROOT / ".github/CODEOWNERS").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    assert lines[0][0] == "*", "the last line that fits counts"
    assert [path for path, *_ in lines[1:] if not (ROOT / path.strip("/")).exists()] == []
    assert all(owner.startswith("@") for _, *owners in lines for owner in owners)


def test_hooks_before_a_commit_run_what_is_there():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    programs = [hook["entry"].split()[0] for hook in repository["hooks"]]
    assert [one for one in programs if not one.startswith(".venv/bin/") and not (ROOT / one).exists()] == []
