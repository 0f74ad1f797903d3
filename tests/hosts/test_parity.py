"""Parity of two environments on real hosts: what somebody did by hand is found, what's declared or gone isn't told."""

import json
import subprocess

import pytest

from tests.conftest import cdconf, git, write

pytestmark = pytest.mark.hosts

STAGING = "copy_of: production\nprovider: docker\nscale: {web: 1}\n"
FILES = {
    "cdconf.yml": """
        project: likeness
        lease: {ttl: 8s}
        groups: {web: [base]}
        apps:
          shop:
            groups: [web]
            build: ./build.sh
            artifact: dist/shop-*.tar.gz
            path: /srv/shop
            services: [shop]
            health: {command: test -e /srv/shop/current/VERSION, within: 5s}
            batches: [all]
            confirm_within: 0
    """,
    "build.sh": """
        #!/bin/sh -e
        rm -rf out dist && mkdir -p out dist
        echo "$CDCONF_VERSION" > out/VERSION
        tar -C out -czf "dist/shop-$CDCONF_VERSION.tar.gz" .
    """,
    "inventories/production/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          web2: {groups: [web]}
    """,
    "inventories/staging/hosts.yml": STAGING,
    "roles/base/smoke/test_base.py": """
        def test_it_has_a_version(host):
            assert host.file("/srv/shop/current/VERSION").exists
    """,
    "roles/base/role.yml": """
        variables:
          motd: {type: string, default: welcome, doc: what to say}
          password: {secret: {generate: 24}}
        resources:
          - package: [tiny]
          - file: /etc/motd
            content: "{{ motd }}\\n"
          - file: /etc/password
            content: "{{ password }} of {{ host.name }}\\n"
            mode: "0600"
          - sysctl: net.ipv4.tcp_fin_timeout
            value: "30"
          - systemd_unit: tick.service
            content: "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"
          - service: tick
            enabled: true
            running: true
          - directory: /srv/shop
          - systemd_unit: shop.service
            content: "[Service]\\nWorkingDirectory=/srv/shop/current\\nExecStart=/bin/sleep infinity\\n"
          - service: shop
    """,
    ".gitignore": ".cdconf/\nout/\ndist/\n",
}
# A package that is in no repository, so that its version is ours to say.
TINY = (
    "rm -rf /tmp/tiny && mkdir -p /tmp/tiny/DEBIAN && "
    "printf 'Package: tiny\\nVersion: {0}\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' "
    "> /tmp/tiny/DEBIAN/control && dpkg-deb -b /tmp/tiny /tmp/tiny.deb >/dev/null && dpkg -i /tmp/tiny.deb >/dev/null"
)


class Twins:
    """Two environments that run."""

    def __init__(self, root):
        self.root = root

    def __call__(self, *arguments, code=0):
        result = cdconf(self.root, *arguments)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def on(self, environment, command):
        """Does something by hand on an environment's hosts."""
        return self("run", environment, "--", "sh", "-c", command).stdout

    def parity(self, code=0):
        """The unexplained differences `(kind, name, field)`, and the whole document."""
        document = json.loads(self("parity", "staging", "production", "--json", code=code).stdout)
        differences = document["parity"]["differences"]
        found = {(one["kind"], one["name"], one["field"]) for one in differences if one["status"] == "unexplained"}
        return found, document

    def differs(self, *entries):
        text = STAGING + ("differs:\n" + "".join(f"  - {one}\n" for one in entries) if entries else "")
        (self.root / "inventories/staging/hosts.yml").write_text(text)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("twins"), FILES)
    (root / "build.sh").chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    both = Twins(root)
    try:
        for name in ("production", "staging"):
            cdconf(root, "provision", name)  # makes the hosts; there's no package tiny yet
            both.on(name, TINY.format("1.0"))
            both("provision", name)
        yield both
    finally:
        for name in ("staging", "production"):
            cdconf(root, "destroy", name, "--yes")


@pytest.fixture
def alike(twins):
    """The two, alike; whatever a test does by hand, it has to take back."""
    twins.differs()
    assert twins.parity()[0] == set()
    yield twins
    twins.differs()
    assert twins.parity()[0] == set(), "the test has left something behind"


def test_a_converged_copy_is_like_its_original(alike):
    result = alike("parity", "staging", "production", "-v")
    assert "staging and production: 0 unexplained, 1 declared" in result.stdout
    assert "= scale web: 1 | 2  (declared: scale in inventories/staging/hosts.yml)" in result.stdout
    assert ". variable password: (not shown) | (not shown)" in result.stdout
    secrets = [
        json.loads((alike.root / f".cdconf/environments/{name}/secrets.json").read_text())["password"]
        for name in ("staging", "production")
    ]
    assert secrets[0] != secrets[1]
    told = result.stdout + result.stderr + json.dumps(alike.parity()[1])
    assert not [one for one in secrets if one in told]


def test_what_was_done_by_hand_is_found(alike):
    """Each thing in turn, all of it at once, and none of it when it's undone."""
    alike.on("staging", TINY.format("1.1"))
    alike.on("production", "echo 99 > /proc/sys/net/ipv4/tcp_fin_timeout")
    alike.on("staging", "systemctl stop tick; echo changed > /etc/motd; echo x >> /etc/password")
    found, document = alike.parity(code=2)
    assert found == {
        ("resource", "package tiny", "version"),
        ("resource", "sysctl net.ipv4.tcp_fin_timeout", "value"),
        ("resource", "service tick", "running"),
        ("resource", "file /etc/motd", "content"),
        ("resource", "file /etc/password", "content"),
    }
    told = {one["name"]: one for one in document["parity"]["differences"] if one["status"] == "unexplained"}
    tiny = told["package tiny"]["sides"]
    assert (tiny["staging"]["value"], tiny["production"]["value"]) == ("1.1", "1.0")
    assert tiny["production"]["hosts"] == ["web1", "web2"]
    assert tiny["staging"]["source"] == "roles/base/role.yml:5"
    assert told["sysctl net.ipv4.tcp_fin_timeout"]["sides"]["production"]["value"] == "99"
    assert told["sysctl net.ipv4.tcp_fin_timeout"]["why"] == "not as the files have it in production"
    shown = alike("parity", "staging", "production", code=2)
    assert "! package tiny, version: 1.1 | 1.0" in shown.stdout
    assert "staging (web1) roles/base/role.yml:5" in shown.stdout
    alike.differs(
        '{resource: "package tiny", field: version, why: staging is ahead}',
        '{resource: "service tick", why: it is broken there}',
    )
    found, document = alike.parity(code=2)
    assert ("resource", "package tiny", "version") not in found
    assert ("resource", "service tick", "running") not in found
    assert document["parity"]["unmatched"] == []
    alike.on("staging", TINY.format("1.0").replace("dpkg -i", "dpkg -i --force-downgrade"))
    alike("provision", "staging")
    alike("provision", "production")
    found, document = alike.parity(code=2)
    assert found == set()
    assert [one["line"] for one in document["parity"]["unmatched"]] == [5, 6]


def test_a_removed_package_and_a_leftover_are_found(alike):
    alike.on("production", "dpkg -r tiny >/dev/null")
    found, document = alike.parity(code=2)
    assert found == {("resource", "package tiny", "exists")}
    told = [one["why"] for one in document["parity"]["differences"] if one["status"] == "unexplained"]
    assert told == ["not as the files have it in production"]
    alike.on("production", TINY.format("1.0"))
    role = alike.root / "roles/base/role.yml"
    before = role.read_text()
    role.write_text(before + "  - {file: /etc/leftover, content: x}\n")
    alike("provision", "staging")
    role.write_text(before)
    found, _ = alike.parity(code=2)
    assert found == {("orphan", "file /etc/leftover", None)}
    alike("provision", "staging", "--prune")


def test_a_variable_counts_until_it_s_declared(alike):
    own = alike.root / "inventories/staging/group_vars/all.yml"
    own.parent.mkdir(exist_ok=True)
    own.write_text("motd: this is staging\n")
    try:
        alike("provision", "staging")
        found, document = alike.parity(code=2)
        assert found == {("variable", "motd", None), ("resource", "file /etc/motd", "content")}
        variable = next(one for one in document["parity"]["differences"] if one["name"] == "motd")
        assert variable["sides"]["staging"]["source"] == "inventories/staging/group_vars/all.yml:1"
        assert variable["sides"]["production"]["source"] == "roles/base/role.yml:2"
        alike.differs("{variable: motd, why: people must see where they are}")
        assert alike.parity()[0] == set()
    finally:
        own.unlink()
        alike("provision", "staging")


def test_a_host_that_is_down_is_never_alike(alike):
    checkout = (alike.root / ".cdconf/checkout").read_text().strip()
    name = f"cdconf-likeness-production-web2-{checkout}"
    subprocess.run(["docker", "stop", "-t", "1", name], check=True, capture_output=True, timeout=60)
    try:
        found, document = alike.parity(code=4)
        assert found == set()
        assert document["hosts"]["production/web2"]["status"] == "unreachable"
        assert document["hosts"]["production/web1"]["status"] == "ok"
        assert document["facts_age_s"]["production/web2"] >= 0
        assert (
            "production/web2: by the facts that were last seen of it"
            in alike("parity", "staging", "production", code=4).stdout
        )
        alike("parity", "staging", "production", "--desired-only")
    finally:
        alike("provision", "production")


def test_production_requires_parity_with_what_is_about_to_run(alike):
    hosts = alike.root / "inventories/production/hosts.yml"
    before = hosts.read_text()
    alike("build", "shop")
    hosts.write_text("require: [parity]\n" + before)
    try:
        refused = alike("deploy", "shop", "--to", "production", code=3)
        assert "production requires parity with staging, and they differ: artifact shop" in refused.stderr
        alike("deploy", "shop", "--to", "staging")
        alike.on("staging", "systemctl stop tick")
        refused = alike("deploy", "shop", "--to", "production", code=3)
        assert "and they differ: service tick" in refused.stderr
        assert "cdconf parity staging production" in refused.stderr
        alike.on("staging", "systemctl start tick")
        assert "production has no release of shop yet" in alike("parity", "staging", "production").stdout
        document = json.loads(alike("deploy", "shop", "--to", "production", "--json").stdout)
        assert sorted(document["hosts"]) == ["web1", "web2"]
        assert alike.parity()[0] == set()
        alike.on("production", "systemctl stop shop")
        assert ("resource", "service shop", "running") in alike.parity(code=2)[0]
        alike.on("production", "systemctl start shop")
    finally:
        hosts.write_text(before)
