"""Mistakes in a role's files are told with what was meant, at the line where it stands."""

import pytest

from tests.conftest import cdconf, write

FILES = {
    "cdconf.yml": "project: q\ngroups: {web: [r]}\n",
    "inventories/staging/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
}
KEY = "ssh-ed25519 AAAA anna's laptop"
MISTAKES = {
    "a handler that notifies": (
        "resources:\n  - file: /etc/a\n    content: x\n    notify: h\n"
        "handlers:\n  h: {service: x, action: restart, notify: g}\n  g: {service: y, action: restart}\n",
        6,
        "a handler can't notify another one",
        "list both in the resource's `notify`",
    ),
    "a dash that's missing": (
        "resources:\n  - user: app\n    directory: /srv\n",
        3,
        "unknown key 'directory' in resource user 'app'",
        "'directory' is a resource type: is the `- ` in front of it missing?",
    ),
    "the name of a list": (
        'resources:\n  - file: "/etc/{{ each }}"\n    content: x\n    for_each: names\n',
        2,
        "'for_each' must be a list, not the text 'names'",
        'the value of a variable is written "{{ names }}"',
    ),
    "a mapping in place of a list": (
        'resources:\n  - file: "/etc/{{ each }}"\n    content: x\n    for_each: {a: 1}\n',
        2,
        "'for_each' must be a list, not a mapping",
        None,
    ),
    "a line that isn't indented as the one above": (
        "resources:\n  - file: /etc/a\n   content: x\n",
        3,
        "this isn't YAML",
        "check the indentation of this line and of the one above it",
    ),
    "a text with a colon": (
        "resources:\n  - file: /etc/a\n    content: a: b\n",
        3,
        "this isn't YAML",
        "quote a text that has `: ` in it",
    ),
    "a list without its end": ("resources:\n  - package: [a, b\n", 3, "this isn't YAML", "close the bracket, or quote"),
    "a text without its end": ('resources:\n  - package: "a\n', 3, "this isn't YAML", "close the quote"),
    "a text that begins with an at": (
        "resources:\n  - file: /etc/a\n    content: @x\n",
        3,
        "this isn't YAML",
        "quote a text that begins with this character",
    ),
    "a text that begins with a star": (
        "resources:\n  - file: /etc/a\n    content: *\n",
        3,
        "this isn't YAML",
        "quote a text that begins with `*`",
    ),
    "no key at all": (
        "resources:\n  - user: app\n  - authorized_key: app\n    key: nonsense\n",
        3,
        "a key of user 'app' is no public SSH key: 'nonsense' is no type of key",
        "the one line of a file such as id_ed25519.pub",
    ),
    "half a key": (
        f'resources:\n  - user: app\n  - authorized_key: app\n    keys: ["{KEY}"]\n',
        3,
        "the key 'anna's laptop' of user 'app' is no public SSH key",
        "the one line of a file such as id_ed25519.pub",
    ),
    "Ansible's fact": (
        'resources:\n  - file: /etc/a\n    content: "{{ ansible_os_family }}"\n',
        3,
        "the variable 'ansible_os_family' is undefined",
        "Ansible's name: here it's `facts.os.family`",
    ),
    "Ansible's host": (
        'resources:\n  - file: /etc/a\n    content: "{{ inventory_hostname }}"\n',
        3,
        "the variable 'inventory_hostname' is undefined",
        "Ansible's name: here it's `host.name`",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_was_meant_is_told(tmp_path, name):
    role, line, message, hint = MISTAKES[name]
    write(tmp_path, FILES)
    (tmp_path / "roles/r").mkdir(parents=True)
    (tmp_path / "roles/r/role.yml").write_text(role)
    done = cdconf(tmp_path, "lint")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"error: roles/r/role.yml:{line}: {message}" in said
    assert hint is None or f"hint: {hint}" in said or hint in said.partition("hint: ")[2]


def test_an_environment_to_copy_that_there_is_none_of_is_told_with_those_there_are(tmp_path):
    write(
        tmp_path,
        FILES | {"inventories/mine/hosts.yml": "copy_of: prod\nprovider: docker\n", "roles/r/role.yml": "{}\n"},
    )
    done = cdconf(tmp_path, "lint")
    assert "inventories/mine/hosts.yml:1: there is no environment 'prod' to copy" in done.stdout + done.stderr
    assert "hint: there are: staging" in done.stdout + done.stderr
