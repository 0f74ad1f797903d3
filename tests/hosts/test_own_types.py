"""A project's own resource type: its cases run as those of cdconf do."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import cdconf, write

pytestmark = pytest.mark.hosts
FILES = {
    "cdconf.yml": "project: own\ngroups: {web: []}\n",
    "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "resources/greeting/spec.py": """
        from cdconf.resources.spec import Field, ResourceType

        TYPE = ResourceType(
            name="greeting",
            doc="A greeting.",
            title="name",
            fields={"name": Field("string", "Whom."), "text": Field("string", "What.", default="hi")},
            example="greeting: you",
        )
    """,
    "resources/greeting/agent.py": """
        import os

        from cdconf.agent import files

        def path(fields):
            return "/etc/greeting-" + fields["name"]

        def observe(fields):
            try:
                with open(path(fields)) as stream:
                    return {"text": stream.read()}
            except FileNotFoundError:
                return None

        def apply(fields, difference):
            if difference.get("exists") == (True, False):
                os.unlink(path(fields))
            else:
                files.write_atomic(path(fields), fields["text"].encode())
    """,
    "resources/greeting/cases/greeting.yml": """
        - name: greets
          resources: [{greeting: world}]
          after: ["grep -q hi /etc/greeting-world"]
          tamper: ["echo bye > /etc/greeting-world"]
        - name: shows what it doesn't do
          resources: [{greeting: world, text: x}]
          after: ["! grep -q x /etc/greeting-world"]
        - name: removes
          before: ["touch /etc/greeting-gone"]
          resources: [{greeting: gone, absent: true}]
    """,
}


def test_its_cases_run_and_a_wrong_one_is_told(tmp_path):
    write(tmp_path, FILES)
    done = cdconf(tmp_path, "cases", "--json")
    assert done.returncode == 1, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert [(one["name"], one["ok"]) for one in cases] == [
        ("greets", True),
        ("shows what it doesn't do", False),
        ("removes", True),
    ]
    assert "( ! grep -q x /etc/greeting-world )" in cases[1]["message"]


def test_what_can_t_run_on_a_host_is_told_before_one_is_made(tmp_path):
    write(tmp_path, {**FILES, "resources/greeting/agent.py": "import requests\n"})
    done = cdconf(tmp_path, "cases")
    assert done.returncode == 1
    assert "resources/greeting/agent.py:1: it imports 'requests', which isn't on a host" in done.stderr
    assert "making" not in done.stderr


PAGE = Path(__file__).resolve().parents[2] / "docs/resource-types.md"
FILE = re.compile(r"^```\w+\n# (resources/[\w./]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_type_of_the_page_works(tmp_path):
    write(
        tmp_path, {"cdconf.yml": FILES["cdconf.yml"], "inventories/dev/hosts.yml": FILES["inventories/dev/hosts.yml"]}
    )
    files = dict(FILE.findall(PAGE.read_text()))
    assert sorted(Path(name).suffix for name in files) == [".py", ".py", ".yml"]
    write(tmp_path, files)
    done = cdconf(tmp_path, "cases", "alternative", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [case["ok"] for case in json.loads(done.stdout)["cases"]] == [True] * 3
