"""The examples of the guides are valid: each is compiled as a role of a project."""

import json
import re
from pathlib import Path

import pytest
import yaml

from cdconf.inventory import load_project
from cdconf.lint.project import lint
from cdconf.resources.discovery import Types
from tests.conftest import write

GUIDES = Path(__file__).parents[2] / "docs/guides"


def examples():
    for guide in sorted(GUIDES.glob("from-*.md")):
        text = guide.read_text()
        for match in re.finditer(r"```yaml\n(.*?)```", text, re.DOTALL):
            if not re.search(r"\b(ansible|community)\.", match[1]):
                line = text[: match.start()].count("\n") + 1
                yield pytest.param(match[1], id=f"{guide.name}:{line}")


@pytest.mark.parametrize("text", list(examples()))
def test_an_example_compiles(text, tmp_path):
    example = yaml.load(text, yaml.BaseLoader)
    role = example if isinstance(example, dict) else {"resources": example}
    unknown = {next(iter(resource)) for resource in role["resources"]} - set(Types())
    if unknown:
        pytest.skip(f"types that aren't there yet: {unknown}")
    due = {resource["notify"] for resource in role["resources"] if "notify" in resource} - set(role.get("handlers", ()))
    head = text if isinstance(example, dict) else f"resources:\n{text}"
    named = [
        value for resource in role["resources"] for key, value in resource.items() if key in ("template", "source")
    ]
    handlers = "".join(f"\n  {name}: {{command: 'true'}}" for name in due)
    write(
        tmp_path,
        {
            "cdconf.yml": "project: x\ngroups: {web: [web]}\n",
            "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
            "roles/web/role.yml": head + (f"\nhandlers:{handlers}\n" if due else ""),
            **{f"roles/web/{folder}/{name}": "" for name in named for folder in ("templates", "files")},
        },
    )
    assert [str(error) for error in lint(load_project(tmp_path))] == [], json.dumps(example)


def test_there_are_examples():
    assert len(list(examples())) >= 8
