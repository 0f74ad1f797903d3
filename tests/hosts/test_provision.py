"""Provision on real hosts: reboots in the middle of a run, and what has gone from the files."""

import textwrap

import pytest

from tests.conftest import write
from tests.hosts.conftest import FILES

pytestmark = pytest.mark.hosts
ROLE = "roles/app/role.yml"


def resources(document, host):
    return {(one["type"], one["title"]): one["status"] for one in document["hosts"][host]["resources"]}


@pytest.fixture
def role(live):
    """Adds resources to the role; it and the hosts are as before afterwards."""
    own = textwrap.dedent(FILES[ROLE]).lstrip("\n")

    def replace(resources, handlers="", variables=""):
        text = own.replace("handlers:\n", resources + "handlers:\n" + handlers) + variables
        (live.root / ROLE).write_text(text)

    yield replace
    write(live.root, {ROLE: FILES[ROLE]})
    live("provision", "dev", "--prune")


def test_a_run_goes_on_after_the_reboots_that_it_asked_for(live, role):
    role(
        """
  - file: /etc/before
    content: "x"
    notify: reboot it
  - command: touch /run/needs-reboot /etc/asked
    creates: /etc/asked
  - reboot: in the middle
    if_exists: /run/needs-reboot
    within: 90
  - file: /etc/after
    content: "x"
""",
        handlers="  reboot it: {reboot: asked by a handler, within: 90}\n",
    )
    began = {host: live.on(host, "stat -c %Y /proc/1") for host in ("web1", "web2")}
    document = live.document("provision", "dev", "-v")
    for host in ("web1", "web2"):
        assert live.on(host, "stat -c %Y /proc/1") != began[host]
        statuses = resources(document, host)
        assert statuses["file", "/etc/after"] == "changed"
        assert statuses["handler", "reboot it"] == "changed"
        assert document["hosts"][host]["status"] == "changed"
        titles = [(one["type"], one["title"], one["status"]) for one in document["hosts"][host]["resources"]]
        assert len(titles) == len(set(titles)), "nothing is told twice"
    again = live.document("provision", "dev")
    assert [again["hosts"][host]["changed"] for host in ("web1", "web2")] == [0, 0]


def test_a_reboot_that_changes_nothing_isn_t_repeated(live, role):
    role("""
  - file: /etc/needs-reboot
    content: ""
  - reboot: for ever
    if_exists: /etc/needs-reboot
""")
    document = live.document("provision", "dev", "--limit", "web1", code=1)
    assert "asks for a reboot right after the one that it got" in document["hosts"]["web1"]["error"]


def test_what_has_gone_from_the_files_is_shown_and_removed_by_prune(live, role):
    role(
        """
  - directory: /srv/pruned
  - file: /srv/pruned/inside
    content: "{{ word }}"
  - file: /srv/pruned/secret
    content: "{{ word }}"
    sensitive: true
  - group: pruned
  - file: /etc/stays
    content: "x"
""",
        variables="variables:\n  word: {type: string, default: x}\n",
    )
    live("provision", "dev")
    role("  - {file: /etc/stays, content: x}\n")
    shown = resources(live.document("plan", "dev", code=2), "web1")
    assert shown["group", "pruned"] == "orphaned"
    live("provision", "dev")  # without --prune they stay
    assert live.on("web1", "cat /srv/pruned/inside") == "x"
    planned = resources(live.document("plan", "dev", "--prune", code=2), "web1")
    assert planned["file", "/srv/pruned/secret"] == "would_change"
    assert live.on("web1", "cat /srv/pruned/inside") == "x"
    removed = resources(live.document("provision", "dev", "--prune"), "web1")
    assert removed["directory", "/srv/pruned"] == "changed"
    assert live.on("web1", "ls -d /srv/pruned; getent group pruned; cat /etc/stays") == "x"
    live("plan", "dev")


def test_what_is_in_the_way_hides_nothing_and_is_told_with_the_way_to_mend_it(live):
    live.on("web1", "rm /etc/app.conf; mkdir /etc/app.conf; echo '# x' >> /etc/systemd/system/app.service")
    try:
        found = live.document("drift", "dev", code=2)["hosts"]["web1"]
        by_key = {(one["type"], one["title"]): one for one in found["resources"]}
        assert "mv -T /etc/app.conf /etc/app.conf.away" in by_key["file", "/etc/app.conf"]["repair"]
        assert "-# x" in by_key["systemd_unit", "app.service"]["diff"]
        failed = live.document("provision", "dev", "--limit", "web1", code=1)
        left = [one["title"] for one in failed["hosts"]["web1"]["not_attempted"]]
        assert (failed["error"]["kind"], left) == ("hosts_failed", ["app.service", "app"])
        assert failed["error"]["message"].startswith("web1: file /etc/app.conf failed: '/etc/app.conf' is a directory")
    finally:
        live.on("web1", "mv -T /etc/app.conf /etc/app.conf.away; rmdir /etc/app.conf.away")
        live("provision", "dev")
    assert live.document("provision", "dev")["hosts"]["web1"]["changed"] == 0


def test_prune_leaves_what_other_roles_own_when_only_one_is_looked_at(live, role):
    role("  - {file: /etc/whole, content: x}\n")
    live("provision", "dev", "--prune")
    role("")
    live("provision", "dev", "--prune", "--role", "app")
    assert live.on("web1", "cat /etc/whole") == "x"


def test_an_error_of_the_last_host_s_files_is_found_before_the_first_host_is_changed(live, role):
    role("  - {file: /etc/early, content: '{{ word }}'}\n", variables="variables: {word: {type: string, default: x}}\n")
    last = next(reversed(live.document("vars", "dev")["variables"]))
    wrong = live.root / f"inventories/dev/host_vars/{last}.yml"
    wrong.parent.mkdir(exist_ok=True)
    wrong.write_text("word: [x]\n")
    try:
        document = live.document("provision", "dev", code=1)
    finally:
        wrong.unlink()
    assert document["error"]["file"] == f"inventories/dev/host_vars/{last}.yml"
    assert document["error"]["line"] == 1
    assert {host["status"] for host in document["hosts"].values()} == {"not_attempted"}
    assert live.on("web1", "ls /etc/early") == ""
