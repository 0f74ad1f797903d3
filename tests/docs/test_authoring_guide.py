"""The guide for authors is a project: its files and fragments compile, and its output is what cdconf prints."""

import re
from pathlib import Path

import pytest

from cdconf.catalog import Compiler
from cdconf.inventory import load_environment, load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write

GUIDE = Path(__file__).parents[2] / "docs/guides/authoring.md"
TEXT = GUIDE.read_text()
BLOCK = re.compile(r"^```(yaml|jinja|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FACTS = {"cpu": {"count": 2}, "virtualisation": {"container": None, "machine": None}}
FILE = re.compile(r"# ([\w./]+\.(?:yml|j2))\n")


def blocks(*kinds):
    """Each example: its line in the guide, and its text."""
    return [(TEXT[: one.start()].count("\n") + 1, one[2]) for one in BLOCK.finditer(TEXT) if one[1] in kinds]


def files():
    named = [(FILE.match(text), text) for _, text in blocks("yaml", "jinja")]
    return {match[1]: text[match.end() :] if match[1].endswith(".j2") else text for match, text in named if match}


def fragments():
    return [pytest.param(text, id=str(line)) for line, text in blocks("yaml") if not FILE.match(text)]


@pytest.fixture
def project(tmp_path):
    return write(tmp_path, files())


def catalog(project, environment, host):
    loaded_project = load_project(project)
    loaded = load_environment(loaded_project, environment)
    given = {"notes_mail_password": "from-the-command-line", "notes_cookie_key": "as-this-one-is-too"}
    compiler = Compiler(loaded_project, loaded, extra=given)
    return compiler.compile(loaded.hosts[host], FACTS)


def errors(project):
    """What `lint` finds, but for the secret that the guide's reader sets by hand."""
    found = [str(error) for error in lint(load_project(project))]
    unset = [one for one in found if "'notes_mail_password' has no value in" in one]
    assert [one.rpartition(" ")[2] for one in unset] == ["production", "staging"]
    return [one for one in found if one not in unset]


def test_the_files_of_the_guide_are_a_project_without_errors(project):
    assert len(files()) >= 12
    assert errors(project) == []


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("host", ["db1", "web1", "web2", "lb1"])
def test_each_host_of_the_guide_compiles(project, environment, host):
    assert catalog(project, environment, host).resources


def test_values_come_from_where_the_guide_says(project):
    def env_of(environment, host):
        found = {one.title: one for one in catalog(project, environment, host).resources}
        return dict(line.split("=", 1) for line in found["/etc/notes.env"].fields["content"].splitlines())

    assert env_of("production", "web1")["WORKERS"] == "4"
    assert env_of("production", "web2")["WORKERS"] == "8"
    assert env_of("production", "web1")["ADMINS"] == "anna,ben"
    assert env_of("production", "web1")["DATABASE"] == "10.0.0.20"
    assert env_of("staging", "web1")["SERVER_NAME"] == "notes.staging.example.com"


def test_a_loop_a_condition_and_a_flush_do_as_the_guide_says(project):
    web = [f"{one.type} {one.title}" for one in catalog(project, "production", "web1").resources]
    assert web[-2:] == ["user anna", "user ben"]  # no guest agent: this host isn't a virtual machine of KVM
    database = catalog(project, "production", "db1").document()["resources"]
    assert [one["title"] for one in database if one.get("flush") == ["restart postgresql"]] == ["notes"]


@pytest.mark.parametrize("text", fragments())
def test_a_fragment_compiles_in_the_project(text, project):
    write(project, {"roles/base/role.yml": f"resources:\n{text}"})
    assert errors(project) == []


def test_there_are_fragments():
    assert len(fragments()) >= 2


def test_output_is_what_cdconf_prints(project):
    shown = [text for _, text in blocks("console")]
    assert shown
    for text in shown:
        command, *lines = text.splitlines()
        done = cdconf(project, *command.removeprefix("$ cdconf ").split())
        printed = [line.split() for line in done.stdout.splitlines()]
        assert [line for line in lines if line.split() not in printed] == []
