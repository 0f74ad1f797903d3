"""What others on a host can see of a resource can't be made of a secret."""

import ast
import json
from pathlib import Path

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import Types
from tests.conftest import write

ROLE = "roles/base/role.yml"
DECLARED = (
    "variables: {pw: {secret: true, doc: x}, pin: {secret: true, doc: x}, open: {default: shown}, "
    'env: {default: {PW: "{{ pw }}", MODE: x}}, paths: {default: {PATH: "{{ pw }}"}}}\nresources:\n'
)
CONTAINER = "  - container: c\n    image: x/y:1\n"
MOUNT = "  - mount: /srv/m\n    device: //srv/share\n    type: cifs\n"
CERTIFICATE = "  - certificate: /c.pem\n    key: /k.pem\n    self_signed: true\n"
GIT = "  - git: /srv/t\n    url: https://x.example/t\n"


@pytest.fixture
def compiled(project):
    write(
        project,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
            ".cdconf/environments/dev/secrets.json": json.dumps({"pw": "Hx7kQ9pLmZ2wVt4c", "pin": "1427"}),
        },
    )

    def compile_(resources):
        (project / ROLE).write_text(DECLARED + resources)
        loaded = load_project(project)
        environment = load_environment(loaded, "dev")
        return Compiler(loaded, environment).compile(environment.hosts["web1"], {}).resources

    return compile_


@pytest.mark.parametrize(
    ("resource", "line", "what"),
    [
        ('  - user: u\n    comment: "{{ pw }}"\n', 4, "'comment'"),
        ('  - user: u\n    home: "/home/{{ pw }}"\n', 4, "'home'"),
        ('  - user: u\n    shell: "/bin/{{ pw }}"\n', 4, "'shell'"),
        ('  - user: u\n    group: "{{ pw }}"\n', 4, "'group'"),
        ('  - user: u\n    groups: ["{{ pw }}"]\n', 4, "'groups'"),
        ('  - user: u\n    groups:\n      - a\n      - "{{ pw }}"\n', 4, "'groups'"),
        ('  - user: u\n    uid: "{{ pin|int }}"\n', 4, "'uid'"),
        ('  - group: g\n    members: ["{{ pw }}"]\n', 4, "'members'"),
        (MOUNT + '    options: "username=a,password={{ pw }}"\n', 6, "'options'"),
        (MOUNT + '    options: [ro, "password={{ pw }}"]\n', 6, "'options'"),
        ('  - mount: /srv/m\n    device: "//{{ pw }}/share"\n    type: cifs\n', 4, "'device'"),
        (CONTAINER + '    command: "run --password {{ pw }}"\n', 5, "'command'"),
        (CONTAINER + '    command: [run, "{{ pw }}"]\n', 5, "'command'"),
        (CONTAINER + '    command: [run, "{{ pin|int }}"]\n', 5, "'command'"),
        (CONTAINER + '    options: ["--security-opt={{ pw }}"]\n', 5, "'options'"),
        (CONTAINER + '    labels: {a: "{{ pw }}"}\n', 5, "'labels'"),
        (CONTAINER + '    volumes: ["/srv/{{ pw }}:/x"]\n', 5, "'volumes'"),
        (CONTAINER + '    env:\n      A: b\n      PATH: "{{ pw }}"\n', 7, "'PATH' in 'env'"),
        (CONTAINER + '    env: {DOCKER_TLS_VERIFY: "{{ pin|int }}"}\n', 5, "'DOCKER_TLS_VERIFY' in 'env'"),
        (CONTAINER + '    env: "{{ paths }}"\n', 5, "'PATH' in 'env'"),
        ('  - package: p\n    version: "{{ pw }}"\n', 4, "'version'"),
        ('  - package: p\n    debconf: {p/token: "string {{ pw }}"}\n', 4, "'p/token' in 'debconf'"),
        (GIT + '    revision: "{{ pw }}"\n', 5, "'revision'"),
        (GIT + '    revision: main\n    depth: "{{ pin|int }}"\n', 6, "'depth'"),
        ('  - kernel_module: loop\n    options: "key={{ pw }}"\n', 4, "'options'"),
        ('  - swap: /swap\n    size: 1G\n    priority: "{{ pin|int }}"\n', 5, "'priority'"),
        (CERTIFICATE + '    names: ["{{ pw }}.example"]\n', 6, "'names'"),
        (CERTIFICATE + '    names: [a.example]\n    days: "{{ pin|int }}"\n', 7, "'days'"),
        ('  - cron: c\n    schedule: "@daily"\n    mode: "0600"\n    command: "a -u {{ pw }}"\n', 6, "'command'"),
        ('  - link: /l\n    target: "/x/{{ pw }}"\n', 4, "'target'"),
        ('  - postgres_role: r\n    port: "{{ pin|int }}"\n', 4, "'port'"),
        ('  - postgres_database: r\n    port: "{{ pin|int }}"\n', 4, "'port'"),
        ('  - sysctl: a.b\n    value: "{{ pw }}"\n', 4, "'value'"),
        ('  - hosts_entry: 10.0.0.1\n    names: ["{{ pw }}"]\n', 4, "'names'"),
    ],
)
def test_it_is_an_error_with_file_and_line(compiled, resource, line, what):
    with pytest.raises(InvalidFile) as caught:
        compiled(resource)
    error = caught.value
    assert (error.file, error.line) == (ROLE, line)
    assert f"others on the host can see {what} of a" in error.message
    assert "Hx7k" not in f"{error}{error.hint}"
    assert "1427" not in f"{error}{error.hint}"
    for name, shown in (("pw", "open"), ("pin|int", "77"), ("paths", "{'PATH': '/bin'}")):
        resource = resource.replace(f"{{{{ {name} }}}}", f"{{{{ {shown} }}}}")
    compiled(resource.replace("PATH: shown", "PATH: /bin"))  # it's the secret alone that can't be there


@pytest.mark.parametrize(
    "resource",
    [
        '  - command: echo {{ pw }}\n    unless: test {{ pw }} = x\n    env: {PW: "{{ pw }}"}\n'.replace(
            "echo {{ pw }}", "run"
        ),
        '  - user: u\n    password_hash: "$6$abc$defghijklmnop{{ pw }}"\n',
        CONTAINER + '    env: {PW: "{{ pw }}", PATH: /bin}\n',
        CONTAINER + '    env: "{{ env }}"\n',
        '  - package: p\n    debconf: {p/pw: "password {{ pw }}", p/name: "string {{ open }}"}\n',
        '  - cron: c\n    schedule: "@daily"\n    mode: "0600"\n    command: a\n    env: {PW: "{{ pw }}"}\n',
        '  - postgres_role: r\n    password: "{{ pw }}"\n',
    ],
)
def test_what_nobody_else_can_see_may_be_a_secret(compiled, resource):
    assert compiled(resource)[0].sensitive


# Fields of types whose agents start programs that are in no argument of theirs. A new one needs a reason, or `public`.
UNSEEN = {
    "archive": {"*": "they're unpacked by Python, and by zstd under other names"},
    "certificate": {"path": "title", "key": "opened by Python", "content": "", "source": "", "chain": "",
                    "key_content": "", "owner": "", "group": "", "mode": "", "self_signed": "",
                    "renew_before": "", "validate": "a line"},
    "command": {"*": "lines go in by the environment"},
    "container": {"name": "title", "env": "by the client's environment", "running": "", "pull": "a choice",
                  "runtime": "a choice"},
    "cron": {"*": "a file"},
    "firewall": {"*": "a file of root's"},
    "git": {"path": "title", "user": "who runs it", "local_changes": "a choice", "submodules": "", "timeout": ""},
    "group": {"name": "title", "exclusive_members": "", "system": ""},
    "kernel_module": {"name": "title", "loaded": "", "at_boot": "", "blacklisted": ""},
    "locale": {"*": "a file"},
    "mount": {"path": "title", "mounted": ""},
    "npm": {"path": "title", "lock": "a file", "package": "a file", "scripts": "",
            "timeout": "", "user": "who runs it"},
    "package": {"name": "title", "debconf": "by stdin", "hold": "", "recommends": "", "purge": "", "force": "",
                "virtual": "", "manager": "a choice"},
    "service": {"*": "its title, and what's true or false"},
    "ssh_host_key": {"type": "title", "path": "opened by Python", "mode": ""},
    "sudo_rule": {"*": "a file of root's, checked by its path"},
    "swap": {"path": "title", "size": "in MiB, by Python", "formatted": "", "active": ""},
    "systemd_unit": {"*": "what's seen of it is public, the rest goes by its title"},
    "venv": {"path": "title", "lock": "a file", "timeout": "", "user": "who runs it"},
    "user": {"name": "title", "password_hash": "by stdin", "exclusive_groups": "", "move_home": "", "locked": "",
             "system": "", "create_home": "", "remove_home": ""},
}  # fmt: skip


def starts_programs(path):
    names = {"run", "run_ok", "run_bytes", "start"}
    return any(
        isinstance(one, ast.Call) and getattr(one.func, "id", getattr(one.func, "attr", "")) in names
        for one in ast.walk(ast.parse(path.read_text()))
    )


def test_each_field_of_a_type_that_starts_programs_is_thought_about(project):
    types = Types(project)
    folder = Path(__file__).parents[2] / "cdconf/resources"
    starting = {path.parent.name for path in folder.glob("*/agent.py") if starts_programs(path)}
    assert starting <= set(UNSEEN)  # the others do it through modules of the agent
    for name, unseen in UNSEEN.items():
        if "*" not in unseen:
            open_to_all = {field for field, spec in types[name].fields.items() if spec.public}
            assert open_to_all | set(unseen) == set(types[name].fields), name
