"""Groups of groups: who is in them, what overrides what, with which group a host is provisioned, and what's refused."""

import json

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.inventory.limit import select
from cdconf.inventory.nested_groups import around, step_of
from cdconf.lint.project import lint
from tests.conftest import write

ROLE = "resources:\n  - file: /{}\n    content: x\n"
GROUPS = """
project: nested
groups:
  europe: {groups: [linux], roles: [zone]}
  linux:
    roles: base
    groups: [db, web]
  db: [data]
  web: [site]
  other: [base]
"""
FILES = {
    "cdconf.yml": GROUPS,
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          db1: {groups: [db]}
          bare: {groups: [linux]}
          else: {groups: [other]}
          both: {groups: [web, db]}
    """,
    **{f"roles/{name}/role.yml": ROLE.format(name) for name in ("zone", "base", "data", "site")},
}


@pytest.fixture
def nested(tmp_path):
    return write(tmp_path, FILES)


def loaded(root):
    project = load_project(root)
    return project, load_environment(project, "dev")


def test_a_host_is_in_all_groups_around_its_own(nested):
    project, environment = loaded(nested)
    assert {host.name: host.groups for host in environment.hosts.values()} == {
        "db1": ("europe", "linux", "db"),
        "both": ("europe", "linux", "db", "web"),
        "web1": ("europe", "linux", "web"),
        "else": ("other",),
        "bare": ("europe", "linux"),
    }
    assert {host.name for host in select(project, environment, "europe,!db")} == {"web1", "bare"}


def test_roles_and_variables_of_outer_groups_come_first(nested):
    write(nested, {f"inventories/dev/group_vars/{name}.yml": f"x: {name}\n" for name in ("all", "europe", "linux")})
    project, environment = loaded(nested)
    compiler = Compiler(project, environment)
    catalog = compiler.compile(environment.hosts["both"], {})
    assert [one.title for one in catalog.resources] == ["/zone", "/base", "/data", "/site"]
    assert explain_host(compiler, environment.hosts["web1"], {})["x"]["value"] == "linux"
    write(nested, {"inventories/dev/group_vars/web.yml": "x: web\n"})
    project, environment = loaded(nested)
    compiler = Compiler(project, environment)
    assert explain_host(compiler, environment.hosts["both"], {})["x"]["value"] == "web"
    assert explain_host(compiler, environment.hosts["db1"], {})["x"]["value"] == "linux"


def test_hosts_are_provisioned_with_the_first_group_that_contains_no_others(nested):
    project, environment = loaded(nested)
    steps = {host.name: step_of(host.groups, project) for host in environment.hosts.values()}
    assert steps == {"db1": "db", "both": "db", "web1": "web", "else": "other", "bare": "europe"}


def test_an_app_has_to_do_with_the_groups_around_its_own(nested):
    inner = load_project(nested).inner
    assert around(["web"], inner) == {"web", "linux", "europe"}
    assert around(["linux"], inner) == {"linux", "europe", "db", "web"}
    assert around(["other"], inner) == {"other"}


def test_templates_see_hosts_by_outer_groups(nested):
    text = "{{ hosts.linux | map(attribute='name') | join(' ') }}"
    write(nested, {"roles/base/role.yml": f"resources:\n  - file: /base\n    content: {json.dumps(text)}\n"})
    project, environment = loaded(nested)
    found = Compiler(project, environment).compile(environment.hosts["else"], {}).resources[0].fields["content"]
    assert sorted(found.split()) == ["bare", "both", "db1", "web1"]


def test_lint_counts_no_group_of_groups_for_the_order(nested):
    groups = "project: nested\ngroups: {all-linux: {groups: [db, web], roles: [base]}, db: [data], web: [site]}\n"
    (nested / "cdconf.yml").write_text(groups)
    write(nested, {"inventories/dev/hosts.yml": "provider: docker\nhosts: {w: {groups: [web]}, d: {groups: [db]}}\n"})
    assert "lost_order" not in {one.rule for one in lint(load_project(nested))}


@pytest.mark.parametrize(
    ("groups", "line", "message", "hint"),
    [
        ("{a: {groups: [b]}, b: {groups: [c]}, c: {groups: [a]}}", 2, "in a circle: a -> b -> c -> a", None),
        ("{a: {groups: [a]}}", 2, "in a circle: a -> a", None),
        ("{web: [], a: {groups: [web]}}", 2, "group 'a' contains 'web', which stands above it", "move 'a' above 'web'"),
        ("{a: {groups: [wep]}, web: []}", 2, "contains an unknown group 'wep'", "did you mean 'web'?"),
        ("{a: {group: [web]}, web: []}", 2, "unknown key 'group' in group 'a'", "did you mean 'groups'?"),
        ("{a: {groups: {web: 1}}, web: []}", 2, "'groups' in group 'a' must be a list of names", None),
        ("{a: {roles: [nosuch]}}", 2, "group 'a' has the role 'nosuch'", None),
        ("{a: 5}", 2, "must be a list of names", None),
    ],
)
def test_what_makes_no_sense_is_refused(nested, groups, line, message, hint):
    (nested / "cdconf.yml").write_text(f"project: nested\ngroups: {groups}\n")
    with pytest.raises(InvalidFile) as caught:
        load_project(nested)
    assert message in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("cdconf.yml", line)
    assert hint is None or hint in caught.value.hint
