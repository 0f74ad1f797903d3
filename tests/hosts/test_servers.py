"""The servers of examples/servers, for real: made, tested, broken by hand in ten ways each, found out, put right."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import cdconf
from tests.hosts.live import Live

pytestmark = pytest.mark.hosts
EXAMPLE = Path(__file__).parents[2] / "examples/servers"
HOSTS = ("jump1", "proxy1", "db1")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEjUo9qXQnbLFDzG9kTyNxYYq4PmzS3l2nUBKQhMVXjW mallory@example.com"
DROP_INS = "/etc/systemd/system/nginx.service.d"
SSHD, MAIN = "/etc/ssh/sshd_config.d/00-baseline.conf", "/etc/postgresql/15/main"
CERTIFICATE = "/etc/nginx/tls/shop.example.com"


class ByHand(NamedTuple):
    """What someone does on a host, and the resource that it's found by."""

    shell: str
    type: str
    title: str
    declared: str  # the line of the role that declares the resource
    role: str = "baseline"


def sql(statement, database="postgres"):
    return f"cd / && echo '{statement}' | runuser -u postgres -- psql -qX {database}"


BY_HAND = {
    "jump1": [
        ByHand(f"echo 'PermitEmptyPasswords yes' >> {SSHD}", "file", SSHD, f"- file: {SSHD}"),
        ByHand("chmod 0666 /etc/motd", "file", "/etc/motd", "- file: /etc/motd"),
        ByHand("usermod -s /bin/sh ada", "user", "ada", '- user: "{{ each.name }}"'),
        ByHand("usermod -aG disk grace", "user", "grace", '- user: "{{ each.name }}"'),
        ByHand("useradd mallory", "user", "mallory", '- user: "{{ each }}"'),
        ByHand(f"echo '{KEY}' >> /home/ada/.ssh/authorized_keys", "authorized_key", "ada", "- authorized_key:"),
        ByHand("nft add rule inet cdconf_host input tcp dport 23 accept", "firewall", "host", "- firewall: host"),
        ByHand(
            "echo 1 > /proc/sys/net/ipv4/conf/all/accept_redirects",
            "sysctl",
            "net.ipv4.conf.all.accept_redirects",
            '- sysctl: "{{ each[0] }}"',
        ),
        ByHand(
            "echo '%operators ALL = (ALL) !/usr/bin/passwd' >> /etc/sudoers.d/operators",
            "sudo_rule",
            "operators",
            "- sudo_rule: operators",
        ),
        ByHand(
            "echo 'mallory ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/mallory; chmod 0440 /etc/sudoers.d/mallory",
            "directory",
            "/etc/sudoers.d",
            "- directory: /etc/sudoers.d",
        ),
        ByHand("ln -sf /usr/share/zoneinfo/UTC /etc/localtime", "timezone", "Europe/Berlin", "- timezone:"),
        ByHand("rm /etc/security/limits.d/baseline.conf", "limits", "baseline", "- limits: baseline"),
        ByHand(
            "systemctl disable --now apt-daily-upgrade.timer",
            "service",
            "apt-daily-upgrade.timer",
            "- service: apt-daily-upgrade.timer",
        ),
    ],
    "proxy1": [
        ByHand(
            "sed -i 's/TLSv1.2/TLSv1 TLSv1.2/' /etc/nginx/snippets/tls.conf",
            "file",
            "/etc/nginx/snippets/tls.conf",
            "- file: /etc/nginx/snippets/tls.conf",
            "proxy",
        ),
        ByHand(
            "chown www-data /etc/nginx/snippets/forward.conf",
            "file",
            "/etc/nginx/snippets/forward.conf",
            "- file: /etc/nginx/snippets/forward.conf",
            "proxy",
        ),
        ByHand(
            "rm /etc/nginx/sites-enabled/wiki.example.com",
            "link",
            "/etc/nginx/sites-enabled/wiki.example.com",
            '- link: "/etc/nginx/sites-enabled/{{ each }}"',
            "proxy",
        ),
        ByHand(
            "echo 'server { listen 8080; }' > /etc/nginx/sites-enabled/mine",
            "directory",
            "/etc/nginx/sites-enabled",
            "- directory: /etc/nginx/sites-enabled",
            "proxy",
        ),
        ByHand(
            f"chmod 0644 {CERTIFICATE}.key",
            "certificate",
            f"{CERTIFICATE}.crt: {CERTIFICATE}.key",
            '- certificate: "/etc/nginx/tls/{{ each.name }}.crt"',
            "proxy",
        ),
        ByHand("systemctl stop nginx", "service", "nginx", "- service: nginx", "proxy"),
        ByHand("dpkg --purge curl", "package", "curl", "- package: [nginx-light, openssl, curl, logrotate]", "proxy"),
        ByHand(
            "echo 128 > /proc/sys/net/core/somaxconn",
            "sysctl",
            "net.core.somaxconn",
            "- sysctl: net.core.somaxconn",
            "proxy",
        ),
        ByHand(
            "rm /etc/systemd/system/nginx.service.d/limits.conf; systemctl daemon-reload",
            "systemd_unit",
            "nginx.service.d/limits.conf",
            "- systemd_unit: nginx.service.d/limits.conf",
            "proxy",
        ),
        ByHand(
            f"printf '[Service]\\nLimitNOFILE=10\\n' > {DROP_INS}/zz.conf; systemctl daemon-reload",
            "directory",
            DROP_INS,
            f"- directory: {DROP_INS}",
            "proxy",
        ),
        ByHand("nft delete table inet cdconf_host", "firewall", "host", "- firewall: host"),
        ByHand("systemctl disable logrotate.timer", "service", "logrotate.timer", "- service: logrotate.timer"),
    ],
    "db1": [
        ByHand(
            f"echo 'max_connections = 7' > {MAIN}/conf.d/zz.conf",
            "directory",
            f"{MAIN}/conf.d",
            '- directory: "{{ each }}"',
            "postgresql",
        ),
        ByHand(
            f"sed -i '/^shared_buffers/d' {MAIN}/conf.d/primary.conf",
            "file",
            f"{MAIN}/conf.d/primary.conf",
            "conf.d/primary.conf",
            "postgresql",
        ),
        ByHand(
            f"echo 'host all all 0.0.0.0/0 trust' >> {MAIN}/pg_hba.conf",
            "file",
            f"{MAIN}/pg_hba.conf",
            "main/pg_hba.conf",
            "postgresql",
        ),
        ByHand(sql("ALTER ROLE shop SUPERUSER"), "postgres_role", "shop", "- postgres_role: shop", "postgresql"),
        ByHand(
            sql("ALTER ROLE replicator NOREPLICATION"),
            "postgres_role",
            "replicator",
            "- postgres_role: replicator",
            "postgresql",
        ),
        ByHand(
            sql("REVOKE pg_read_all_data FROM reporting"),
            "postgres_role",
            "reporting",
            "- postgres_role: reporting",
            "postgresql",
        ),
        ByHand(
            sql("DROP EXTENSION pg_trgm", "shop"),
            "postgres_database",
            "shop",
            "- postgres_database: shop",
            "postgresql",
        ),
        ByHand("systemctl disable postgresql", "service", "postgresql", "- service: postgresql  ", "postgresql"),
        ByHand(
            "systemctl stop postgresql-backup.timer",
            "service",
            "postgresql-backup.timer",
            "- service: postgresql-backup.timer",
            "postgresql",
        ),
        ByHand(
            "chgrp adm /var/backups/postgresql",
            "directory",
            "/var/backups/postgresql",
            "- directory: /var/backups/postgresql",
            "postgresql",
        ),
        ByHand(
            "sed -i 's/^15 6/15 7/' /etc/cron.d/postgresql-backup-prune",
            "cron",
            "postgresql-backup-prune",
            "- cron: postgresql-backup-prune",
            "postgresql",
        ),
        ByHand(
            "sed -i 's/^Nice=.*/Nice=0/' /etc/systemd/system/postgresql-backup.service",
            "systemd_unit",
            "postgresql-backup.service",
            "- systemd_unit: postgresql-backup.service",
            "postgresql",
        ),
        ByHand(
            "sed -i /keepalive/d /etc/sysctl.d/zz-cdconf.conf",
            "sysctl",
            "net.ipv4.tcp_keepalive_time",
            "- sysctl: net.ipv4.tcp_keepalive_time",
            "postgresql",
        ),
    ],
}


def line_of(change):
    """`file:line` of a resource in its role, as a person would look it up."""
    path = f"roles/{change.role}/role.yml"
    lines = (EXAMPLE / path).read_text().splitlines()
    return f"{path}:{next(number for number, line in enumerate(lines, 1) if change.declared in line)}"


def reported(document, host, status):
    """The resources of a host that a run reports, which all have one status; handlers that are due apart."""
    resources = [one for one in document["hosts"][host]["resources"] if one["type"] != "handler"]
    assert {one["status"] for one in resources} == {status}, json.dumps(resources, indent=1)
    return resources


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    root = tmp_path_factory.mktemp("servers") / "servers"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".cdconf", "__pycache__"))
    one = Live(root)
    try:
        warnings = one.document("lint")["warnings"]  # production's are for its people to set
        assert {warning["kind"] for warning in warnings} == {"missing_secret"}
        one("plan", "dev", code=2)  # there are no hosts yet, which is a difference
        one("provision", "dev")
        yield one
    finally:
        cdconf(root, "destroy", "dev", "--yes")


def test_a_second_run_and_a_plan_have_nothing_to_do(servers):
    again = servers.document("provision", "dev")
    for host in HOSTS:
        counts = again["hosts"][host]
        assert (counts["changed"], counts["failed"], counts["status"]) == (0, 0, "ok"), again
    assert servers.document("plan", "dev")["ok"]
    assert servers.document("drift", "dev")["exit_code"] == 0


def test_smoke_tests_pass_and_there_are_some_for_every_host(servers):
    report = servers.document("smoke", "dev")
    assert report["ok"], report
    assert all(len(report["hosts"][host]["smoke"]) >= 8 for host in HOSTS), report


def test_the_proxy_forwards_and_lets_nobody_else_in(servers):
    upstream = (
        "mkdir -p /srv/up && cd /srv/up && echo it is the shop > index.html && "
        "systemd-run -q --unit upstream -p WorkingDirectory=/srv/up python3 -m http.server 8001 --bind 127.0.0.1 && "
        "for i in 1 2 3 4 5 6 7 8 9; do curl -so /dev/null http://127.0.0.1:8001/ && break; sleep 0.3; done; "
    )
    ask = "curl -sSk --resolve shop.example.com:443:127.0.0.1 https://shop.example.com/"
    assert servers.on("proxy1", upstream + ask) == "it is the shop"
    reach = 'for p in 22 80 443 5432 8001; do timeout 5 bash -c "</dev/tcp/{}/$p" 2>/dev/null && echo $p & done; wait'
    assert set(servers.on("jump1", reach.format("proxy1")).split()) == {"22", "80", "443"}
    assert set(servers.on("jump1", reach.format("db1")).split()) == {"22", "5432"}


def test_a_backup_holds_the_database(servers):
    servers.on("db1", "systemctl start postgresql-backup")
    listing = servers.on("db1", "pg_restore --list $(ls -t /var/backups/postgresql/shop-*.dump | head -1)")
    assert "pg_trgm" in listing
    assert servers.on("db1", "find /var/backups/postgresql -type f -perm /077; ls /var/backups/postgresql/*.part") == ""


@pytest.mark.parametrize("host", HOSTS)
def test_what_was_changed_by_hand_is_found_and_put_right(servers, host):
    changes = BY_HAND[host]
    assert len(changes) >= 10
    script = "\n".join(f"( {change.shell} ) || echo failed: {number}" for number, change in enumerate(changes))
    assert "failed:" not in servers.on(host, script)
    drift = servers.document("drift", "dev", code=2)
    found = reported(drift, host, "would_change")
    wanted = {(change.type, change.title, line_of(change)) for change in changes}
    assert {(one["type"], one["title"], one["source"]) for one in found} == wanted
    assert [one["title"] for one in found if not one["by_hand"]] == []
    assert [drift["hosts"][name]["status"] for name in HOSTS if name != host] == ["ok", "ok"]
    mended = reported(servers.document("provision", "dev"), host, "changed")
    assert {(one["type"], one["title"], one["source"]) for one in mended} == wanted
    assert servers.document("drift", "dev")["exit_code"] == 0


def test_a_stopped_cluster_is_drift_and_what_needs_it_is_unknown(servers):
    servers.on("db1", "systemctl stop postgresql@15-main")
    drift = servers.document("drift", "dev", code=2)
    statuses = {(one["type"], one["title"]): one["status"] for one in drift["hosts"]["db1"]["resources"]}
    assert statuses.pop(("service", "postgresql@15-main")) == "would_change"
    assert set(statuses.values()) == {"unknown"}
    assert {("postgres_role", "shop"), ("postgres_database", "shop")} <= set(statuses)
    servers("provision", "dev")
    assert servers.document("drift", "dev")["exit_code"] == 0
    assert servers.document("smoke", "dev")["ok"]
