"""Files that hold a secret are nobody's to read by accident."""

import json
import os

import pytest

from cdconf.agent.edit import lines
from cdconf.catalog import Compiler
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from cdconf.lint.examine import examine
from tests.conftest import write

ROLE = "roles/base/role.yml"
DECLARED = "variables: {pw: {secret: true, doc: x}, open: {default: shown}}\nresources:\n"


@pytest.fixture
def compiled(project):
    write(
        project,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
            ".cdconf/environments/dev/secrets.json": json.dumps({"pw": "Hx7kQ9pLmZ2wVt4c"}),
            "roles/base/templates/t.j2": "[Service]\nEnvironment=PW={{ pw }}\n",
        },
    )

    def compile_(resources):
        (project / ROLE).write_text(DECLARED + resources)
        loaded = load_project(project)
        environment = load_environment(loaded, "dev")
        return Compiler(loaded, environment).compile(environment.hosts["web1"], {}).resources

    compile_.root = project
    return compile_


@pytest.mark.parametrize(
    ("resource", "line"),
    [
        ("  - systemd_unit: x.service\n    content: \"[Service]\\nEnvironment=PW={{ pw }}\\n\"\n", 4),
        ("  - systemd_unit: x.service\n    template: t.j2\n", 4),
        ("  - systemd_unit: x.service.d/y.conf\n    template: t.j2\n", 4),
    ],
)  # fmt: skip
def test_a_unit_holds_no_secret(compiled, resource, line):
    with pytest.raises(
        CdconfError, match=r"others on the host can see '(content|template)' of a systemd_unit"
    ) as caught:
        compiled(resource)
    assert (caught.value.file, caught.value.line) == (ROLE, line)
    assert "`env_file`" in caught.value.hint
    assert "LoadCredential=" in caught.value.hint


@pytest.mark.parametrize(
    "resource",
    [
        '  - file: /x\n    content: "{{ pw }}"\n',
        '  - file: /x\n    content: "{{ pw }}"\n    mode: null\n',
        '  - file: /x\n    content: "{{ pw|length }}"\n',
        "  - file: /x\n    template: t.j2\n",
        '  - cron: x\n    command: run\n    env: {PW: "{{ pw }}"}\n    schedule: "@daily"\n',
        '  - limits: x\n    both: {nofile: "{{ pw|length }}"}\n',
    ],
)
def test_a_file_that_holds_a_secret_needs_a_mode(compiled, resource):
    with pytest.raises(CdconfError, match="holds a secret, so it must say who may read it") as caught:
        compiled(resource)
    assert (caught.value.file, caught.value.line) == (ROLE, 3)
    assert compiled(resource.replace("    mode: null\n", "") + '    mode: "0600"\n')[0].holds_secret


def test_changes_to_a_mode_say_nothing_of_who_may_read_a_secret(compiled):
    with pytest.raises(CdconfError, match="it has no 'mode' but changes to one"):
        compiled('  - file: /x\n    content: "{{ pw }}"\n    mode: go-w\n')
    assert compiled("  - file: /x\n    content: open\n    mode: go-w\n")[0].fields["mode"] == "go-w"


@pytest.mark.parametrize(
    "resource",
    [
        '  - file: /x\n    content: "{{ open }}"\n',
        '  - file: /x\n    owner: "{{ pw }}"\n    absent: true\n',
        '  - download: /x\n    url: http://x.example/\n    headers: {A: "{{ pw }}"}\n    sha256: "' + "0" * 64 + '"\n',
    ],
)
def test_what_holds_none_needs_none(compiled, resource):
    (one,) = compiled(resource)
    assert not one.holds_secret
    assert "new_mode" not in one.fields


@pytest.mark.parametrize(
    "resource",
    [
        '  - line: /x\n    text: "a {{ pw }}"\n    match: ^a\n    create: true\n',
        '  - block: /x\n    name: a\n    text: "{{ pw }}"\n    create: true\n',
        "  - block: /x\n    name: a\n    template: t.j2\n    create: true\n",
        '  - setting: /x.ini\n    key: a\n    value: "{{ pw }}"\n    create: true\n',
        '  - setting: /x.json\n    key: a\n    value: "{{ [pw|length] }}"\n    create: true\n',
    ],
)
def test_a_file_that_has_no_mode_is_made_private(compiled, resource):
    assert compiled(resource)[0].fields["new_mode"] == "0600"
    assert "new_mode" not in compiled(resource.replace("pw", "open").replace("template: t.j2", "text: x"))[0].fields


def test_the_mode_is_that_of_new_files_alone(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("x\n")
    old.chmod(0o644)
    umask = os.umask(0)
    try:
        for path in (new, old):
            lines.write({"path": str(path), "new_mode": "0600", "create": True}, "secret\n")
    finally:
        os.umask(umask)
    assert [path.stat().st_mode & 0o777 for path in (new, old)] == [0o600, 0o644]
    assert new.read_text() == old.read_text() == "secret\n"


def test_a_repositorys_definition_that_holds_a_secret_is_roots(compiled):
    text = (
        "  - repository: x\n    uris: 'https://x.example/{{ pw }}/deb'\n    suites: ./\n"
        "    signed_by: /usr/share/keyrings/x.gpg\n"
    )
    assert compiled(text)[0].fields["mode"] == "0600"
    assert compiled(text.replace("pw", "open"))[0].fields["mode"] == "0644"


def rules(compiled, resources):
    (compiled.root / ROLE).write_text(DECLARED + resources)
    errors, warnings = examine(load_project(compiled.root))
    assert errors == []
    wanted = ("readable_secret", "unowned_secret")
    return [(one.rule, one.line) for one in warnings if one.rule in wanted]


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        ('  - file: /x\n    content: "{{ pw }}"\n    mode: "0644"\n    owner: root\n', [("readable_secret", 3)]),
        ('  - file: /x\n    content: "{{ pw }}"\n    mode: "0600"\n    owner: root\n', []),
        ('  - file: /x\n    content: "{{ pw }}"\n    mode: "0640"\n', [("unowned_secret", 3)]),
        (
            '  - cron: x\n    command: a\n    env: {PW: "{{ pw }}"}\n    schedule: "@daily"\n    mode: "0644"\n',
            [("readable_secret", 3)],
        ),
        ('  - cron: x\n    command: a\n    env: {PW: "{{ pw }}"}\n    schedule: "@daily"\n    mode: "0600"\n', []),
        ('  - line: /x\n    text: "a {{ pw }}"\n    match: ^a\n', [("readable_secret", 3)]),
        ('  - line: /x\n    text: "a {{ pw }}"\n    match: ^a\n    create: true\n', []),
        ('  - file: /x\n    mode: "0600"\n    owner: root\n  - line: /x\n    text: "a {{ pw }}"\n    match: ^a\n', []),
        (
            '  - file: /x.ini\n    mode: "0644"\n    owner: root\n'
            '  - setting: /x.ini\n    key: a\n    value: "{{ pw }}"\n',
            [("readable_secret", 6)],
        ),
        ('  - block: /x\n    name: a\n    text: "{{ pw }}"\n', [("readable_secret", 3)]),
    ],
)
def test_lint_knows_who_may_read_a_secret_in_any_type(compiled, resources, found):
    assert rules(compiled, resources) == found
