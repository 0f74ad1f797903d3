"""Runs every type's cases on a real host: check, apply, apply again, each honest about what it did."""

import json

import pytest
import yaml

from cdconf.resources.discovery import Types
from tests.conftest import cdconf, write

TYPES = Types()
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name in TYPES
    for path in sorted((TYPES.folder(name) / "cases").glob("*.yml"))
    for case in yaml.safe_load(path.read_text())
]
# Everything on the host that check mode could have touched; cdconf's own directory, logs and caches aside.
SNAPSHOT = (
    "find /etc /srv /usr/local /root /home /opt -xdev -printf '%p %m %u %g %T@ %s %l\\n' | sort;"
    " cat /etc/passwd /etc/group; dpkg -l; systemctl list-units --all --plain --no-legend"
    " | grep -v -e session -e user- -e ssh;"
    " ps -e -o comm= | grep -v -e ^ps -e bash -e ssh -e sort -e uniq -e grep -e ^sh -e find | sort | uniq -c"
)


class Host:
    def __init__(self, root):
        self.root = root

    def cdconf(self, verb, *flags):
        result = cdconf(self.root, verb, "dev", "--json", "-v", *flags)
        assert result.stdout, result.stderr
        document = json.loads(result.stdout)
        resources = document["hosts"]["host"]["resources"]
        return [one["status"] for one in resources if one["type"] != "handler"], document

    def shell(self, line):
        return cdconf(self.root, "ssh", "dev", "host", "--", line)


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("cases"),
        {
            "cdconf.yml": "project: cases\ngroups: {all-types: [case]}\n",
            "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  host: {groups: [all-types]}\n",
            "roles/case/role.yml": "resources: []\n",
        },
    )
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        yield Host(root)
    finally:
        cdconf(root, "destroy", "dev", "--yes")


@pytest.mark.hosts
@pytest.mark.parametrize(("name", "case"), CASES)
def test_case(host, name, case):
    host.shell("rm -f /var/lib/cdconf/cases/applied.json")  # the case before isn't this one's orphan
    for line in case.get("before", []):
        done = host.shell(line)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    role = {"resources": case["resources"], "variables": case.get("variables", {})}
    (host.root / "roles/case/role.yml").write_text(json.dumps(role))
    before = host.shell(SNAPSHOT).stdout
    checked, document = host.cdconf("plan")
    assert host.shell(SNAPSHOT).stdout == before, "check mode changed the host"
    wanted = case.get("expect", ["changed"])
    failing = "error" in case
    if not failing or "check" in case:
        assert checked == case.get("check", ["would_change" if one == "changed" else one for one in wanted]), document
    for text in case.get("diff", []):
        assert any(text in (one["diff"] or "") for one in document["hosts"]["host"]["resources"]), document
    applied, document = host.cdconf("provision")
    if failing:
        assert case["error"] in json.dumps(document, ensure_ascii=False)
        assert document["exit_code"] == 1
        return
    assert applied == wanted, document
    for line in case.get("after", []):
        done = host.shell(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    for verb in ("provision", "plan"):
        again, document = host.cdconf(verb)
        assert again == ["ok"] * len(wanted), document


def test_every_type_is_documented_and_has_cases():
    for name in TYPES:
        kind = TYPES[name]
        assert kind.doc, name
        assert all(one.doc for one in kind.fields.values()), name
        assert any(case.values[0] == name for case in CASES), f"{name} has no cases"
        assert yaml.safe_load(kind.example)[name], name
