"""Lines of authorized_keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cdconf.agent.crypto import ssh_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"


def public(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize("options", ["", "no-pty ", 'command="echo \\"a b\\"",from="10.0.0.0/8, ::1" '])
@pytest.mark.parametrize("comment", ["", " ada@example.com", " her  old laptop"])
def test_parts_survive(options, comment):
    key = ssh_keys.parse(f"  {options}{KEY}{comment}\n")
    assert (key.options, key.kind, key.comment) == (options.strip(), "ssh-ed25519", comment.strip())
    assert ssh_keys.parse(key.line()).line() == key.line()


def test_keys_of_all_kinds_are_known():
    for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
        assert ssh_keys.parse(public(key)).fingerprint().startswith("SHA256:")


def test_the_fingerprint_is_that_of_ssh_keygen():
    assert len(ssh_keys.parse(KEY).fingerprint()) == len("SHA256:") + 43


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no type of key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        (KEY + "\n" + KEY, "one line"),
        (KEY[:-4], "cut short"),
        (KEY.replace("ssh-ed25519", "ssh-rsa", 1), "isn't of the type"),
        ("ssh-ed25519 !!!!", "isn't base64"),
        ("ssh-ed25519", "no type of key|cut short|type that it claims"),
        ('command="echo ' + KEY, "isn't closed"),
        (KEY.replace("ssh-ed25519", "ssh-dss"), "no type of key"),
    ],
)
def test_what_isnt_a_key_is_refused(line, why):
    with pytest.raises(ValueError, match=why):
        ssh_keys.parse(line)
    assert ssh_keys.parsed("# " + line.replace("\n", " ")) is None
