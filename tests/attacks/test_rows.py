"""The rows and the table, without a host."""

from pathlib import Path
from types import SimpleNamespace

from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import type_folders
from tests.attacks import table
from tests.attacks.world import AttackedHost, digests, rows
from tests.conftest import write

# These write only below /etc, /usr and their like, which root's alone can write to; some rows show that for them.
ROOTS_ALONE = {
    "assert",
    "command",
    "container",
    "firewall",
    "flush",
    "group",
    "hostname",
    "kernel_module",
    "limits",
    "locale",
    "package",
    "pam",
    "postgres_database",
    "postgres_privilege",
    "postgres_role",
    "reboot",
    "repository",
    "service",
    "ssh_host_key",
    "sysctl",
    "timezone",
    "wait_for",
}

# pip and npm work as the user whom the directory belongs to, or in one that only root can change. What root itself
# writes there goes the ways of `file` and `directory`.
AS_ITS_USER = {"npm", "venv"}


def test_every_row_compiles(tmp_path):
    files = {
        "cdconf.yml": "project: cases\ngroups: {everything: [case]}\n",
        "inventories/dev/hosts.yml": "hosts:\n  host: {address: 10.0.0.1, groups: [everything]}\n",
        "roles/case/role.yml": "resources: []\n",
    }
    project = load_project(write(tmp_path, files))
    environment = load_environment(project, "dev")
    host = AttackedHost(project, environment, environment.hosts["host"])
    host._session = SimpleNamespace(facts=SimpleNamespace(mapping={}))
    for row in rows():
        compiled = host.compiled(row, digests())
        assert "catalog" in compiled["what"] or "call" in compiled["what"], row


def test_every_type_that_writes_has_rows():
    tried = {row["type"] for row in rows()}
    assert set(type_folders(None)) - ROOTS_ALONE - AS_ITS_USER <= tried


def test_the_counts_of_before_are_of_these_rows():
    known = {(kind, operation) for kind, operation, _ in table.before()}
    assert known == {(row["type"], row["operation"]) for row in rows()} - {("careless", "write")}


def test_most_operations_were_open_to_an_attack_before():
    harmed = {(kind, operation) for (kind, operation, _), (_, succeeded) in table.before().items() if succeeded}
    assert len(harmed) > 0.75 * len({(kind, operation) for kind, operation, _ in table.before()})


def test_the_page_on_security_has_the_table():
    page = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
    assert table.markdown() in page, "write what `python -m tests.attacks.table` prints into docs/security.md"
