"""`cdconf parity --desired-only`: the command line, without a host."""

import json

import pytest

from cdconf.facts import FactCache, sample
from tests.conftest import cdconf, write


@pytest.fixture
def pair(project):
    """`copy` is a copy of dev."""
    return write(
        project,
        {
            "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
            "roles/base/role.yml": """
                variables:
                  greeting: {type: string, default: hello, doc: what to say}
                  password: {secret: {generate: 20}}
                resources:
                  - file: /etc/motd
                    content: "{{ greeting }}\\n"
                  - file: /etc/password
                    content: "{{ password }}"
                    mode: "0600"
            """,
        },
    )


def parity(root, *more, code):
    result = cdconf(root, "parity", "copy", "dev", "--desired-only", *more)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def test_alike_and_not(pair):
    assert parity(pair, code=0).stdout == "copy and dev: 0 unexplained, 0 declared, 0 inherent\n"
    write(pair, {"inventories/copy/group_vars/web.yml": "greeting: hi\n"})
    shown = parity(pair, code=2).stdout
    assert shown.splitlines() == [
        "web (copy: web1; dev: web1)",
        "  ! variable greeting: hi | hello",
        "      copy (web1) inventories/copy/group_vars/web.yml:1",
        "      dev (web1) roles/base/role.yml:2",
        "  ! file /etc/motd, content: hi | hello  (because of greeting)",
        "      copy (web1) roles/base/role.yml:5",
        "      dev (web1) roles/base/role.yml:5",
        "copy and dev: 2 unexplained, 0 declared, 0 inherent",
    ]
    document = json.loads(parity(pair, "--json", code=2).stdout)
    assert document["exit_code"] == 2
    assert document["parity"]["environments"] == ["copy", "dev"]
    assert document["parity"]["counts"] == {"unexplained": 2, "declared": 0, "inherent": 0}
    assert document["parity"]["differences"][1]["causes"] == ["greeting"]


def test_no_secret_is_made_for_a_comparison(pair):
    parity(pair, code=0)
    assert not (pair / ".cdconf/environments/copy/secrets.json").exists()


def test_a_stale_entry_is_told(pair):
    text = "copy_of: dev\nprovider: docker\ndiffers:\n  - {variable: greeting, why: it was so once}\n"
    write(pair, {"inventories/copy/hosts.yml": text})
    shown = parity(pair, code=2).stdout
    assert "! inventories/copy/hosts.yml:4: nothing differs as `variable: greeting` says: remove it" in shown
    assert shown.endswith("1 entry of differs that nothing matches\n")


def test_what_can_t_be_compared_is_an_error(pair):
    assert cdconf(pair, "parity", "copy", "copy").returncode == 1
    assert "there is no environment 'nope'" in cdconf(pair, "parity", "copy", "nope").stderr
    write(pair, {"inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\ndiffers:\n  - {fact: kernl, why: x}\n"})
    assert "hosts.yml:4: there is no fact 'kernl'" in parity(pair, code=1).stderr


def test_facts_that_were_never_seen_are_a_sample_for_all(pair):
    role = pair / "roles/base/role.yml"
    role.write_text(role.read_text() + "  - file: /etc/size\n    content: '{{ facts.memory_mb }}'\n")
    assert "compared by a sample of facts" in parity(pair, code=0).stderr
    facts = sample()
    for name, memory in (("dev", 4096), ("copy", 512)):
        for host in ("web1", "db1"):
            FactCache(pair / ".cdconf", name).store(host, {**facts, "memory_mb": memory}, [], keep=True)
    shown = parity(pair, code=2)
    assert "! fact memory_mb: 512 | 4096" in shown.stdout
    assert "copy/web1: by the facts that were last seen of it" in shown.stdout


def test_secrets_that_nobody_here_can_read_are_named(pair):
    secrets = "password: age:YWdlLWVuY3J5cHRpb24ub3JnL3YxCg==\n"
    write(pair, {"inventories/dev/secrets.yml": secrets})
    shown = parity(pair, code=0)
    assert "the secrets password of dev aren't compared" in shown.stderr


def test_a_secret_that_can_t_be_read_is_to_blame_for_what_can_t_be_made_of_it(pair):
    role = pair / "roles/base/role.yml"
    role.write_text(role.read_text() + "  - user: shop\n    password_hash: '{{ password }}'\n")
    write(pair, {"inventories/dev/secrets.yml": "password: age:YWdlLWVuY3J5cHRpb24ub3JnL3YxCg==\n"})
    write(pair, {"inventories/copy/group_vars/all.yml": "greeting: hi\n"})
    role.write_text(role.read_text().replace("{generate: 20}", "true"))
    write(pair, {"inventories/copy/secrets.yml": "password: age:YWdlLWVuY3J5cHRpb24ub3JnL3YxCg==\n"})
    shown = parity(pair, code=1)
    assert "of copy can't be compared" in shown.stderr
    assert "password_hash" not in shown.stderr
