"""Secrets in HashiCorp Vault, as far as its documents say how it answers: none of these servers is a real one."""

import socket

import pytest

from cdconf.errors import CdconfError, InvalidFile, SecretError
from tests.conftest import cdconf, write
from tests.secrets.kv_server import kv_server
from tests.secrets.two_secrets import ROLE, store


@pytest.fixture
def vault(project, tmp_path_factory, monkeypatch):
    """A server, and an operator's file that names it; `vault.write(more)` writes that anew."""
    folder = tmp_path_factory.mktemp("operator")
    monkeypatch.setenv("CDCONF_SECRETS", str(folder / "sources.yml"))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("VAULT_NAMESPACE", raising=False)
    write(project, {"roles/base/role.yml": ROLE})
    with kv_server() as store:
        monkeypatch.setenv("VAULT_TOKEN", store.token)

        def written(more="", path="'{project}/{environment}'"):
            write(folder, {"sources.yml": f"sources:\n  - vault: {{url: '{store.url}', path: {path}{more}}}\n"})

        store.folder, store.write = folder, written
        written()
        yield store


def test_one_entry_has_all_secrets_and_is_read_once(project, vault):
    vault.entries["secret/demo/dev"] = {"pw": "sesame-one", "other": "sesame-✓ two\nlines", "more": "sesame-three"}
    found = store(project)
    assert found.fetch(["pw", "other", "missing"]) == ["sesame-one", "sesame-✓ two\nlines"]
    assert found.get("missing") is None
    assert found.source("pw") == f"vault ({vault.folder}/sources.yml:2)"
    ((path, headers),) = vault.asked
    assert path == "/v1/secret/data/demo/dev"
    assert headers["X-Vault-Token"] == vault.token
    assert "X-Vault-Namespace" not in headers


def test_mount_and_namespace(project, vault):
    vault.write(", mount: servers, namespace: 'team/{environment}'")
    vault.entries["servers/demo/dev"] = {"pw": "sesame-one"}
    assert store(project).get("pw") == "sesame-one"
    assert vault.asked[0][1]["X-Vault-Namespace"] == "team/dev"


def test_the_token_of_vault_login(project, vault, monkeypatch):
    monkeypatch.delenv("VAULT_TOKEN")
    vault.entries["secret/demo/dev"] = {"pw": "sesame-one"}
    with pytest.raises(SecretError, match="there is no token for Vault"):
        store(project).get("pw")
    write(vault.folder, {".vault-token": f"{vault.token}\n"})
    assert store(project).get("pw") == "sesame-one"


@pytest.mark.parametrize("entry", ["absent", "deleted"])
def test_an_entry_that_is_not_there_has_no_secrets(project, vault, entry):
    if entry == "deleted":
        vault.entries["secret/demo/dev"] = None
    assert store(project).get("pw") is None


def test_no_other_server_gets_the_token(project, vault):
    with kv_server() as other:
        other.entries["secret/demo/dev"] = {"pw": "sesame-wrong"}
        vault.elsewhere = other.url
        with pytest.raises(SecretError) as caught:
            store(project).get("pw")
        assert other.asked == []
    assert caught.value.message.endswith(f"{vault.url} doesn't answer itself, it sends to {other.url}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sealed": True}, "refuses secret/demo/dev: Vault is sealed"),
        ({"token": "hvs.another"}, "refuses secret/demo/dev: permission denied"),
        ({"entries": {"secret/demo/dev": {"pw": ["sesame"]}}}, "'pw' must be text"),
        ({"entries": {"secret/demo/dev": "sesame"}}, "doesn't answer as a KV store of version 2 does"),
    ],
)
def test_a_server_that_gives_no_answer_ends_the_run_before_any_host(project, vault, change, message):
    vars(vault).update(change)
    done = cdconf(project, "provision", "dev")
    assert done.returncode == 1
    assert f"{vault.folder}/sources.yml:2: the source `vault` can't be asked for pw, other: " in done.stderr
    assert message in done.stderr
    assert "192.0.2.1" not in done.stderr, "hosts were connected to"
    assert "sesame" not in done.stderr
    assert vault.token not in done.stderr
    assert len(vault.asked) == 1, "it's asked again"


def test_a_server_that_is_not_there(project, vault):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    vault.url = f"http://127.0.0.1:{port}"
    vault.write()
    with pytest.raises(SecretError, match=f"http://127.0.0.1:{port} can't be reached"):
        store(project).get("pw")


def test_a_server_that_does_not_answer_in_time(project, vault):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        vault.url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        named = f"{{vault: {{url: '{vault.url}', path: a}}, within: 1}}"
        write(vault.folder, {"sources.yml": f"sources:\n  - {named}\n"})
        with pytest.raises(SecretError, match=r"can't be reached|hasn't answered within 1 s"):
            store(project).get("pw")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("https://vault", "it must be a map with `url` and `path`"),
        ("{url: 'https://vault'}", "it must be a map with `url` and `path`"),
        ("{url: 'https://vault', path: a, tokn: x}", "there is no key 'tokn'"),
        ("{url: 'https://vault', path: 1}", "'path' must be a text"),
        ("{url: 'https://vault', path: 'a/{name}'}", "'path' names one entry"),
        ("{url: 'http://vault', path: a}", "'url' must begin with https://"),
        ("{url: 'file:///etc/x', path: a}", "'url' must begin with https://"),
    ],
)
def test_a_source_that_breaks_a_rule(project, vault, given, message):
    write(vault.folder, {"sources.yml": f"sources:\n  - vault: {given}\n"})
    with pytest.raises(InvalidFile) as caught:
        store(project).get("pw")
    assert caught.value.message.startswith(f"the source 'vault' can't be used: {message}")


def test_without_the_library_the_extra_is_named(project, vault, monkeypatch):
    write(vault.folder, {"own/hvac.py": "raise ImportError\n"})
    monkeypatch.setenv("PYTHONPATH", str(vault.folder / "own"))
    with pytest.raises(CdconfError) as caught:
        store(project).get("pw")
    assert caught.value.hint == "pip install 'cdconf[vault]'"
