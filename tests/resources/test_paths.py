"""A purged directory knows the files of types whose title isn't a path."""

import pytest

from cdconf.catalog import Compiler
from cdconf.inventory import load_environment, load_project

ROLE = """
resources:
  - directory: {folder}
    purge: true
  - {declared}
"""


@pytest.mark.parametrize(
    ("folder", "declared", "kept"),
    [
        ("/etc/cron.d", '{cron: backup, schedule: "@daily", command: "true"}', ["backup"]),
        ("/etc/sudoers.d", "{sudo_rule: ops, users: [root], commands: [ALL]}", ["ops"]),
        ("/etc/security/limits.d", "{limits: shop, both: {nofile: 1024}}", ["shop.conf"]),
        ("/etc/sysctl.d", '{sysctl: vm.swappiness, value: "10"}', ["zz-cdconf.conf"]),
        ("/etc/modprobe.d", "{kernel_module: br_netfilter}", ["cdconf-br_netfilter.conf"]),
        ("/etc/nftables.d", "{firewall: base, rules: [{accept: 22}]}", ["cdconf-base.nft"]),
        (
            "/etc/apt/sources.list.d",
            '{repository: x, manager: apt, uris: "http://x.example/", suites: [./], insecure: true}',
            ["x.sources"],
        ),
    ],
)
def test_it_keeps_what_another_type_manages_there(project, folder, declared, kept):
    (project / "roles/base/role.yml").write_text(ROLE.format(folder=folder, declared=declared))
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    catalog = Compiler(loaded, environment).compile(environment.hosts["web1"], {"os": {"id": "debian"}})
    assert catalog.resources[0].fields["managed"]["paths"] == kept
