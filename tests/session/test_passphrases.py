"""Whether a key file has a passphrase is known without proving that the key is sound, which the login does."""

import subprocess

import pytest

from cdconf.session.ssh_login import _has_passphrase

WRONG = {
    "nothing": b"",
    "no key": b"hello\n",
    "no base64": b"-----BEGIN OPENSSH PRIVATE KEY-----\n*\n-----END OPENSSH PRIVATE KEY-----\n",
    "another format": b"-----BEGIN OPENSSH PRIVATE KEY-----\naGVsbG8sIG5vIGtleQ==\n-----END OPENSSH PRIVATE KEY-----\n",
    "cut off": b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
    "one line": b"-----BEGIN OPENSSH PRIVATE KEY",
}


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_of_any_kind_and_form(tmp_path, kind, form, passphrase):
    path = tmp_path / "id"
    size = ["-b", "1024"] if kind == "rsa" else []
    made = ["ssh-keygen", "-q", "-t", kind, *size, "-m", form, "-N", passphrase, "-f", str(path)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert _has_passphrase(str(path)) == bool(passphrase)


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_is_no_key_has_none(tmp_path, data):
    (tmp_path / "id").write_bytes(data)
    assert not _has_passphrase(str(tmp_path / "id"))


def test_a_file_that_is_not_there_has_none(tmp_path):
    assert not _has_passphrase(str(tmp_path / "id"))


@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_the_numbers_of_an_rsa_key_are_not_proven(tmp_path, monkeypatch, form):
    """The loaders prove them unless they're told not to."""
    loaders = "cryptography.hazmat.primitives.serialization."
    path = tmp_path / "id"
    made = ["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-m", form, "-N", "", "-f", str(path)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    asked = []
    monkeypatch.setattr(f"{loaders}load_ssh_private_key", lambda *given, **more: asked.append(more))
    monkeypatch.setattr(f"{loaders}load_pem_private_key", lambda *given, **more: asked.append(more))
    assert not _has_passphrase(str(path))
    assert all(one.get("unsafe_skip_rsa_key_validation") for one in asked)
