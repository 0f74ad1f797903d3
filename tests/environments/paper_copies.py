"""Throw-away environments without Docker: a provider on paper, and a project that can be copied."""

from datetime import timedelta

import pytest

from cdconf.environments import removal, throwaway
from cdconf.environments.provider import HostCounts
from cdconf.environments.throwaway import ThrowAwayRequest, define
from cdconf.inventory import load_project
from tests.conftest import write

HOURS = timedelta(hours=4)
ROLE = """
    variables:
      server_name: {type: string, per_environment: true, doc: a name}
      threads: {type: integer, default: 1, doc: how many}
      mail: {type: string, per_environment: true, doc: a relay}
      password: {secret: {generate: 12}, doc: made}
      token: {secret: true, doc: given}
    resources:
      - file: /etc/app
        content: "{{ server_name }} {{ threads }} {{ mail }} {{ password }}\\n"
        mode: "0600"
"""


def quiet(event):
    pass


class PaperProvider:
    """Hosts on paper: `made` is what there is, environment -> hosts."""

    def __init__(self):
        self.made = {}
        self.fails = None

    def __call__(self, project, environment):
        self.environment = environment
        return self

    def standing(self):
        made = self.made.get(self.environment.name, [])
        return HostCounts(len(self.environment.hosts), len(made), len(made))

    def locate(self, hosts):
        return {}

    def destroy(self, emit):
        if self.fails:
            raise self.fails
        return self.made.pop(self.environment.name, [])


@pytest.fixture
def paper(monkeypatch):
    provider = PaperProvider()
    for module in (throwaway, removal):
        monkeypatch.setattr(module, "provider_for", provider)
    return provider


@pytest.fixture
def shop(project, paper):
    write(
        project,
        {
            "roles/base/role.yml": ROLE,
            "inventories/dev/group_vars/all.yml": "server_name: dev.example.com\nmail: relay\nthreads: 8\n",
        },
    )
    return load_project(project)


def defined(project, name="try-1", copy_of="dev", ttl=HOURS, check=lambda environment: None, **wish):
    return define(project, ThrowAwayRequest(name, copy_of, ttl, **wish), check, quiet)


def names(project, name="try-1"):
    """Every file of a definition."""
    folder = project.root / ".cdconf/throwaway" / name
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def expire(project, name="try-1"):
    path = project.root / ".cdconf/throwaway" / name / "lifetime.yml"
    path.write_text("created: 2020-01-01T00:00:00Z\nexpires: 2020-01-01T01:00:00Z\n")
