"""Hosts that aren't there yet: nothing is made for files with errors, and a plan shows what they'd get."""

import types

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import CdconfError, NotMade, Unreachable
from cdconf.events import HostDone, ResourceDone
from cdconf.inventory import load_environment, load_project
from cdconf.provision.planned_hosts import HostsToBe
from tests.conftest import write

ROLE = """
variables:
  key: {secret: {generate: 16}}
resources:
  - file: /etc/key
    content: "{{ key }}"
    mode: "0600"
    notify: tell
  - file: /etc/name
    content: "{{ facts.hostname }}"
  - link: /gone
    absent: true
  - command: make-it
    creates: /made
handlers:
  tell: {command: "true"}
"""


@pytest.fixture
def to_be(project):
    def make(text, why=NotMade):
        hosts = "provider: docker\nhosts:\n  web1: {groups: [web]}\n"
        write(project, {"roles/base/role.yml": text, "inventories/dev/hosts.yml": hosts})
        loaded = load_project(project)
        environment = load_environment(loaded, "dev")
        provider = types.SimpleNamespace(locate=lambda hosts: {}, absence=lambda host: why("it's not there"))
        events = []
        compiler = Compiler(loaded, environment)
        hosts = [*environment.hosts.values()]
        return HostsToBe(loaded, environment, provider, lambda: compiler, events.append), hosts, events

    return make


def test_a_plan_shows_what_a_host_would_get_and_no_secret(to_be, project):
    made, hosts, events = to_be(ROLE)
    made.tell(hosts)
    found = [(one.type, one.title, one.status) for one in events if isinstance(one, ResourceDone)]
    assert found == [
        ("file", "/etc/key", "would_change"),
        ("command", "make-it", "unknown"),
        ("handler", "tell", "would_change"),
        ("file", "/etc/name", "unknown"),
    ]
    assert events[1].diff == "created\ncontent: (sensitive)\nmode: 0600\n"
    assert isinstance(events[-1], HostDone)
    assert not list(project.rglob("secrets.json")), "a plan makes no secret"


def test_a_plan_says_nothing_of_what_a_stopped_host_has(to_be):
    made, hosts, events = to_be(ROLE, Unreachable)
    made.tell(hosts)
    assert not [one for one in events if isinstance(one, ResourceDone)]


def test_errors_in_files_come_before_anything_is_made(to_be):
    made, hosts, events = to_be("resources:\n  - file: x\n    content: ''\n  - file: y\n    content: ''\n")
    with pytest.raises(CdconfError, match="not 'x'") as caught:
        made.made(hosts, from_snapshot=True)
    assert "also: roles/base/role.yml:4: 'path' must be an absolute path, not 'y'" in caught.value.detail
    assert events == []
