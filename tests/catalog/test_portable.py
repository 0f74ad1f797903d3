"""What a snapshot may hold of a host's catalog."""

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.portable import portable, without
from cdconf.facts import NotedFacts
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

FACTS = {"os": {"family": "debian"}, "memory_mb": 512}
HEAD = """
variables:
  greeting: {type: string, default: hello, doc: x}
  place: {type: string, per_environment: true, doc: x}
  password: {secret: {generate: 12}, doc: x}
  address: {type: string, default: "{{ hosts.web[0].name }}", doc: x}
resources:
"""
TAIL = """
handlers:
  restart it: {service: it, action: restart}
  rebuild it: {command: make it}
"""


@pytest.fixture
def kept(tmp_path):
    """What is kept of resources that are given as YAML: their ids."""

    def catalog(resources, own=("place", "password")):
        lines = "".join(f"  {line}\n" for line in resources)
        write(
            tmp_path,
            {
                "cdconf.yml": "project: demo\ngroups: {web: [base]}\n",
                "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
                "inventories/dev/group_vars/all.yml": "place: here\n",
                "roles/base/role.yml": HEAD + lines + TAIL,
            },
        )
        project = load_project(tmp_path)
        environment = load_environment(project, "dev")
        compiler = Compiler(project, environment)
        facts = NotedFacts(FACTS)
        whole = compiler.compile(environment.hosts["web1"], facts.mapping)
        return portable(whole, compiler.types, own, compiler.mask, facts_read=facts.read)

    return lambda *resources, **options: [one.id for one in catalog(resources, **options).resources]


def test_what_all_hosts_of_a_kind_have_is_kept_in_its_order(kept):
    resources = [
        "- package: [curl]",
        "- group: shop",
        "- user: shop",
        "- {file: /etc/greeting, content: '{{ greeting }}', owner: shop}",
    ]
    assert kept(*resources) == ["package:curl", "group:shop", "user:shop", "file:/etc/greeting"]


@pytest.mark.parametrize(
    "content",
    [
        "{{ password }}",
        "{{ password | b64encode }}",
        "{{ place }}",
        "{{ host.name }}",
        "{{ environment.name }}",
        "{{ address }}",
        "{{ hosts.web | length }}",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_secrets_and_what_belongs_to_one_host_or_environment_is_left_out(kept, content):
    assert kept("- package: [curl]", f"- {{file: /etc/x, content: '{content}', mode: '0600'}}") == ["package:curl"]


def test_a_variable_that_is_not_shared_takes_its_resources_out(kept):
    resource = "- {file: /etc/x, content: '{{ greeting }}'}"
    assert kept(resource) == ["file:/etc/x"]
    assert kept(resource, own=("greeting",)) == []
    assert kept("- {file: /etc/x, content: x, when: address == 'web1'}") == []


def test_a_secret_that_lost_its_taint_is_found_by_its_value(kept, monkeypatch):
    monkeypatch.setattr("cdconf.catalog.compiler.is_tainted", lambda value: False)
    assert kept("- {file: /etc/x, content: 'a {{ password }} b', mode: '0600'}", own=()) == []


def test_facts_that_the_image_decides_may_be_read_and_others_may_not(kept):
    ours = "- {package: [curl], when: facts.os.family == 'debian'}"
    assert kept(ours) == ["package:curl"]
    assert kept(ours, "- {file: /etc/big, content: x, when: facts.memory_mb > 1}") == []


def test_types_that_make_something_of_the_hosts_own_are_left_out(kept):
    assert not kept(
        "- service: cron\n    enabled: true",
        "- command: date\n    unless: 'true'",
        "- certificate: /etc/x.pem\n    key: /etc/x.key\n    self_signed: true\n    names: [x]",
        "- hosts_entry: 192.0.2.1\n    names: [x]",
    )


def test_only_handlers_that_restart_services_may_be_left_to_the_boot(kept):
    assert kept("- {file: /etc/x, content: x, notify: restart it}") == ["file:/etc/x"]
    assert kept("- {file: /etc/x, content: x, notify: [restart it, rebuild it]}") == []


def test_what_needs_something_that_was_left_out_is_left_out(kept):
    resources = [
        "- {directory: '/srv/{{ place }}'}",
        "- {file: '/srv/here/x', content: x}",
        "- {user: app, password_hash: '$6$abcdefgh$abcdefghijklmnopqrstuvwxyz./'}",
        "- {directory: /srv/app, owner: app}",
        "- {group: web, members: [app]}",
        "- {file: /etc/private, content: '{{ password }}', mode: '0600'}",
        "- {link: /etc/linked, target: /etc/private}",
        "- {directory: /srv/other}",
    ]
    assert kept(*resources) == ["directory:/srv/other"]


def test_nothing_is_notified_and_the_catalog_is_not_complete(tmp_path, kept):
    kept("- {file: /etc/x, content: x, notify: restart it}")
    project = load_project(tmp_path)
    environment = load_environment(project, "dev")
    compiler = Compiler(project, environment)
    whole = compiler.compile(environment.hosts["web1"], FACTS)
    part = portable(whole, compiler.types, (), compiler.mask)
    assert (part.handlers, part.complete, part.resources[0].notify) == ({}, False, ())
    assert without(part, ["file:/etc/x"]).resources == []
