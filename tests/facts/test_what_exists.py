"""The facts users, packages and paths at the controller's end: asked for by name alone, and remembered by pattern."""

import json

import pytest

from cdconf.agent.records.shapes import Misfit
from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.catalog.precheck import Beforehand
from cdconf.errors import TemplateError
from cdconf.facts import FactCache, HostFacts, checked, sample
from cdconf.inventory import load_environment, load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write

CRON = "/etc/cron.d/*"
FOUND = {CRON: [{"path": "/etc/cron.d/a", "type": "file"}, {"path": "/etc/cron.d/b", "type": "link"}]}
ROLE = """
resources:
  - file: "{{ each.path }}"
    for_each: "{{ facts.paths['/etc/cron.d/*'] | selectattr('type', 'eq', 'file') }}"
    mode: "0600"
  - file: /nginx
    content: "{{ facts.packages.nginx.version }}"
    when: "'nginx' in facts.packages"
  - file: "/homes/{{ each.name }}"
    content: x
    for_each: "{{ facts.users.values() | selectattr('uid', 'ge', 1000) }}"
"""


def compiler(project, role=ROLE):
    write(project, {"roles/base/role.yml": role})
    loaded = load_project(project)
    return Compiler(loaded, load_environment(loaded, "dev"))


def compiled(project, facts, role=ROLE):
    one = compiler(project, role)
    return [resource.title for resource in one.compile(one.environment.hosts["web1"], facts).resources]


def fetching(asked):
    users = {name: {"name": name, "uid": uid} for name, uid in (("root", 0), ("bob", 1000))}

    def fetch(groups):
        asked.append(sorted(groups))
        return {"users": users, "packages": {}, "paths": FOUND}

    return fetch


def test_roles_go_over_what_exists_and_ask_for_that_alone(project):
    asked = []
    facts = HostFacts({}, fetching(asked))
    assert compiled(project, facts.mapping) == ["/etc/cron.d/a", "/homes/bob"]
    assert asked == [[f"paths:{CRON}"], ["packages"], ["users"]]
    assert facts.read == {f"paths:{CRON}", "packages", "users"}


def test_who_reads_all_facts_gets_those_three_only_by_name():
    asked = []
    facts = HostFacts({}, lambda groups: asked.extend(groups) or sample()).mapping
    assert len(dict(facts.items())) == len(facts) == len([*facts])
    assert not {"users", "packages", "paths"} & {*asked, *facts}
    assert all(name in facts for name in ("users", "packages", "paths"))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("etc", "begins with /"),
        ("/etc/**/x", "searches no tree"),
        ("/proc/*/exe", "changes by itself"),
        ("/etc/../x", "without"),
        ("/etc//x", "without"),
    ],
)
def test_a_pattern_that_is_none_is_found_where_it_stands(project, pattern, message):
    role = f"resources:\n  - file: /x\n    content: x\n    when: {json.dumps(f'facts.paths[{pattern!r}]')}\n"
    with pytest.raises(TemplateError, match=message) as caught:
        compiled(project, HostFacts({}, fetching([])).mapping, role)
    assert (caught.value.file, caught.value.line) == ("roles/base/role.yml", 4)
    computed = role.replace("facts.paths[", "facts.paths['' ~ ")
    with pytest.raises(TemplateError, match=message):
        compiled(project, HostFacts({}, fetching([])).mapping, computed)


def test_a_host_is_asked_for_so_many_patterns_and_no_more(project):
    role = """
    resources:
      - file: /x
        content: "{% for n in range(60) %}{{ facts.paths['/etc/' ~ n] | length }}{% endfor %}"
    """
    with pytest.raises(TemplateError, match="more than 50 patterns"):
        compiled(project, HostFacts({}, lambda groups: sample()).mapping, role)


def test_they_are_remembered_by_pattern_and_forgotten_when_nobody_reads_them(tmp_path):
    cache = FactCache(tmp_path, "dev")
    facts = {"users": {}, "paths": {**FOUND, "/x": []}}
    cache.store("web1", facts, ["users", f"paths:{CRON}", "paths:/x"], keep=False)
    assert cache.load("web1").facts == facts
    assert set(cache.wanted("web1")) == {"users", f"paths:{CRON}", "paths:/x"}
    cache.store("web1", {"paths": FOUND}, [f"paths:{CRON}"], keep=False)
    assert cache.load("web1").facts == {"users": {}, "paths": FOUND}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"paths": {}},
        {"paths": {CRON: {}}},
        {"paths": {CRON: [{"path": "x", "type": "file"}]}},
        {"paths": {CRON: [{"path": "/x\n", "type": "file"}]}},
        {"paths": {CRON: [{"path": "/x", "type": "socket"}]}},
        {"paths": {CRON: [{"path": "/x", "type": "file"}] * 2001}},
    ],
)
def test_what_a_host_says_of_paths_is_checked(told):
    with pytest.raises(Misfit):
        checked(told, [f"paths:{CRON}"])


def test_lint_and_a_look_beforehand_know_that_only_the_host_decides(project):
    one = compiler(project)
    assert [finding for finding in lint(one.project) if finding.level == "error"] == []
    before = Beforehand(one)
    assert before.look(one.environment.hosts["web1"]).resources == []
    assert ([resource.type for resource in before.open], before.errors) == (["file"] * 3, {})


def test_what_was_never_seen_names_the_command_that_looks(project):
    write(project, {"inventories/dev/group_vars/all.yml": "jobs: \"{{ facts.paths['/etc/cron.d/*'] | length }}\"\n"})
    one = compiler(project, "variables: {jobs: {type: integer}}\n")
    told = explain_host(one, one.environment.hosts["web1"], {})
    assert "cdconf facts dev web1 --also '/etc/cron.d/*'" in json.dumps(told)


def test_the_command_refuses_what_it_cannot_show(project):
    for word, message in (("user", "there is nothing called 'user'"), ("/etc/**", "searches no tree")):
        result = cdconf(project, "facts", "dev", "--also", word)
        assert (result.returncode, message in result.stderr) == (1, True)
