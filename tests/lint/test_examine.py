"""The warnings of lint: each rule with what it finds and what it lets pass."""

import base64
import json
import os

import pytest

from cdconf.catalog.findings import RULES
from cdconf.inventory import load_project
from cdconf.lint.examine import examine
from tests.conftest import cdconf, write


def found(root):
    errors, warnings = examine(load_project(root))
    assert errors == []
    assert {one.rule for one in warnings} <= set(RULES)
    return [(one.rule, f"{one.file}:{one.line}" if one.line else one.file) for one in warnings]


def role(root, text):
    return write(root, {"roles/base/role.yml": text})


def test_a_good_project_has_no_warnings(project):
    assert found(project) == []


def test_a_type_s_agent_that_could_not_run_on_a_host_is_an_error(project):
    write(
        project,
        {
            "resources/mine/spec.py": """
                from cdconf.resources.spec import Field, ResourceType

                TYPE = ResourceType(
                    name="mine", doc="One.", title="name", fields={"name": Field("string", "Its.")}, example="mine: x"
                )
            """,
            "resources/mine/agent.py": "import requests\n",
        },
    )
    [error] = examine(load_project(project))[0]
    assert (error.file, error.line) == ("resources/mine/agent.py", 1)
    assert "it imports 'requests', which isn't on a host" in error.message


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 1 << 40)])
def test_a_template_that_can_t_be_read_keeps_nobody_waiting(project, make):
    (project / "roles/base/templates").mkdir(exist_ok=True)
    make(project / "roles/base/templates/huge.j2")
    examine(load_project(project))


@pytest.mark.parametrize("text", ["-" * 200_000 + "1", None])
def test_an_agent_that_nobody_can_read_is_an_error(project, text):
    spec = """
        from cdconf.resources.spec import Field, ResourceType

        TYPE = ResourceType(
            name="mine", doc="One.", title="name", fields={"name": Field("string", "Its.")}, example="mine: x"
        )
    """
    write(project, {"resources/mine/spec.py": spec})
    agent = project / "resources/mine/agent.py"
    agent.write_text(text or "")
    if text is None:
        os.truncate(agent, 1 << 40)
    [error] = examine(load_project(project))[0]
    assert error.file == "resources/mine/agent.py"


def test_unused_things_are_found(project):
    role(
        project,
        """
        variables:
          used_in_template: {type: string, default: a}
          used_in_when: {type: boolean, default: true}
          used_in_assert: {type: integer, default: 1}
          unused: {type: string, default: b}
        resources:
          - assert: used_in_assert > 0
          - file: /etc/motd
            template: motd.j2
            when: used_in_when
          - file: /etc/issue
            source: "issue-{{ environment.name }}"
          - file: /etc/name
            content: "{{ host.name }}"
        handlers:
          never: {command: "true"}
        """,
    )
    write(
        project,
        {
            "roles/base/templates/motd.j2": "{% include 'part.j2' %}\n",
            "roles/base/templates/part.j2": "{{ used_in_template }}\n",
            "roles/base/templates/old.j2": "",
            "roles/base/files/issue-dev": "",
            "roles/base/files/other": "",
            "templates/shared.j2": "",
            "roles/lonely/role.yml": "resources: []\n",
        },
    )
    assert found(project) == [
        ("unused_file", "roles/base/files/other"),
        ("unused_variable", "roles/base/role.yml:5"),
        ("unused_handler", "roles/base/role.yml:16"),
        ("unused_template", "roles/base/templates/old.j2"),
        ("unused_role", "roles/lonely/role.yml"),
        ("unused_template", "templates/shared.j2"),
    ]


def test_a_name_that_only_rendering_knows_counts_for_all_files(project):
    role(
        project,
        """
        resources:
          - file: "{{ each }}"
            template: "{{ each | basename }}"
            for_each: [/etc/motd]
          - file: /etc/copied
            source: tree/a
        """,
    )
    write(project, {"roles/base/templates/motd": "x", "roles/base/templates/other": "{% include host.name %}"})
    write(project, {"roles/base/files/tree/a": "x", "templates/shared.j2": ""})
    assert found(project) == []


def test_misspelt_and_undeclared_variables_are_found(project):
    role(
        project,
        """
        variables:
          greeting: {type: string, default: a}
        resources:
          - file: /etc/motd
            content: "{{ greeting }} {{ loose }} {{ derived }}"
        """,
    )
    write(
        project,
        {
            "inventories/dev/group_vars/all.yml": """
                greting: hi
                loose: 1
                derived: "{{ base }}"
                base: x
            """
        },
    )
    assert found(project) == [
        ("unread_variable", "inventories/dev/group_vars/all.yml:1"),
        ("undeclared_variable", "roles/base/role.yml"),
        ("undeclared_variable", "roles/base/role.yml"),
    ]
    assert "did you mean 'greeting'?" in cdconf(project, "lint").stdout


def test_secrets_in_the_clear_and_readable_secrets_are_found(project):
    role(
        project,
        """
        variables:
          db_password: {secret: {generate: 16}}
          mail_token: {type: string, default: "", doc: x}
        resources:
          - file: /etc/open
            content: "{{ db_password }}"
            owner: root
            mode: "0644"
          - file: /etc/closed
            content: "{{ db_password }} {{ mail_token }}"
            owner: root
            mode: "0640"
        """,
    )
    write(
        project,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
            "inventories/dev/group_vars/all.yml": "mail_token: hunter2\n",
            "inventories/dev/group_vars/web.yml": "mail_token: '{{ host.name }}'\n",
        },
    )
    assert found(project) == [
        ("secret_in_clear", "inventories/dev/group_vars/all.yml:1"),
        ("readable_secret", "roles/base/role.yml:5"),
    ]


GUARDS = {
    "true": True,
    "exit 1": True,
    "touch /x": True,
    "test -e /x || mkdir /x": True,
    "echo a > /x": True,
    "systemctl restart nginx": True,
    "make": True,
    "test -e /x": False,
    "grep -q a /x 2>/dev/null": False,
    "dpkg -s nginx >/dev/null 2>&1": False,
    "systemctl is-active nginx": False,
    'test "$(stat -c %Y /x)" -ge 5': False,
    "psql -c 'select 1 where 2 > 1'": False,
    "test -d /srv/touch": False,
}


@pytest.mark.parametrize(("guard", "suspicious"), GUARDS.items())
def test_suspicious_guards(project, guard, suspicious):
    resource = {"command": "make", "unless": guard}
    write(project, {"roles/base/role.yml": json.dumps({"resources": [resource]})})
    assert [rule for rule, _ in found(project)] == (["suspicious_guard"] if suspicious else [])


def test_a_guard_that_a_reboot_forgets(project):
    role(project, "resources:\n  - command: make\n    creates: /tmp/made\n")
    assert found(project) == [("suspicious_guard", "roles/base/role.yml:3")]


def test_apps_without_health_or_smoke_tests_and_stale_differences_are_found(project):
    write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {db: [base], web: [base]}
                apps:
                  shop: {groups: [web], path: /srv/shop}
            """,
            "inventories/copy/hosts.yml": """
                copy_of: dev
                provider: docker
                differs:
                  - {variable: gone, why: it was there once}
                  - {variable: greeting, why: it is there}
            """,
        },
    )
    assert found(project) == [
        ("no_health", "cdconf.yml:4"),
        ("no_smoke_test", "cdconf.yml:4"),
        ("stale_difference", "inventories/copy/hosts.yml:4"),
    ]


@pytest.mark.parametrize("many", [True, False])
def test_migrations_of_an_app_whose_hosts_have_a_database_each_are_found(project, many):
    migrate = "migrate: {expand: ./expand}"
    write(
        project,
        {
            "cdconf.yml": f"""
                project: demo
                groups: {{db: [base], web: [base]}}
                apps:
                  shop: {{groups: [web], path: /srv/shop, health: {{command: "true"}}, {migrate}}}
            """,
            "inventories/dev/hosts.yml": f"""
                hosts:
                  web1: {{address: 10.0.0.1, groups: [web]}}
                  web2: {{address: 10.0.0.2, groups: [{"web" if many else "db"}]}}
            """,
            "roles/base/smoke/test_it.py": "def test_it(host): pass\n",
            "roles/base/role.yml": """
                resources:
                  - package: postgresql
                  - postgres_database: shop
            """,
        },
    )
    rule = ("database_per_host", "cdconf.yml:4")
    assert found(project) == ([rule] if many else [])


def test_an_unused_secret_is_found(project):
    sealed = base64.b64encode(b"age-encryption.org/v1\n-> X25519 ...").decode()
    write(project, {"inventories/dev/secrets.yml": f"old_key: age:{sealed}\n"})
    assert found(project) == [("unused_secret", "inventories/dev/secrets.yml:1")]


def test_sudo_reads_its_passwords(project):
    sealed = base64.b64encode(b"age-encryption.org/v1\n-> X25519 ...").decode()
    hosts = """
        ssh: {user: ops, become: sudo, sudo_password: all_sudo}
        hosts:
          h1: {groups: [web], ssh: {sudo_password: h1_sudo}}
    """
    secrets = "".join(f"{name}: age:{sealed}\n" for name in ("all_sudo", "h1_sudo", "h2_sudo"))
    write(project, {"inventories/dev/hosts.yml": hosts, "inventories/dev/secrets.yml": secrets})
    assert found(project) == [("unused_secret", "inventories/dev/secrets.yml:3")]


def test_exit_codes_and_output(project):
    role(project, "resources: []\nhandlers:\n  never: {command: 'true'}\n")
    result = cdconf(project, "lint")
    assert result.returncode == 0
    assert result.stdout == (
        "warning: roles/base/role.yml:3: nothing notifies the handler 'never' [unused_handler]\n"
        "no errors, 1 warning in 1 environments\n"
    )
    assert cdconf(project, "lint", "--strict").returncode == 1
    document = json.loads(cdconf(project, "lint", "--json").stdout)
    assert [one["kind"] for one in document["warnings"]] == ["unused_handler"]
    role(project, "resources: [{file: /x, modes: '1'}]\n")
    result = cdconf(project, "lint")
    assert (result.returncode, "1 error in 1 environments" in result.stdout) == (1, True)


APP = """
apps:
  shop:
    groups: [{group}]
    build: "true"
    artifact: dist/shop-*.tar.gz
    path: /srv/shop
    user: shop
    health: {http: "http://127.0.0.1:8000/"}
"""


@pytest.mark.parametrize(
    ("resource", "given"),
    [
        ("{directory: /srv/shop, owner: shop}", "/srv/shop"),
        ("{directory: /srv/shop/releases, group: shop, mode: '0775'}", "/srv/shop/releases"),
        ("{directory: /srv/shop, mode: '1777'}", "/srv/shop"),
        ("{user: shop, home: /srv/shop, create_home: true}", "/srv/shop"),
        ("{git: /srv/shop/current, url: 'https://example.com/x.git', revision: main, user: shop}", "/srv/shop/current"),
        ("{directory: /srv/shop}", None),
        ("{directory: /srv/shop, group: shop, mode: '0750'}", None),
        ("{directory: /srv/shop/shared, owner: shop}", None),
        ("{user: shop, home: /srv/shop}", None),
        ("{directory: /srv/shop, owner: shop, absent: true, force: true}", None),
    ],
)
def test_an_app_s_user_doesn_t_own_its_releases(project, resource, given):
    group = next(iter(load_project(project).groups))
    with (project / "cdconf.yml").open("a") as stream:
        stream.write(APP.replace("{group}", group))
    role(project, f"\nresources:\n  - {resource}\n")
    _, warnings = examine(load_project(project))
    found = [one for one in warnings if one.rule == "app_owns_releases"]
    assert [(one.file, one.line) for one in found] == ([("roles/base/role.yml", 2)] if given else [])
    assert all(f"change '{given}'" in one.message for one in found)


def test_windows_that_are_never_open_together(project):
    path = project / "inventories/dev/hosts.yml"
    before = path.read_text()
    path.write_text(f"require:\n  - window: {{days: mon}}\n  - window: {{days: mon-tue}}\n{before}")
    assert found(project) == []
    path.write_text(f"require:\n  - window: {{days: mon}}\n  - window: {{days: tue}}\n{before}")
    assert found(project) == [("closed_windows", "inventories/dev/hosts.yml:3")]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("servers: [base]\n  app: [base]\n  lb: [base]", [("lost_order", "cdconf.yml:3")]),
        ("app: [base]\n  lb: [base]\n  servers: [base]", []),
        ("app: [base]\n  servers: [base]\n  lb: [base]", []),
    ],
)
def test_a_group_that_is_first_for_hosts_of_several_others_undoes_their_order(project, groups, expected):
    hosts = "hosts:\n  a1: {groups: [servers, app]}\n  b1: {groups: [lb, servers]}\n  c1: {groups: [servers]}\n"
    write(project, {"cdconf.yml": f"project: demo\ngroups:\n  {groups}\n", "inventories/dev/hosts.yml": hosts})
    assert [one for one in found(project) if one[0] == "lost_order"] == expected
