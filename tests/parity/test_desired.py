"""What the files of two environments say, and which differences somebody meant."""

import json

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.lint.differs import check_differs
from cdconf.parity import report
from cdconf.resources.discovery import Types
from tests.parity.conftest import told


def test_a_copy_is_like_what_it_copies(world):
    found = world.compare()
    assert found.alike
    assert told(found) == told(found, "declared") == set()
    assert ("resource", "file /etc/shop/db", "content") in told(found, "inherent")


def test_an_undeclared_variable_is_told_with_both_lines_and_with_what_follows(world):
    world.write({"inventories/staging/group_vars/web.yml": "threads: 2\n"})
    found = world.compare()
    assert not found.alike
    assert told(found) == {("variable", "threads", None), ("resource", "file /etc/shop/threads", "content")}
    variable, resource = found.having("unexplained")
    assert (variable.ours.value, variable.theirs.value) == (2, 8)
    assert variable.ours.source == "inventories/staging/group_vars/web.yml:1"
    assert variable.theirs.source == "inventories/production/group_vars/all.yml:2"
    assert variable.ours.hosts == ("web1", "web2", "web3")
    assert resource.causes == ("threads",)
    assert resource.ours.source == "roles/web/role.yml:9"


def test_a_declared_variable_explains_what_follows_from_it_through_others(world):
    world.write({"inventories/staging/group_vars/all.yml": "server_name: staging.example.com\n"})
    world.differs = ["{variable: server_name, why: it has its own name}"]
    found = world.compare()
    assert found.alike
    assert told(found, "declared") == {
        ("variable", "server_name", None),
        ("variable", "url", None),
        ("resource", "file /etc/shop/url", "content"),
    }
    assert {one.why for one in found.having("declared")} == {"it has its own name"}


def test_one_declared_variable_doesn_t_explain_another_in_the_same_file(world):
    world.write(
        {
            "inventories/staging/group_vars/all.yml": "server_name: staging.example.com\nmotd: hi\n",
            "roles/base/role.yml": """
                variables:
                  motd: {type: string, default: welcome, doc: greeting}
                resources:
                  - file: /etc/motd
                    content: "{{ motd }} {{ server_name }}\\n"
            """,
        }
    )
    world.differs = ["{variable: server_name, why: it has its own name}"]
    found = world.compare()
    assert told(found) == {("variable", "motd", None), ("resource", "file /etc/motd", "content")}
    assert found.having("unexplained")[1].causes == ("motd",)


def test_a_variable_that_each_environment_must_set_needs_no_entry(world):
    role = (world.root / "roles/web/role.yml").read_text()
    changed = role.replace("server_name: {type: string,", "server_name: {type: string, per_environment: true,")
    (world.root / "roles/web/role.yml").write_text(changed)
    world.write({"inventories/staging/group_vars/all.yml": "server_name: staging.example.com\n"})
    found = world.compare()
    assert found.alike
    assert "per_environment at roles/web/role.yml:2" in {one.why for one in found.having("declared")}


def test_an_entry_that_nothing_matches_is_told(world):
    world.differs = ["{variable: threads, why: x}", "{variable: threads, host: web2, why: twice}"]
    found = world.compare()
    assert not found.alike
    assert [(str(one), one.line) for one in found.unmatched] == [
        ("variable: threads", 4),
        ("variable: threads, host: web2", 5),
    ]
    world.write({"inventories/staging/host_vars/web2.yml": "threads: 2\n"})
    world.differs = ["{variable: threads, host: web2, why: x}"]
    assert world.compare().alike
    world.differs = ["{variable: threads, host: web1, why: x}"]
    found = world.compare()
    assert ("variable", "threads", None) in told(found)
    assert len(found.unmatched) == 1


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("This is {{ environment.name }} on {{ environment.provider }}.", "inherent"),
        ("{% for one in hosts.web %}server {{ one.address }}:8000; {% endfor %}", "inherent"),
        ("https://{{ environment.name }}.example.com/ of {{ host.name }}", "inherent"),
        ("db-{{ environment.name }} and production in both", "inherent"),
        ("level {{ 'debug' if environment.name == 'staging' else 'info' }}", "unexplained"),
        ("{{ 1 if environment.provider == 'docker' else 2 }}", "unexplained"),
    ],
)
@pytest.mark.parametrize("through", ["a variable", "nothing"])
def test_names_explain_names_only(world, text, status, through):
    variable = f"variables:\n  text: {{type: any, default: {json.dumps(text)}, doc: x}}\n"
    content = json.dumps("{{ text }}!" if through == "a variable" else text + "!")
    role = f"resources:\n  - file: /etc/x\n    content: {content}\n"
    world.write({"roles/base/role.yml": (variable if through == "a variable" else "") + role})
    found = world.compare()
    assert ("resource", "file /etc/x", "content") in told(found, status)
    assert found.alike == (status == "inherent")
    assert next(one for one in found.having(status) if one.name == "file /etc/x").causes


def test_a_resource_on_one_side_is_no_matter_of_names(world):
    role = world.root / "roles/base/role.yml"
    role.write_text(role.read_text() + "  - package: [gdb]\n    when: environment.name == 'staging'\n")
    found = world.compare()
    assert told(found) == {("resource", "package gdb", "exists")}
    only = found.having("unexplained")[0]
    assert (only.ours.value, only.theirs.value) == ("in the files", "not in the files")
    assert only.causes == ("environment",)
    assert only.ours.source == "roles/base/role.yml:7"
    world.differs = ['{resource: "package gdb", why: for debugging}']
    assert world.compare().alike


def test_a_resource_that_depends_on_a_declared_variable_may_be_on_one_side(world):
    role = world.root / "roles/web/role.yml"
    text = role.read_text().replace("resources:\n", "  debug: {type: boolean, default: false, doc: x}\nresources:\n")
    role.write_text(text + "  - package: [gdb]\n    when: debug\n")
    world.write({"inventories/staging/group_vars/all.yml": "debug: true\n"})
    world.differs = ["{variable: debug, why: developers look in}"]
    found = world.compare()
    assert found.alike
    assert ("resource", "package gdb", "exists") in told(found, "declared")


def test_titles_with_addresses_pair_up_by_their_line(world):
    role = world.root / "roles/web/role.yml"
    role.write_text(role.read_text() + "  - file: '/etc/{{ hosts.db[0].address }}.conf'\n    content: x\n")
    found = world.compare()
    assert found.alike
    assert ("resource", "file /etc/db1.conf", "path") in told(found, "inherent")


def test_secrets_are_compared_without_being_shown(world):
    found = world.compare()
    text = json.dumps(report.document(found)) + "\n".join(report.lines(found, verbose=True))
    assert "secretsecret" not in text  # the stand-in of one that isn't made yet
    sealed = next(one for one in found.findings if one.name == "file /etc/shop/db")
    assert str(sealed.ours.value) == "(not shown)"


def test_os_and_scale_have_entries_of_their_own(world):
    production = world.root / "inventories/production/hosts.yml"
    world.scale = "scale: {web: 2}\nhosts:\n  db1: {os: debian-13}\n"
    found = world.compare()
    assert told(found) == {("os", "os", None)}
    assert ("scale", "web", None) in told(found, "declared")
    assert found.having("unexplained")[0].theirs.source.startswith("inventories/production/hosts.yml:2")
    world.differs = ["{os: debian-13, why: it comes next}"]
    assert world.compare().alike
    production.write_text(production.read_text().replace("  web3", "  web0: {groups: [web]}\n  web3"))
    world.scale = ""
    world.differs = []
    assert world.compare().alike  # a copy follows


def test_fewer_hosts_are_a_difference_between_environments_that_aren_t_copies(world):
    world.write(
        {
            "inventories/other/hosts.yml": """
                hosts:
                  web7: {address: 198.51.100.1, groups: [web], os: debian-12}
                  db7: {address: 198.51.100.2, groups: [db], os: debian-12}
            """,
            "inventories/other/group_vars/all.yml": "server_name: shop.example.com\nthreads: 8\n",
        }
    )
    world.write({"inventories/other/secrets.yml": ""})
    found = world.compare("other", "production")
    assert told(found) == {("scale", "web", None), ("resource", "file /etc/shop/db", "content")}
    assert found.having("unexplained")[0].ours.value == 1
    assert found.having("unexplained")[1].causes == ("hosts",)


def test_hosts_are_a_set_of_shapes(world):
    """A special host needs a counterpart, whatever that's called; when there's none, the nearest one tells why."""
    world.write({"inventories/production/host_vars/web3.yml": "threads: 1\n"})
    world.scale = "scale: {web: 1}\nhosts:\n  web9: {groups: [web], os: debian-12}\n"
    world.write({"inventories/staging/host_vars/web9.yml": "threads: 1\n"})
    assert world.compare().alike
    world.scale = "scale: {web: 2}\n"
    found = world.compare()
    assert told(found) == {("variable", "threads", None), ("resource", "file /etc/shop/threads", "content")}
    assert found.having("unexplained")[0].theirs.hosts == ("web3",)
    world.differs = ["{scale: web, host: web3, why: there is one cron host}"]
    found = world.compare()
    assert found.alike
    assert ("scale", "web", "counterpart") in told(found, "declared")


def test_hosts_in_several_groups_are_compared_by_each_group_s_roles(world):
    world.write(
        {
            "inventories/small/hosts.yml": "hosts:\n  all1: {address: 198.51.100.1, groups: [db, web], os: debian-12}\n"
            "differs:\n  - {scale: web, why: it's small}\n",
            "inventories/small/group_vars/all.yml": "server_name: shop.example.com\nthreads: 8\n",
        }
    )
    found = world.compare("small", "production")
    assert found.alike, "\n".join(report.lines(found, verbose=False))


def test_a_copy_of_a_copy_differs_in_what_both_declare(world):
    world.write(
        {
            "inventories/try/hosts.yml": "copy_of: staging\nprovider: docker\n",
            "inventories/staging/group_vars/all.yml": "threads: 2\n",
        }
    )
    world.differs = ["{variable: threads, why: staging is small}"]
    assert world.compare("try", "production").alike
    assert world.compare("try", "staging").alike


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("{variabel: x, why: y}", "unknown key 'variabel'", "did you mean 'variable'?"),
        ("{variable: x}", "needs its reason", "add `why: …`"),
        ("{variable: x, os: debian-12, why: y}", "must have exactly one of", None),
        ("{why: y}", "must have exactly one of", None),
        ("{variable: 7, why: y}", "'variable' in differs must be text", None),
        ("{scale: wbe, why: y}", "there is no group 'wbe'", "did you mean 'web'?"),
        ("{artifact: shpo, why: y}", "there is no app 'shpo'", "did you mean 'shop'?"),
        ("{variable: x, host: web4, why: y}", "there is no host 'web4'", "did you mean"),
        ("{variable: x, field: y, why: y}", "'field' needs 'resource'", None),
        ("{resource: nginx, why: y}", "must be a type and a title", "such as"),
        ('{resource: "pakage nginx", why: y}', "there is no resource type 'pakage'", "did you mean 'package'?"),
        ('{resource: "package nginx", field: versoin, why: y}', "has no field 'versoin'", "did you mean 'version'?"),
        ("{fact: kernl, why: y}", "there is no fact 'kernl'", "did you mean 'kernel'?"),
        ("{fact: os.versoin, why: y}", "there is no fact 'os.versoin'", "did you mean 'os.version'?"),
    ],
)
def test_what_an_entry_names_is_checked(world, entry, message, hint):
    world.differs = [entry]
    world.staging()
    project = load_project(world.root)
    with pytest.raises(InvalidFile, match=message) as caught:
        check_differs(load_environment(project, "staging"), Types())
    assert caught.value.file == "inventories/staging/hosts.yml"
    assert caught.value.line == 4
    assert hint is None or (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    "fact", ["kernel", "os", "os.version", "memory_mb", "disks.sda.size_mb", "network.ipv4.address"]
)
def test_facts_are_known_by_their_paths(world, fact):
    world.differs = [f"{{fact: {fact}, why: y}}"]
    world.staging()
    check_differs(load_environment(load_project(world.root), "staging"), Types())
