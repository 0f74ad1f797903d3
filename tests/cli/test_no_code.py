"""`--no-code`: whatever would run code of the project is refused by name, and doesn't run."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from cdconf.environments.vagrant.program import Vagrant
from cdconf.no_code import VARIABLE, CodeRefused
from tests.conftest import cdconf, git, write

SPEC = """
from pathlib import Path
Path({mark!r}).touch()
from cdconf.resources.spec import Field, ResourceType
TYPE = ResourceType(name="greeting", doc="A greeting.", title="path", fields={{"path": Field("path", "Where.")}},
                    example="greeting: /x\\n")
"""
AGENT = "def observe(fields):\n    return {}\n\n\ndef apply(fields, difference):\n    pass\n"
VERBS = ["lint", "vars dev", "plan dev", "drift dev", "parity dev other", "parity dev other --desired-only",
         "plan dev --from HEAD --to ."]  # fmt: skip


@pytest.fixture
def mark(project):
    """A file that code of the project makes, were it run; everybody may."""
    folder = Path(tempfile.mkdtemp(prefix="cdconf-mark-"))
    folder.chmod(0o777)
    git(project, "init", "-q")
    hosts = (project / "inventories/dev/hosts.yml").read_text()
    write(project, {"inventories/other/hosts.yml": hosts, ".gitignore": ".cdconf/\n"})
    yield folder / "mark"
    shutil.rmtree(folder)


def committed(project):
    git(project, "add", "-A")
    git(project, "commit", "-qm", "all")


def refusal(project, line, **environment):
    """The error of a refused run."""
    result = cdconf(project, *line.split(), "--json", **environment)
    assert result.returncode == 1, result.stdout + result.stderr
    document = json.loads(result.stdout)
    error = document["error"] or document["errors"][0]
    assert error["kind"] == "code_refused", error
    return error["message"], error["file"].rpartition(":")[2], error["line"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_type_of_the_projects_is_refused(project, mark, verb):
    resources = "resources:\n  - greeting: /x\n"
    write(project, {"resources/greeting/spec.py": SPEC.format(mark=str(mark)), "roles/base/role.yml": resources})
    write(project, {"resources/greeting/agent.py": AGENT})
    committed(project)
    if verb == "plan dev --from HEAD --to .":
        write(project, {"roles/base/role.yml": resources + "  - greeting: /y\n"})
    message, file, line = refusal(project, f"{verb} --no-code")
    assert message.startswith("the resource type 'greeting' is code of the project, which `--no-code` refuses")
    assert (file, line) == ("resources/greeting/spec.py", 1)
    assert not mark.exists()
    cdconf(project, "vars", "dev")
    assert mark.exists(), "it would have run"


@pytest.mark.parametrize("verb", VERBS[:-1])
def test_a_package_of_types_that_the_project_names_is_refused(project, mark, verb):
    (project / "cdconf.yml").write_text((project / "cdconf.yml").read_text() + "type_packages: [pytest]\n")
    message, file, line = refusal(project, f"{verb} --no-code")
    assert message.startswith("the package 'pytest' of resource types is code")
    assert (file, line) == ("cdconf.yml", 5)


@pytest.mark.parametrize("verb", ["plan dev", "drift dev", "parity dev other"])
def test_a_guard_that_hosts_would_run_is_refused(project, mark, verb):
    write(project, {"roles/base/role.yml": "resources:\n  - command: make\n    unless: test -e /made\n"})
    assert refusal(project, f"{verb} --no-code") == (
        "the guard 'unless' of command 'make' is code of the project, which `--no-code` refuses to run",
        "roles/base/role.yml",
        3,
    )


@pytest.mark.parametrize("verb", ["lint", "vars dev", "parity dev other --desired-only"])
def test_a_guard_that_nobody_runs_is_none(project, mark, verb):
    write(project, {"roles/base/role.yml": "resources:\n  - command: make\n    unless: test -e /made\n"})
    assert cdconf(project, *verb.split(), "--no-code").returncode == 0


def test_a_vagrantfile_is_refused(project, mark, tmp_path, monkeypatch):
    write(tmp_path, {"bin/vagrant": f"#!/bin/sh\ntouch {mark}\n", "project/Vagrantfile": "# any\n"})
    (tmp_path / "bin/vagrant").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(CodeRefused, match="the Vagrantfile is code of the project") as caught:
        Vagrant(tmp_path / "project", "dev").run("status")
    assert (caught.value.file, caught.value.line) == ("Vagrantfile", 1)
    assert not mark.exists()
    monkeypatch.delenv(VARIABLE)
    Vagrant(tmp_path / "project", "dev").run("status")
    assert mark.exists(), "it would have run"


def test_what_git_would_run_does_not_run(project, mark):
    write(project, {".gitattributes": "*.yml filter=own\n", "tool.sh": f"#!/bin/sh\ntouch {mark}\ncat\n"})
    (project / "tool.sh").chmod(0o755)
    committed(project)
    (project / "roles/base/role.yml").write_text((project / "roles/base/role.yml").read_text() + "\n")
    git(project, "config", "filter.own.clean", "./tool.sh")
    git(project, "config", "core.fsmonitor", "./tool.sh")
    git(project, "config", "core.hooksPath", ".")
    for verb in ("drift dev --limit web1", "plan dev --from HEAD --to .", "lint", "vars dev"):
        assert cdconf(project, *verb.split(), "--no-code").returncode in (0, 2, 4)
        assert not mark.exists(), verb
    cdconf(project, "drift", "dev", "--limit", "web1")
    assert mark.exists(), "the filter would have run"
    mark.unlink()
    git(project, "config", "--unset", "filter.own.clean")
    cdconf(project, "drift", "dev", "--limit", "web1")
    assert not mark.exists(), "no hook ever runs"


def test_what_only_other_commands_run_is_refused_to_them_by_the_variable(project, mark):
    apps = "apps: {shop: {groups: [web], path: /srv/shop, build: 'touch MARK', artifact: 'x-*'}}\n"
    (project / "cdconf.yml").write_text((project / "cdconf.yml").read_text() + apps.replace("MARK", str(mark)))
    committed(project)
    error = refusal(project, "build shop", CDCONF_NO_CODE="1")
    assert error == (
        "the build of app 'shop' is code of the project, which `--no-code` refuses to run",
        "cdconf.yml",
        5,
    )
    assert not mark.exists()


def test_the_option_is_where_the_guide_says():
    for verb in ("plan", "lint", "vars", "parity", "drift"):
        from cdconf.cli.main import group

        command = group.get_command(None, verb)
        assert any("--no-code" in one.opts for one in command.params), verb
