import json
from pathlib import Path

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import CdconfError
from cdconf.importing import import_inventory
from cdconf.importing.vault import Passwords
from cdconf.inventory import VariableFiles, load_environment, load_project
from tests.conftest import cdconf, write

HERE = Path(__file__).parent
PASSWORDS = Passwords(["correct horse", "battery staple"])
RENAMED = {"my-name": "my_name", "hosts": "hosts_2"}


@pytest.fixture(autouse=True)
def identity(tmp_path, monkeypatch):
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "key/age.txt"))


def expected(name):
    """What `ansible-inventory --list` says (see expect-from-ansible), without ansible_*."""
    hosts = json.loads((HERE / f"expected/{name}.json").read_text())["_meta"]["hostvars"]
    return {
        host: {RENAMED.get(key, key): value for key, value in values.items() if not key.startswith("ansible_")}
        for host, values in hosts.items()
    }


def agree(shown, value):
    """Whether what `cdconf vars --json` shows is the value, of the same type."""
    value = value.get("__ansible_unsafe", value) if isinstance(value, dict) else value
    if isinstance(value, str):
        return shown == value
    return json.dumps(shown, sort_keys=True) == json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("path", ["ini/hosts.ini", "yaml/inventory.yml", "directory", "precedence/hosts.ini"])
def test_every_host_has_the_variables_that_ansible_gives_it(path, tmp_path):
    name = path.split("/")[0]
    report = import_inventory(HERE / "inventories" / path, tmp_path, "prod")
    project = load_project(tmp_path)
    environment = load_environment(project, "prod")
    files = VariableFiles(project, environment)
    result = cdconf(tmp_path, "vars", "prod", "--json")
    assert result.returncode == 0, result.stdout
    variables = json.loads(result.stdout)["variables"]
    for host, values in expected(name).items():
        mine = report.hosts[host]
        assert sorted(variables[mine]) == sorted(values)
        raw = {key: one for layer in files.layers(environment.hosts[mine]) for key, one in layer.values.items()}
        for key, value in values.items():
            if isinstance(value, str) and "{{" in value:
                assert raw[key] == value
            else:
                assert agree(variables[mine][key]["value"], value), (host, key)


def declare(root, names):
    """Gives every group a role that declares the secrets."""
    groups = list(load_project(root).groups)
    secrets = "".join(f"  {name}: {{secret: true, doc: imported}}\n" for name in names)
    (root / "roles/base").mkdir(parents=True)
    (root / "roles/base/role.yml").write_text(f"variables:\n{secrets}resources: []\n")
    (root / "cdconf.yml").write_text("project: x\ngroups:\n" + "".join(f"  {one}: [base]\n" for one in groups))


def test_vaults_become_secrets_with_the_same_values(tmp_path):
    report = import_inventory(HERE / "inventories/vault/hosts", tmp_path, "prod", PASSWORDS)
    text = "".join(path.read_text() for path in tmp_path.rglob("*.yml"))
    plain = ("s3cret-token", "shared-pass", "web-only-pass", "nested-pass", "mail-pass", "first-key", "4711", "VAULT")
    assert not [one for one in plain if one in text]
    assert (tmp_path / "inventories/prod/secrets.yml").stat().st_mode & 0o777 == 0o600
    declare(tmp_path, report.secrets)
    project = load_project(tmp_path)
    environment = load_environment(project, "prod")
    compiler = Compiler(project, environment)
    opened = {"api_token": "s3cret-token", "db_password": "web-only-pass"}
    for host, values in expected("vault").items():
        scope = compiler.scope(environment.hosts[host], {})
        for key, value in values.items():
            want = value
            if isinstance(value, dict) and "__ansible_vault" in value:
                want = "shared-pass" if (host, key) == ("db1", "db_password") else opened[key]
            elif key == "nested":
                want = {"user": "app", "password": "nested-pass"}
            found = scope.lookup(key, None)
            assert (found, type(found) is bool) == (want, type(want) is bool), (host, key)


def test_without_a_password_secrets_are_listed_to_be_set(tmp_path):
    report = import_inventory(HERE / "inventories/vault/hosts", tmp_path, "prod")
    assert report.to_set == ["api_token", "db_password_all", "db_password_web", "nested_password_web"]
    assert [one.file for one in report.not_taken] == [str(HERE / "inventories/vault/group_vars/web/vault.yml")]
    assert not (tmp_path / "inventories/prod/secrets.yml").exists()
    assert "{{ db_password_web }}" in (tmp_path / "inventories/prod/group_vars/web.yml").read_text()


def test_a_wrong_password_is_an_error_that_names_the_vault(tmp_path):
    with pytest.raises(CdconfError, match=r"vault/group_vars/all/main.yml:2: no password given fits this vault"):
        import_inventory(HERE / "inventories/vault/hosts", tmp_path, "prod", Passwords(["wrong"]))
    assert not list(tmp_path.iterdir())


def test_another_order_of_groups_moves_values_to_the_hosts(tmp_path):
    write(tmp_path, {"cdconf.yml": "project: x\ngroups: {alpha: [], beta: [], gamma: [], delta: []}\n"})
    report = import_inventory(HERE / "inventories/precedence/hosts.ini", tmp_path, "prod")
    variables = json.loads(cdconf(tmp_path, "vars", "prod", "--json").stdout)["variables"]
    for host, values in expected("precedence").items():
        assert {key: one["value"] for key, one in variables[host].items()} == values
    moved = [str(one) for one in report.moved]
    assert any(
        "'deep' went to the variables of host one: in cdconf's order, delta's value would win" in one for one in moved
    )
    assert report.add_to_project == []


def test_an_existing_project_keeps_its_file_and_is_told_the_missing_groups(tmp_path):
    write(tmp_path, {"cdconf.yml": "project: x\ngroups: {web: []}\n"})
    result = cdconf(tmp_path, "import", "ansible-inventory", str(HERE / "inventories/directory"), "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["command"], document["environment"]) == (0, "import", "directory")
    assert document["imported"]["add_to_project"] == ["prod: []", "db: []"]
    assert (tmp_path / "cdconf.yml").read_text() == "project: x\ngroups: {web: []}\n"


def test_existing_files_are_never_overwritten(tmp_path):
    write(tmp_path, {"cdconf.yml": "project: x\ngroups: {}\n", "inventories/prod/group_vars/web.yml": "mine: 1\n"})
    result = cdconf(
        tmp_path, "import", "ansible-inventory", str(HERE / "inventories/directory"), "--environment", "prod"
    )
    assert result.returncode == 1
    assert "inventories/prod/group_vars/web.yml is there already" in result.stderr
    assert [path.name for path in tmp_path.rglob("*.yml")] == ["cdconf.yml", "web.yml"]
    assert (tmp_path / "inventories/prod/group_vars/web.yml").read_text() == "mine: 1\n"


def test_connections_become_ssh_settings(tmp_path):
    import_inventory(HERE / "inventories/ini/hosts.ini", tmp_path, "prod")
    hosts = load_environment(load_project(tmp_path), "prod").hosts
    web = hosts["web-a"]
    assert (web.address, web.ssh.port, web.ssh.user, web.ssh.become) == ("web-a.example.com", 2222, "deploy", "sudo")
    assert web.ssh.jump == "bastion.example.com"
    assert (hosts["mail"].address, hosts["mail"].ssh.user) == ("192.0.2.5", "root")
    assert hosts["legacy"].transport == "local"


def test_sudo_s_passwords_become_secrets_that_hosts_yml_names(tmp_path):
    inventory = """
        a ansible_become_password=hunter2
        b ansible_become_pass=hunter2
        c ansible_become_password="{{ theirs }}" theirs=swordfish
        d ansible_become_password="{{ vault_sudo }}"
        e ansible_become_password="{{ api_token }}"
    """
    vault = (HERE / "inventories/vault/group_vars/all/main.yml").read_text()
    root = write(tmp_path, {"inv/hosts": inventory, "inv/group_vars/all.yml": vault})
    report = import_inventory(root / "inv/hosts", root / "new", "prod", PASSWORDS)
    hosts = load_environment(load_project(root / "new"), "prod").hosts
    names = {name: host.ssh.sudo_password for name, host in hosts.items()}
    once, other = "sudo_password", "sudo_password_2"
    assert names == {"a": once, "b": once, "c": other, "d": None, "e": "api_token"}
    assert report.sudo_passwords == [once, other]
    assert {once, other, "api_token"} <= set(report.secrets)
    assert [one.line for one in report.not_taken] == [4]
    assert "hunter2" not in "".join(path.read_text() for path in (root / "new").rglob("*.yml"))
    printed = cdconf(root, "import", "ansible-inventory", "inv/hosts", "--project", "other").stdout
    assert "\n  api_token\n" in printed
    assert "\n  sudo_password\n" not in printed


def test_what_is_common_to_all_hosts_stands_once(tmp_path):
    hosts = "[web]\na ansible_port=22\nb\n[all:vars]\nansible_user=deploy\n"
    root = write(tmp_path, {"hosts.ini": hosts})
    report = import_inventory(root / "hosts.ini", root, "prod")
    text = (root / "inventories/prod/hosts.yml").read_text()
    assert text.splitlines()[1:] == [
        "ssh: {user: deploy}",
        "hosts:",
        "  a: {address: a, groups: [web], ssh: {port: 22}}",
        "  b: {address: b, groups: [web]}",
    ]
    assert report.not_taken == []


def test_playbook_variables_win_over_those_beside_the_inventory(tmp_path):
    root = write(
        tmp_path,
        {
            "inv/hosts": "[web]\na\n",
            "inv/group_vars/web.yml": "one: inventory\ntwo: inventory\n",
            "play/group_vars/web.yml": "two: play\n",
            "play/host_vars/a.yml": "three: play\n",
        },
    )
    import_inventory(root / "inv/hosts", root / "new", "prod", playbooks=root / "play")
    variables = json.loads(cdconf(root / "new", "vars", "prod", "a", "--json").stdout)["variables"]["a"]
    values = {name: one["value"] for name, one in variables.items()}
    assert values == {"one": "inventory", "two": "play", "three": "play"}


def test_expressions_of_ansible_are_kept_and_reported_with_their_lines(tmp_path):
    report = import_inventory(HERE / "inventories/yaml/inventory.yml", tmp_path, "prod")
    found = {(one.line, one.message.split(": ", 1)[1].split(" ")[0]) for one in report.templates}
    assert found == {(42, "'groups'"), (42, "'hostvars'"), (42, "lookup()"), (44, "there")}
    assert "ipaddr" in (tmp_path / "inventories/prod/group_vars/canary.yml").read_text()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"hosts": "[web\n"}, r"hosts:1: this isn't a host: '\[web' has a bracket"),
        ({"hosts": "[we b]\n"}, r"hosts:1: \[we b\] isn't a section"),
        ({"hosts": "a\n[web:kids]\n"}, r"hosts:2: \[web:kids\] isn't a kind of section"),
        ({"hosts": "a\n[web:vars]\nx=1\n"}, r"hosts:2: \[web:vars\] names the group 'web', which isn't there"),
        ({"hosts": "a\n[x:children]\nweb\n"}, r"hosts:3: \[x:children\] names the group 'web'"),
        ({"hosts": "a b c\n"}, r"hosts:1: 'b' isn't name=value"),
        ({"hosts": "a[3:1]\n"}, r"hosts:1: this isn't a host: the range \[3:1\] ends before it begins"),
        ({"hosts": "a[01:100]\n"}, r"hosts:1: .*equal length"),
        ({"hosts": "a[1:99999999]\n"}, r"hosts:1: .*more than"),
        ({"hosts": "a x='\n"}, r"hosts:1: this isn't a host: No closing quotation"),
        ({"hosts": "a\n[x:children]\ny\n[y:children]\nx\n"}, r"groups contain themselves: x, y"),
        ({"hosts": ""}, r"there are no hosts"),
        ({"hosts.yml": "plugin: amazon.aws.aws_ec2\n"}, r"hosts.yml:1: this asks the inventory plugin"),
        ({"hosts.yml": "all:\n  host: {a: }\n"}, r"hosts.yml:2: 'host' in group 'all' isn't known"),
        ({"hosts.yml": "- a\n"}, r"hosts.yml:1: an inventory must be a mapping"),
        ({"hosts.yml": "all: {hosts: {a: [1]}}\n"}, r"hosts.yml:1: 'a' must be a mapping"),
        ({"hosts.yml": "all: {hosts: {a: {x: !foo 1}}}\n"}, r"hosts.yml:1: .*the tag !foo isn't known"),
        ({"hosts": "a\n", "host_vars/a.yml": "x: [\n"}, r"host_vars/a.yml:2: this isn't YAML"),
        ({"hosts": "a\n", "host_vars/a.yml": "- x\n"}, r"host_vars/a.yml:1: the file must be a mapping"),
        (
            {"hosts": "a\n", "host_vars/a.yml": "$ANSIBLE_VAULT;1.1;AES256\nzz\n"},
            r"host_vars/a.yml:1: this vault is damaged",
        ),
        (
            {"hosts": "a\n", "host_vars/a.yml": "$ANSIBLE_VAULT;1.0;AES\n00\n"},
            r"a.yml:1: this vault's format isn't known",
        ),
    ],
)
def test_what_is_wrong_is_one_clear_error(files, message, tmp_path):
    source = write(tmp_path / "source", files)
    with pytest.raises(CdconfError, match=message):
        import_inventory(source / next(iter(files)), tmp_path / "new", "prod")
    assert not (tmp_path / "new").exists()


def test_a_program_is_not_run(tmp_path):
    write(tmp_path, {"dynamic": "#!/bin/sh\ntouch ran\n"}).joinpath("dynamic").chmod(0o755)
    result = cdconf(tmp_path, "import", "ansible-inventory", "dynamic")
    assert result.returncode == 1
    assert "this is a program, which isn't run" in result.stderr
    assert not (tmp_path / "ran").exists()


def test_names_that_cdconf_cannot_have_are_mapped_without_collisions(tmp_path):
    hosts = "Web_1.a.example\nweb-1.b.example\n192.0.2.7\nweb\n[2001:db8::1]:2222\nall\n[web]\nx\n[Web]\ny\n"
    report = import_inventory(write(tmp_path, {"hosts": hosts}) / "hosts", tmp_path, "prod")
    assert report.hosts == {
        "Web_1.a.example": "web-1-a-example",
        "web-1.b.example": "web-1-b-example",
        "192.0.2.7": "192-0-2-7",
        "web": "web-2",
        "2001:db8::1": "2001-db8-1",
        "all": "all-2",
        "x": "x",
        "y": "y",
    }
    assert list(load_project(tmp_path).groups) == ["web_2", "web"]
    assert load_environment(load_project(tmp_path), "prod").hosts["2001-db8-1"].ssh.port == 2222
