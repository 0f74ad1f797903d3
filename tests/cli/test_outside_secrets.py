"""What hosts print of an operator's source is masked by verbs that compile nothing, too."""

import pytest

from cdconf.cli.context import Run
from cdconf.events import Collector
from tests.conftest import write

ROLE = """
variables:
  pw: {secret: true, doc: x}
  open: {default: shown, doc: x}
resources:
  - {file: /x, content: "{{ pw }} {{ open }}", mode: "0600"}
"""


@pytest.fixture
def place(project, tmp_path_factory, monkeypatch):
    """The operator's folder: his file names a variable of the environment."""
    folder = tmp_path_factory.mktemp("operator")
    write(folder, {"sources.yml": "sources:\n  - environment: 'SHOP_{NAME}'\n"})
    monkeypatch.setenv("CDCONF_SECRETS", str(folder / "sources.yml"))
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    write(project, {"roles/base/role.yml": ROLE})
    monkeypatch.chdir(project)
    return folder


def run(command, **more):
    return Run(command, "dev", {"directory": ".", "limit": None, "roles": (), "extra": (), "as_json": False, **more})


@pytest.mark.parametrize("command", ["run", "logs", "smoke", "deploy", "rollback", "facts"])
def test_what_hosts_print_is_masked(place, command):
    assert run(command).mask("web1: pw=sesame-one, shown") == "web1: pw=***, shown"


def test_only_what_the_selected_hosts_have_is_asked_for(project, place):
    write(
        project,
        {
            "cdconf.yml": "project: demo\ngroups:\n  db: [store]\n  web: [base]\n",
            "roles/store/role.yml": ROLE.replace("pw", "deep"),
        },
    )
    write(
        place,
        {
            "fetch": f"#!/bin/sh\ncat >> {place}/asked\necho '{{}}'\n",
            "sources.yml": f"sources:\n  - command: [{place}/fetch]\n",
        },
    )
    (place / "fetch").chmod(0o755)
    one = run("run", limit="db1")
    one.mask("x")
    one.mask("y")
    assert (place / "asked").read_text() == '{"project": "demo", "environment": "dev", "names": ["deep"]}'


def test_a_source_that_is_down_is_told_and_ends_nothing(place, monkeypatch):
    """`logs` is what people look at when everything is down."""
    write(place, {"sources.yml": "sources:\n  - command: [no-such-command]\n"})
    told = []
    monkeypatch.setattr(Collector, "__call__", lambda self, event: told.append(event))
    assert run("logs").mask("web1: started") == "web1: started"
    (notice,) = told
    assert notice.warning
    assert notice.message.startswith(
        "pw can't be masked in what hosts print: the source `command` can't be asked for pw"
    )


def test_a_verb_that_shows_no_host_asks_nobody(place):
    write(place, {"sources.yml": "sources:\n  - command: [no-such-command]\n"})
    assert run("parity").mask("pw") == "pw"


def test_no_code_of_a_type_is_needed(project, place):
    """Whoever runs `logs` hasn't asked for any code of the project's."""
    types = f"import pathlib\npathlib.Path({str(place / 'ran')!r}).touch()\n"
    write(project, {"resources/own/spec.py": types, "roles/base/role.yml": ROLE + "  - {own: x}\n"})
    assert run("logs").mask("sesame-one") == "***"
    assert not (place / "ran").exists()
