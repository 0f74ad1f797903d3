"""A group of groups on real hosts, and smoke tests: as another user, and with packages of their own."""

from textwrap import dedent

import pytest

from tests.conftest import write
from tests.hosts.live import provisioned
from tests.lock_files import locked

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": """
        project: nested
        groups:
          linux: {groups: [db, web], roles: [base]}
          db: [data]
          web: [site]
    """,
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}, db1: {groups: [db]}}\n",
    "inventories/dev/group_vars/linux.yml": "word: linux\n",
    "inventories/dev/group_vars/web.yml": "word: web\n",
    "roles/base/role.yml": """
        variables: {word: {type: string, doc: a word}}
        resources:
          - user: visitor
            create_home: true
          - file: /srv/word
            content: "{{ word }} of {{ hosts.linux | map(attribute='name') | sort | join(' ') }}\\n"
    """,
    "roles/base/smoke/test_base.py": """
        def test_a_visitor_is_nobody_special(host, host_as):
            visitor = host_as("visitor")
            assert visitor.check_output("id -un") == "visitor"
            assert visitor.check_output("echo $HOME") == "/home/visitor"
            assert visitor.run("cat /etc/shadow").rc != 0
            assert host.run("cat /etc/shadow").rc == 0
            assert visitor.file("/srv/word").is_file
    """,
    "roles/data/role.yml": "resources: [{file: /srv/data, content: x}]\n",
    "roles/site/role.yml": "resources: [{file: /srv/site, content: x}]\n",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("nested"), FILES) as one:
        yield one


def test_hosts_have_the_roles_and_variables_of_outer_groups(host):
    assert host.on("web1", "cat /srv/word; ls /srv") == "web of db1 web1\nsite\nword"
    assert host.on("db1", "cat /srv/word; ls /srv") == "linux of db1 web1\ndata\nword"
    steps = [line for line in host("provision", "dev").stderr.splitlines() if line.endswith((": db1", ": web1"))]
    assert [line.strip(" =>") for line in steps][:2] == ["db: db1", "web: web1"]
    assert set(host.document("plan", "dev", "--limit", "linux")["hosts"]) == {"web1", "db1"}


def test_smoke_tests_import_packages_of_an_index(host):
    """A role's test reads what a host says by a package that cdconf itself doesn't have."""
    test = """
        import semver

        def test_its_system_is_new_enough(host):
            release = host.check_output(". /etc/os-release; echo $VERSION_ID").partition(".")[0]
            assert semver.Version(int(release)) >= semver.Version.parse("12.0.0")
    """
    files = {"smoke.lock": locked(host.root, ["semver"]), "roles/site/smoke/test_site.py": test}
    write(host.root, {**files, "cdconf.yml": dedent(FILES["cdconf.yml"]) + "smoke: {packages: smoke.lock}\n"})
    document = host.document("smoke", "dev")
    assert document["ok"]
    assert "test_its_system_is_new_enough" in str(document)
    hashed = files["smoke.lock"].partition("sha256:")[2].strip()
    write(host.root, {"smoke.lock": files["smoke.lock"].replace(hashed, "0" * 64)})
    document = host.document("smoke", "dev", code=1)
    assert [document["hosts"][name]["status"] for name in ("db1", "web1")] == ["failed", "not_attempted"]
    assert "DO NOT MATCH THE HASHES" in document["hosts"]["db1"]["error"]
    write(host.root, {"cdconf.yml": FILES["cdconf.yml"]})
    (host.root / "roles/site/smoke/test_site.py").unlink()


def test_smoke_tests_ask_as_another_user(host):
    document = host.document("smoke", "dev")
    assert document["ok"]
    write(host.root, {"roles/base/smoke/test_base.py": "def test_it(host_as):\n    host_as('nosuch').run('id')\n"})
    assert "nosuch" in host("smoke", "dev", code=1).stderr
