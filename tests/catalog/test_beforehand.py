"""Every error that needs no host is found before there is one, all at once."""

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.precheck import Beforehand, check_beforehand
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

ROLE = """
variables:
  mailer: {per_environment: true}
  password: {secret: true}
resources:
"""


def compiler(root, resources, os="debian-12"):
    hosts = f"provider: docker\nhosts:\n  web1: {{groups: [web], os: {os}}}\n"
    write(root, {"roles/base/role.yml": ROLE + resources, "inventories/dev/hosts.yml": hosts})
    project = load_project(root)
    return Compiler(project, load_environment(project, "dev"))


def problems(root, resources, **about):
    made = compiler(root, resources, **about)
    try:
        check_beforehand(made, [*made.environment.hosts.values()])
    except CdconfError as error:
        return [str(error), *(error.detail or "").splitlines()]
    return []


def test_all_errors_are_told_together_and_a_missing_value_beside_a_missing_secret(project):
    told = problems(
        project,
        "  - file: /a\n    content: '{{ password }}'\n    mode: '0600'\n"
        "  - file: /b\n    content: '{{ mailer }}'\n"
        "  - file: /c\n    content: '{{ gone }}'\n"
        "  - file: d\n    content: ''\n"
        "  - file: /e\n    content: ''\n    notify: nobody\n",
    )
    text = "\n".join(told)
    for part in (
        "'password' has no value",
        "'mailer' has no value",
        "'gone' is undefined",
        "not 'd'",
        "handler 'nobody'",
    ):
        assert part in text
    assert sum(line.startswith("also: ") for line in told) == 4


@pytest.mark.parametrize(
    ("condition", "is_told"),
    [
        ("facts.os.codename == 'bookworm'", True),
        ("facts.os.family == 'rhel'", False),
        ("facts.hostname == 'x'", False),
    ],
)
def test_the_fact_os_comes_from_the_inventory_and_others_are_left_to_the_host(project, condition, is_told):
    told = problems(project, f'  - file: /a\n    content: "{{{{ gone }}}}"\n    when: "{condition}"\n')
    assert bool(told) == is_told


def test_what_needs_facts_keeps_nothing_from_being_looked_at(project):
    resources = "  - file: /a\n    content: '{{ facts.hostname }}'\n  - file: b\n    content: ''\n"
    assert "must be an absolute path" in problems(project, resources)[0]


def test_a_system_that_names_do_not_tell_is_left_to_the_host(project):
    assert problems(project, "  - file: a\n    content: ''\n    when: facts.os.id == 'x'\n", os="alpine") == []


def test_no_secret_is_made_by_looking(project):
    made = compiler(project, "  - file: /a\n    content: x\n")
    write(
        project,
        {
            "roles/base/role.yml": "variables:\n  key: {secret: {generate: 12}}\n"
            "resources:\n  - file: /a\n    content: '{{ key }}'\n    mode: '0600'\n"
        },
    )
    catalog = Beforehand(made).look(made.environment.hosts["web1"])
    assert catalog.resources[0].sensitive
    assert not list((project / ".cdconf").rglob("secrets.json"))


def test_roles_that_cannot_be_read_are_all_told(project):
    config = (project / "cdconf.yml").read_text().replace("web: [base]", "web: [base, other]")
    write(project, {"cdconf.yml": config, "roles/other/role.yml": "resources:\n  - flie: /x\n"})
    told = problems(project, "  - fiel: /x\n")
    assert "roles/base/role.yml" in told[0]
    assert "roles/other/role.yml:2" in "\n".join(told)
