"""Files that sops has encrypted, by sops itself."""

import json
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from cdconf.errors import CdconfError, SecretError
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import SecretStore
from tests.conftest import write

SOPS = Path(sys.executable).with_name("sops")
FILE = "inventories/dev/secrets.sops.yml"


@pytest.fixture
def encrypted(project, tmp_path_factory, monkeypatch):
    """Encrypts a text for the operator, and gives a store that reads it."""
    folder = tmp_path_factory.mktemp("operator")
    identity = pyrage.x25519.Identity.generate()
    (folder / "age.txt").write_text(f"{identity}\n")
    write(folder, {"sources.yml": "sources:\n  - sops: 'inventories/{environment}/secrets.sops.yml'\n"})
    monkeypatch.setenv("CDCONF_SECRETS", str(folder / "sources.yml"))
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(folder / "age.txt"))
    monkeypatch.setenv("PATH", f"{SOPS.parent}:/usr/bin:/bin")
    monkeypatch.delenv("SOPS_AGE_KEY_FILE", raising=False)

    def written(text, change=lambda text: text):
        command = [SOPS, "encrypt", "--age", str(identity.to_public()), "--input-type", "yaml", "--output-type", "yaml"]
        done = subprocess.run([*command, "/dev/stdin"], input=text.encode(), capture_output=True, check=True, cwd="/")
        (project / FILE).write_text(change(done.stdout.decode()))
        loaded = load_project(project)
        return SecretStore(loaded, load_environment(loaded, "dev"))

    return written


def test_values_are_read_as_they_are(encrypted):
    values = {"pw": "sesame 'one' \"two\" ü {{ x }}", "key": "-----BEGIN\nline\n-----END\n", "more": "sesame"}
    found = encrypted(json.dumps(values))
    assert {name: found.get(name) for name in values} == values
    assert found.get("none") is None
    assert found.source("pw").startswith("sops (")


def test_an_environment_without_such_a_file_has_none(encrypted, project):
    found = encrypted("pw: sesame\n")
    (project / FILE).unlink()
    assert found.get("pw") is None


def test_what_was_changed_by_hand_is_refused_by_sops(encrypted):
    found = encrypted("pw: sesame\nother: second\n", lambda text: text.replace("other:", "pw2:"))
    with pytest.raises(SecretError, match="`sops` failed with exit status") as caught:
        found.get("pw")
    assert caught.value.file == FILE


def test_nobody_else_can_read_it(encrypted, tmp_path, monkeypatch):
    found = encrypted("pw: sesame\n")
    (tmp_path / "other.txt").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(tmp_path / "other.txt"))
    with pytest.raises(SecretError, match="`sops` failed with exit status"):
        found.get("pw")


@pytest.mark.parametrize(
    "keys",
    [
        "    hc_vault: [{vault_address: 'http://evil.example.com', engine_path: e, key_name: k, enc: e}]\n",
        "    kms: [{arn: 'arn:aws:kms:x', enc: e}]\n",
        "    key_groups: [{hc_vault: [{vault_address: 'http://evil.example.com'}]}]\n",
        "    key_groups: [{new_kind: [{address: 'http://evil.example.com'}]}]\n",
        "    key_groups: [x]\n",
        "    new_kind: [{address: 'http://evil.example.com'}]\n",
    ],
)
def test_a_file_cannot_name_a_server(encrypted, keys):
    """A pull request could have the operator's token sent to it."""
    found = encrypted("pw: sesame\n", lambda text: text.replace("sops:\n", f"sops:\n{keys}"))
    with pytest.raises(SecretError, match="its key lies on a server"):
        found.get("pw")


@pytest.mark.parametrize("text", ["pw: sesame\n", "[", "sops: x\n", ""])
def test_a_file_that_is_not_encrypted(encrypted, project, text):
    found = encrypted("pw: sesame\n")
    (project / FILE).write_text(text)
    with pytest.raises(SecretError, match="this isn't encrypted by sops") as caught:
        found.get("pw")
    assert caught.value.file == FILE


def test_a_link_does_not_lead_out_of_the_project(encrypted, project, tmp_path_factory):
    found = encrypted("pw: sesame\n")
    outside = tmp_path_factory.mktemp("elsewhere") / "x.yml"
    (project / FILE).rename(outside)
    (project / FILE).symlink_to(outside)
    with pytest.raises(CdconfError, match="leads out of"):
        found.get("pw")


def test_a_number_is_no_secret(encrypted):
    with pytest.raises(SecretError, match="'pw' must be text"):
        encrypted("pw: 123456\n").get("pw")
