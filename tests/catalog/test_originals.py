"""A copy never talks to what it copies by accident: its catalogs hold none of the original's addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.catalog import Compiler
from cdconf.catalog.copy_isolation import addresses_in, addresses_of
from cdconf.catalog.offline import check_copy
from cdconf.errors import InvalidFile
from cdconf.inventory import Host, Ssh, load_environment, load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.2", "10.0.0.2"),
        ("postgres://shop:x@10.0.0.2:5432/shop", "10.0.0.2"),
        ("allow 10.0.0.2/32;", "10.0.0.2"),
        ("10.0.0.2-10.0.0.9", "10.0.0.9"),
        ("It's 10.0.0.2.", "10.0.0.2"),
        ("host=DB.example.com port=5432", "db.example.com"),
        ("root@db.example.com.", "db.example.com"),
        ("https://db.example.com/x.y", "db.example.com"),
        ("listen [2001:DB8:0:0::2]:80;", "2001:db8::2"),
        ("2001:db8::2", "2001:db8::2"),
    ],
)
def test_a_whole_address_is_found(text, address):
    assert address in set(addresses_in(text))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.20", "10.0.0.2"),
        ("110.0.0.2", "10.0.0.2"),
        ("10.0.0.2.5", "10.0.0.2"),
        ("1.10.0.0.2", "10.0.0.2"),
        ("v10.0.0.2", "10.0.0.2"),
        ("10.0.0.2b1", "10.0.0.2"),
        ("old-db.example.com", "db.example.com"),
        ("x.db.example.com", "db.example.com"),
        ("db.example.com.au", "db.example.com"),
        ("db.example.community", "db.example.com"),
        ("2001:db8::20", "2001:db8::2"),
        ("2001:db8::2:1", "2001:db8::2"),
        ("12:30:45 and a::b::c", "a::b"),
    ],
)
def test_a_part_of_a_longer_one_is_not(text, address):
    assert address not in set(addresses_in(text))


@given(
    st.ip_addresses(),
    st.sampled_from([" ", "=", "@", "/", "[", '"', ",", "("]),
    st.sampled_from([" ", "]", "/", '"', ",", ")"]),
)
def test_any_address_is_found_between_what_separates(address, before, behind):
    assert address.compressed in set(addresses_in(f"x{before}{address}{behind}y"))


@given(st.text(max_size=60))
def test_any_text_can_be_searched(text):
    assert all("." in one or ":" in one for one in addresses_in(text))


def test_a_host_s_addresses_are_those_that_only_it_has():
    ssh = Ssh(address="web1.example.com", jump="ops@bastion.example.com:2222, [2001:DB8::1]:22,short")
    host = Host("web1", ("web",), address="10.0.0.2", ssh=ssh)
    assert set(addresses_of(host)) == {"10.0.0.2", "web1.example.com", "bastion.example.com", "2001:db8::1"}
    assert not list(addresses_of(Host("web1", (), address="web1", ssh=Ssh(address="127.0.0.1", jump="none"))))


@pytest.fixture
def copy(project):
    """`copy` is a copy of the fixture's environment dev; web1 is 192.0.2.1, db1 is 192.0.2.2."""
    return write(project, {"inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n"})


def compiled(root, environment="copy"):
    project = load_project(root)
    loaded = load_environment(project, environment)
    compiler = Compiler(project, loaded)
    return [compiler.compile(host, {}) for host in loaded.hosts.values()]


def refused(root, environment="copy"):
    with pytest.raises(InvalidFile) as caught:
        compiled(root, environment)
    return caught.value


def test_an_address_in_a_variable_is_refused_where_it_stands(copy):
    write(copy, {"inventories/dev/group_vars/all.yml": "# ask\ngreeting: ask 192.0.2.2\n"})
    error = refused(copy)
    assert (error.file, error.line) == ("inventories/dev/group_vars/all.yml", 2)
    assert "'192.0.2.2', which is dev's db1" in error.message
    assert "the variable 'greeting', read by file '/etc/motd'" in error.message
    assert "set 'greeting' in inventories/copy/group_vars/all.yml" in error.hint
    assert compiled(copy, "dev")
    write(copy, {"inventories/copy/group_vars/all.yml": "greeting: ask nobody\n"})
    assert compiled(copy)


def test_an_address_in_a_role_is_refused_where_the_resource_stands(copy):
    write(copy, {"roles/base/role.yml": "resources:\n  - file: /etc/x\n    content: 'db=192.0.2.2'\n"})
    error = refused(copy)
    assert (error.file, error.line) == ("roles/base/role.yml", 2)
    assert "use `hosts`" in error.hint


@pytest.mark.parametrize(
    "resources",
    [
        "  - {hosts_entry: 192.0.2.2, names: [db]}\n",
        "  - file: /etc/x\n    template: x.j2\n",
        "  - file: /etc/x\n    source: x\n",
        "  - file: /x\n    content: x\n    notify: tell\nhandlers:\n  tell: {command: curl http://192.0.2.2/}\n",
        "  - file: /x\n    mode: '0600'\n    content: '{{ [\"192.0.2\", 2] | join(\".\") }}'\n",
    ],
)
def test_it_is_found_wherever_it_comes_from(copy, resources):
    write(
        copy,
        {
            "roles/base/role.yml": f"resources:\n{resources}",
            "roles/base/templates/x.j2": "{% set db = '192.0.2.2' %}db: {{ db }}\n",
            "roles/base/files/x": "db: 192.0.2.2\n",
        },
    )
    assert "192.0.2.2" in refused(copy).message


def test_what_is_declared_or_the_copy_s_own_is_allowed(copy):
    write(copy, {"inventories/dev/group_vars/all.yml": "greeting: ask 192.0.2.2\n"})
    hosts = "copy_of: dev\nprovider: docker\ndiffers:\n  - {address: 192.0.2.2, why: the clock is there}\n"
    write(copy, {"inventories/copy/hosts.yml": hosts})
    assert compiled(copy)
    write(copy, {"inventories/copy/hosts.yml": "copy_of: dev\nhosts:\n  web1: {address: 192.0.2.2}\n"})
    assert compiled(copy)
    write(copy, {"inventories/copy/hosts.yml": hosts.replace("192.0.2.2", "192.0.2.3")})
    assert refused(copy)


def test_a_copy_of_a_copy_keeps_away_from_both(copy):
    write(
        copy,
        {
            "inventories/middle/hosts.yml": "copy_of: dev\nhosts:\n  web1: {address: 198.51.100.1}\n",
            "inventories/last/hosts.yml": "copy_of: middle\nprovider: docker\n",
            "inventories/last/group_vars/all.yml": "greeting: 198.51.100.1\n",
        },
    )
    assert "middle's web1" in refused(copy, "last").message
    write(copy, {"inventories/last/group_vars/all.yml": "greeting: 192.0.2.1\n"})
    assert "dev's web1" in refused(copy, "last").message


def test_short_names_are_the_same_in_both(copy):
    write(copy, {"inventories/dev/group_vars/all.yml": "greeting: ask db1\n"})
    assert compiled(copy)


def test_lint_and_deploy_find_it(copy):
    write(copy, {"inventories/dev/group_vars/all.yml": "greeting: ask 192.0.2.2\n"})
    project = load_project(copy)
    assert any("'192.0.2.2'" in str(error) for error in lint(project))
    environment = load_environment(project, "copy")
    with pytest.raises(InvalidFile, match=r"192\.0\.2\.2"):
        check_copy(Compiler(project, environment), list(environment.hosts.values()))
    original = load_environment(project, "dev")
    assert check_copy(Compiler(project, original), list(original.hosts.values())) == []
    shown = cdconf(copy, "lint")
    assert shown.returncode == 1
    assert "error: inventories/dev/group_vars/all.yml:1: copy is a copy" in shown.stdout


def test_a_catalog_that_nobody_can_look_through_is_told_and_no_reason_to_refuse(copy):
    write(copy, {"roles/base/role.yml": "resources:\n  - file: /etc/x\n    content: '{{ nope }}'\n"})
    project = load_project(copy)
    environment = load_environment(project, "copy")
    (error,) = check_copy(Compiler(project, environment), list(environment.hosts.values()))
    assert "the variable 'nope' is undefined" in str(error)
