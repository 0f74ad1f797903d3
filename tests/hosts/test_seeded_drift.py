"""25 changes by hand on a real host, all at once: each is found by its cause, with the files and without them."""

import json
import shutil
from typing import NamedTuple

import pytest

from tests.conftest import cdconf, git
from tests.hosts.live import Live, provisioned

pytestmark = [pytest.mark.hosts, pytest.mark.once]  # a second try would find what the first one changed
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEjUo9qXQnbLFDzG9kTyNxYYq4PmzS3l2nUBKQhMVXjW mallory@example.com"
OURS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS ada@example.com"
HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
DEB = "/root/seeded_{}.deb"
MAKE = """
for version in 1.0 2.0; do
  mkdir -p /root/deb/DEBIAN
  printf 'Package: seeded\\nVersion: %s\\nArchitecture: all\\n' $version > /root/deb/DEBIAN/control
  printf 'Maintainer: x <x@example.com>\\nDescription: x\\n' >> /root/deb/DEBIAN/control
  dpkg-deb --build /root/deb /root/seeded_$version.deb
done
"""
FILES = {
    "cdconf.yml": """
        project: seeded
        lease: {ttl: 8s}
        groups:
          web: [app]
        apps:
          app:
            groups: [web]
            build: ./build.sh
            artifact: dist/app-*.tar.gz
            path: /srv/app
            services: [app]
            toggles:
              search: {default: off, doc: searching}
            toggles_file: /srv/app/shared/toggles.json
    """,
    "inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n",
    "inventories/dev/toggles.yml": "app: {search: on}\n",
    "build.sh": """
        #!/bin/sh -e
        rm -rf out dist && mkdir -p out/app dist && echo "$CDCONF_VERSION" > out/app/VERSION
        echo 'while :; do sleep 60; done' > out/app/run.sh
        tar -C out/app -czf "dist/app-$CDCONF_VERSION.tar.gz" .
    """,
    "roles/app/files/make.sh": MAKE,
    "roles/app/templates/sleeping.service.j2": """
        [Service]
        ExecStart=/bin/sleep infinity
        [Install]
        WantedBy=multi-user.target
    """,
    "roles/app/templates/app.service.j2": """
        [Service]
        WorkingDirectory=/srv/app/current
        ExecStart=/bin/sh /srv/app/current/run.sh
        [Install]
        WantedBy=multi-user.target
    """,
    "roles/app/smoke/test_app.py": """
        def test_it_is_there(host):
            assert host.file("/srv/app/current/VERSION").exists
    """,
    ".gitignore": ".cdconf/\nout/\ndist/\n",
    "roles/app/role.yml": f"""
        variables:
          dave_hash: {{type: string, default: "{HASH}"}}
        resources:
          - package: [cron, nftables, logrotate, nginx-light]
          - file: /root/make.sh
            source: make.sh
          - command: sh /root/make.sh
            creates: /root/seeded_2.0.deb
          - package: seeded
            file: {DEB.format("1.0")}
          - directory: "{{{{ each }}}}"
            for_each: [/srv/app, /srv/app/shared, /etc/seeded, /etc/seeded/dir]
          - file: "/etc/seeded/{{{{ each }}}}"
            for_each: [mode, owner, group, gone, content]
            content: "{{{{ 'x' * 500 }}}}\\n"
            owner: root
            group: root
            mode: "0640"
          - file: /etc/seeded/lines
            mode: "0644"
            content: "first\\nlast\\n"
            create_only: true
          - line: /etc/seeded/lines
            text: wanted=1
          - link: /etc/seeded/link
            target: /etc/hostname
          - user: bob
            create_home: true
            shell: /bin/bash
          - user: carol
            groups: [adm]
            exclusive_groups: true
          - user: erin
            password_hash: "{{{{ dave_hash }}}}"
            sensitive: true
          - authorized_key: bob
            keys: ["{OURS}"]
            exclusive: true
          - cron: seeded
            schedule: "30 2 * * *"
            user: bob
            command: /bin/true
          - sysctl: net.ipv4.conf.all.accept_redirects
            value: "0"
          - sudo_rule: seeded
            users: bob
            commands: /usr/bin/true
          - firewall: seeded
            policy: accept
            rules: [{{accept: 22}}]
          - certificate: /etc/seeded/tls.crt
            key: /etc/seeded/tls.key
            self_signed: true
            names: [seeded.example.com]
            mode: "0600"
          - mount: /srv/scratch
            device: tmpfs
            type: tmpfs
            options: [noexec, nosuid]
          - systemd_unit: app.service
            template: app.service.j2
          - systemd_unit: "{{{{ each }}}}.service"
            for_each: [stops, disabled]
            template: sleeping.service.j2
          - systemd_unit: stops.service.d/limits.conf
            content: "[Service]\\nLimitNOFILE=1024\\n"
          - service: "{{{{ each }}}}"
            for_each: [stops, disabled]
            enabled: true
            running: true
          - service: nginx
            enabled: true
            running: true
          - service: app
            enabled: true
    """,
}


class Seeded(NamedTuple):
    """What somebody does on a host, and the finding that it becomes."""

    shell: str
    type: str
    title: str
    fixed_by_hand: bool = False  # `provision` leaves it, and says what mends it


SEEDED = [
    Seeded("chmod 0666 /etc/seeded/mode", "file", "/etc/seeded/mode"),
    Seeded("chown nobody /etc/seeded/owner", "file", "/etc/seeded/owner"),
    Seeded("chgrp adm /etc/seeded/group", "file", "/etc/seeded/group"),
    Seeded("sed -i /wanted/d /etc/seeded/lines", "line", "/etc/seeded/lines: wanted=1"),
    Seeded("rm /etc/seeded/gone", "file", "/etc/seeded/gone"),
    Seeded("ln -sfn /etc/passwd /etc/seeded/link", "link", "/etc/seeded/link"),
    Seeded("rmdir /etc/seeded/dir; touch /etc/seeded/dir", "directory", "/etc/seeded/dir", True),
    Seeded("dpkg --purge logrotate", "package", "logrotate"),
    Seeded(f"dpkg -i {DEB.format('2.0')}", "package", "seeded"),
    Seeded("systemctl stop stops", "service", "stops"),
    Seeded("systemctl disable disabled", "service", "disabled"),
    Seeded("systemctl mask nginx", "service", "nginx", True),
    Seeded("usermod -s /bin/sh bob", "user", "bob"),
    Seeded("usermod -aG disk carol", "user", "carol"),
    Seeded(f"echo '{KEY}' >> /home/bob/.ssh/authorized_keys", "authorized_key", "bob"),
    Seeded("echo '* * * * * root /bin/false' >> /etc/cron.d/seeded", "cron", "seeded"),
    Seeded("echo 1 > /proc/sys/net/ipv4/conf/all/accept_redirects", "sysctl", "net.ipv4.conf.all.accept_redirects"),
    Seeded("rm /etc/systemd/system/stops.service.d/limits.conf", "systemd_unit", "stops.service.d/limits.conf"),
    Seeded("nft add rule inet cdconf_seeded input tcp dport 23 accept", "firewall", "seeded"),
    Seeded("chmod 0644 /etc/seeded/tls.key", "certificate", "/etc/seeded/tls.crt: /etc/seeded/tls.key"),
    Seeded("usermod -p '$6$other$hash' erin", "user", "erin"),
    Seeded("echo '%adm ALL=(ALL) ALL' >> /etc/sudoers.d/seeded", "sudo_rule", "seeded"),
    Seeded("mkdir /srv/app/releases/mine; ln -sfn releases/mine /srv/app/current", "release", "app", True),
    Seeded("sed -i s/true/false/ /srv/app/shared/toggles.json", "toggles", "/srv/app/shared/toggles.json"),
    Seeded("mount -o remount,exec /srv/scratch", "mount", "/srv/scratch"),
]
HIDDEN = (HASH, "$6$other")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("seeded"), FILES, Live) as one:
        one.commit()
        one("provision", "dev")
        one("deploy", "app", "--to", "dev")
        yield one


@pytest.fixture(scope="module")
def seeded(live):
    """The documents of both looks before and after all changes were made; without the role's files the second one."""
    documents = {"before": live.document("drift", "dev"), "before applied": live.document("drift", "dev", "--applied")}
    for one in SEEDED:
        live.on("web1", one.shell)
    live.on("web1", "touch /etc/seeded-beside /etc/cron.d/mine")
    documents["drift"] = live.document("drift", "dev", code=2)
    away = live.root.parent / "away"
    shutil.move(live.root / "roles", away)
    try:
        result = live("drift", "dev", "--applied", "--json", code=2, CDCONF_AGE_KEY="/nowhere")
        documents["applied"] = json.loads(result.stdout)
    finally:
        shutil.move(away, live.root / "roles")
    return documents


def found(document):
    """(type, title) -> the finding, of the one host."""
    return {(one["type"], one["title"]): one for one in document["hosts"]["web1"]["resources"] if one["cause"]}


@pytest.mark.parametrize("look", ["drift", "applied"])
def test_each_change_is_found_as_done_by_hand(seeded, look):
    causes = {name: one["cause"] for name, one in found(seeded[look]).items()}
    assert causes == {(one.type, one.title): "by_hand" for one in SEEDED}
    assert seeded[look]["causes"] == {"by_hand": len(SEEDED), "not_applied": 0, "both": 0, "unknown": 0}


def test_there_was_nothing_before(seeded):
    assert found(seeded["before"]) == found(seeded["before applied"]) == {}


def test_without_files_fields_are_named_and_no_values(seeded):
    findings = found(seeded["applied"])
    assert findings["file", "/etc/seeded/mode"]["fields"] == {"by_hand": ["mode"]}
    assert findings["user", "erin"]["fields"] == {"by_hand": ["password_hash"]}
    assert {one["diff"] for one in findings.values() if one["type"] != "release"} == {None}
    for hidden in HIDDEN:
        assert hidden not in str(seeded["applied"])


def test_the_host_says_since_when_and_what_it_knows_of_the_change(seeded):
    first, second = (found(seeded[look]) for look in ("drift", "applied"))
    assert {name: one["first_seen"] for name, one in first.items()} == {
        name: one["first_seen"] for name, one in second.items()
    }
    assert None not in {one["first_seen"] for one in first.values()}
    assert any("logrotate" in line for line in first["package", "logrotate"]["evidence"])
    assert "nobody" in first["file", "/etc/seeded/owner"]["evidence"][0]


def test_what_was_added_where_nothing_is_exclusive_is_no_finding(seeded):
    assert "seeded-beside" not in str(seeded["drift"])
    assert "/etc/cron.d/mine" not in str(seeded["drift"])


def test_what_the_files_want_otherwise_is_told_from_what_was_done_by_hand(seeded, live):
    """And a revision's files are compared like the work tree's."""
    role = live.root / "roles/app/role.yml"
    before = role.read_text()
    role.write_text(before.replace('mode: "0640"', 'mode: "0644"', 1))
    try:
        findings = found(live.document("drift", "dev", code=2))
        assert findings["file", "/etc/seeded/content"]["cause"] == "not_applied"
        assert findings["file", "/etc/seeded/owner"]["cause"] == "both"
        git(live.root, "commit", "-qam", "another mode")
        live("drift", "dev", "--at", "nonsense", code=1)
        older = live.document("drift", "dev", "--at", "HEAD~1", code=2)
        assert found(older)["file", "/etc/seeded/owner"]["cause"] == "by_hand"
        assert older["at"] == {"revision": "HEAD~1", "commit": git(live.root, "rev-parse", "HEAD~1")}
        assert "1 commit older than HEAD" in live("drift", "dev", "--at", "HEAD", code=2).stderr
    finally:
        role.write_text(before)


def test_a_fix_puts_back_what_was_found_and_lists_the_rest_with_what_mends_it(seeded, live):
    by_hand = {(one.type, one.title) for one in SEEDED if one.fixed_by_hand}
    live("drift", "dev", "--fix", code=2)
    left = found(live.document("drift", "dev", code=2))
    assert set(left) <= by_hand, "all else is put back"
    assert [name for name, one in left.items() if not one["repair"] and not one["message"]] == []


def test_what_was_found_is_gone_once_it_is_mended(seeded, live):
    live.on("web1", "rm /etc/seeded/dir; systemctl unmask nginx; rm -r /srv/app/releases/mine")
    live.on("web1", "ln -sfn releases/$(ls /srv/app/releases) /srv/app/current")
    live("provision", "dev", "--older")
    assert cdconf(live.root, "drift", "dev", "--applied").returncode == 0
    assert cdconf(live.root, "drift", "dev").returncode == 0
