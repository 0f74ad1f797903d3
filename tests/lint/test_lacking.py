"""What lint finds that hosts will lack, and that no single file is wrong about."""

import shutil

import pytest

from cdconf.inventory import load_project
from cdconf.lint.examine import examine
from tests.conftest import write

APPS = """
project: demo
groups: {web: [base]}
apps:
  shop: {groups: [web], path: /srv/shop, user: shop, services: [shop], health: {command: "true"}}
"""
MADE = "resources:\n  - user: shop\n  - systemd_unit: shop.service\n    content: '[Service]'\n"
HOSTS = "hosts:\n  web1: {address: 192.0.2.1, groups: [web], os: debian-12}\n"


@pytest.fixture
def found(project):
    def look(role=MADE, config=APPS, hosts=HOSTS):
        files = {"cdconf.yml": config, "roles/base/role.yml": role, "inventories/dev/hosts.yml": hosts}
        write(project, files)
        errors, warnings = examine(load_project(project))
        assert errors == []
        return [one for one in warnings if one.rule not in ("no_smoke_test", "unused_variable")]

    return look


def test_nothing_lacks_where_all_is_made(found):
    assert found() == []


@pytest.mark.parametrize(
    "role",
    [
        "resources:\n  - user: shop\n  - package: shop\n  - service: shop.service\n    enabled: true\n",
        "resources:\n  - user: shop\n  - file: /etc/systemd/system/shop.service\n    content: x\n",
        "resources:\n  - package: shop-server\n  - service: shop\n    enabled: true\n",
    ],
)
def test_a_service_and_a_user_may_come_from_a_package_or_a_file(found, role):
    assert found(role) == []


def test_a_service_and_a_user_that_no_role_makes(found):
    service, user = found("resources:\n  - package: curl\n")
    assert (service.rule, service.file, service.line) == ("unmade_service", "cdconf.yml", 4)
    assert service.message == "no role of host 'web1' makes service 'shop' of app 'shop'"
    assert (user.rule, user.hint) == ("unmade_user", "add `user: shop` to a role of its groups")


def test_an_environment_file_that_no_role_writes(found):
    config = APPS.replace("user: shop", "user: shop, env_file: /etc/shop/env")
    (one,) = found(config=config)
    assert (one.rule, one.file, one.line) == ("unmade_env_file", "cdconf.yml", 4)
    assert one.message == "no role of host 'web1' writes the `env_file` of app 'shop': /etc/shop/env"
    assert one.hint.startswith("add `file: /etc/shop/env` to a role of its groups")


@pytest.mark.parametrize(
    "resource",
    [
        "file: /etc/shop/env\n    content: A=1",
        "line: /etc/shop/env\n    text: A=1",
        "command: make-env > /etc/shop/env\n    creates: /etc/shop/env",
    ],
)
def test_an_environment_file_may_be_written_in_any_way(found, resource):
    config = APPS.replace("user: shop", "user: shop, env_file: /etc/shop/env")
    assert found(f"{MADE}  - {resource}\n", config) == []


def test_two_apps_with_one_service_on_the_same_hosts(found):
    config = APPS + "  mail: {groups: [web], path: /srv/mail, services: [shop.service], health: {command: 'true'}}\n"
    (one,) = found(config=config)
    assert (one.rule, one.line) == ("shared_service", 5)
    assert one.message == "service 'shop.service' is also app 'shop's, and web1 has both"


def test_one_service_of_two_apps_on_different_hosts_is_each_one_s_own(found):
    config = APPS.replace("{web: [base]}", "{web: [base], other: [base]}")
    config += "  mail: {groups: [other], path: /srv/mail, services: [shop], health: {command: 'true'}}\n"
    assert found(config=config, hosts=HOSTS + "  two: {address: 192.0.2.2, groups: [other]}\n") == []


def test_a_secret_that_is_generated_elsewhere_and_lacks_here(found):
    role = "variables:\n  key: {secret: {generate: 16}}\n" + MADE
    (one,) = found(role)
    assert one.rule == "missing_secret"
    assert one.hint.startswith("set it with `cdconf secret set dev key`, or name a source that has it in ")
    assert found(role, hosts="provider: docker\n" + HOSTS.replace("address: 192.0.2.1, ", "")) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("debain-12", "did you mean 'debian'?"),
        ("ubunto-24.04", "did you mean 'ubuntu'?"),
        ("debian-bokworm", "did you mean 'bookworm'?"),
        ("debian12", "did you mean 'debian-12'?"),
        ("Ubuntu 24.04", "did you mean 'ubuntu-24.04'?"),
        ("debian-12", None),
        ("debian-bookworm", None),
        ("debian", None),
        ("rocky-9.4", None),
        ("alpine", None),
        ("opensuse-leap-15.6", None),
    ],
)
def test_an_os_that_nobody_knows(found, name, hint):
    warnings = found(hosts=HOSTS.replace("debian-12", name))
    assert [(one.rule, one.hint) for one in warnings] == ([("unknown_os", hint)] if hint else [])


def test_an_os_that_is_like_none_is_told_with_all(found):
    (one,) = found(hosts=HOSTS.replace("debian-12", "windows-11"))
    assert one.hint.startswith("there are: al")
    assert "debian, " in one.hint


def test_two_hosts_at_one_address(found):
    second = "  web2: {{address: 192.0.2.1, groups: [web]{}}}\n"
    (one,) = found(hosts=HOSTS + second.format(""))
    assert (one.rule, one.file, one.line) == ("shared_address", "inventories/dev/hosts.yml", 3)
    assert one.message == "host 'web2' is reached at 192.0.2.1 port 22, and so is host 'web1'"
    assert found(hosts=HOSTS + second.format(", ssh: {port: 2222}")) == []
    assert found(hosts=HOSTS + second.format(", ssh: {jump: bastion.example.com}")) == []
    assert found(hosts=HOSTS + second.format(", ssh: {address: 192.0.2.9}")) == []


def test_a_service_whose_name_is_misspelt(found):
    (one,) = found(config=APPS.replace("services: [shop]", "services: [shpo]"))
    assert (one.rule, one.hint) == ("unmade_service", "did you mean 'shop'?")


def test_a_project_whose_environments_lie_elsewhere(project):
    write(project, {"cdconf.yml": APPS, "roles/base/role.yml": MADE, "inventory/dev/hosts.yml": HOSTS})
    shutil.rmtree(project / "inventories", ignore_errors=True)
    _, warnings = examine(load_project(project))
    (one,) = [one for one in warnings if one.rule == "no_environment"]
    assert (one.file, one.line, one.hint) == ("cdconf.yml", 1, "rename inventory/ to inventories/")


def test_a_smoke_test_whose_name_is_turned_round(project):
    files = {"cdconf.yml": APPS, "roles/base/role.yml": MADE, "inventories/dev/hosts.yml": HOSTS}
    write(project, {**files, "roles/base/smoke/shop_test.py": "def test_it():\n    pass\n"})
    _, warnings = examine(load_project(project))
    (one,) = [one for one in warnings if one.rule == "no_smoke_test"]
    assert one.hint == "rename roles/base/smoke/shop_test.py to test_shop.py"


def test_a_role_that_cannot_be_read_causes_no_warning_of_what_it_reads(project):
    hosts = HOSTS + "differs:\n  - {variable: size, why: it differs}\n"
    role = "variables:\n  size: {type: integer, default: 1}\nresources:\n  - fil: /etc/x\n"
    write(project, {"cdconf.yml": APPS, "roles/base/role.yml": role, "inventories/prod/hosts.yml": HOSTS})
    write(project, {"inventories/dev/hosts.yml": f"copy_of: prod\nprovider: docker\n{hosts[hosts.index('differs') :]}"})
    write(project, {"inventories/prod/group_vars/all.yml": "size: 3\n"})
    errors, warnings = examine(load_project(project))
    assert [str(one) for one in errors] == ["roles/base/role.yml:4: unknown resource type 'fil'"]
    assert {one.rule for one in warnings} <= {"no_smoke_test"}
