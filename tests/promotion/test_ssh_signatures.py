"""SSH signatures: what the gate takes and refuses, and that `ssh-keygen -Y verify` thinks the same of it.

Signatures of FIDO keys are made by OpenSSH's own software token (sk-dummy), and once more in software here, where a
token would do what no token does.
"""

import os
import subprocess
from pathlib import Path

import pytest

from cdconf.errors import CdconfError, UsageError
from cdconf.promotion.ssh import own_keys, signing
from cdconf.promotion.ssh.keys import key_of_line
from cdconf.promotion.ssh.signature import armoured, dearmoured, signature_of, verify
from cdconf.promotion.ssh.wire import Malformed, WireReader
from tests.promotion.crew import NAMESPACE, TokenKey, key_pair, line_of, signed, sshsig, string

MESSAGE = b"what is approved\n"
KINDS = {
    "ed25519": ("ed25519",),
    "ecdsa 256": ("ecdsa", "-b", "256"),
    "ecdsa 384": ("ecdsa", "-b", "384"),
    "ecdsa 521": ("ecdsa", "-b", "521"),
    "rsa 2048": ("rsa", "-b", "2048"),
    "rsa 3072": ("rsa", "-b", "3072"),
}
TOKENS = {"ed25519-sk": ("ed25519-sk",), "ecdsa-sk": ("ecdsa-sk",)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def sk_dummy():
    """Lets ssh-keygen use OpenSSH's software token."""
    script = Path(__file__).parents[2] / "scripts/sk-dummy"
    found = subprocess.run([str(script)], check=False, capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip(f"there's no sk-dummy for this version of OpenSSH: {found.stderr}")
    os.environ["SSH_SK_PROVIDER"] = found.stdout.strip()
    yield
    del os.environ["SSH_SK_PROVIDER"]


@pytest.fixture(scope="module")
def made(folder, request):
    """Key's file of each kind, made once."""
    files = {}

    def make(name):
        if name in TOKENS:
            request.getfixturevalue("sk_dummy")
        if name not in files:
            kind, *options = {**KINDS, **TOKENS}[name]
            files[name] = key_pair(folder, name.replace(" ", "-"), kind, *options)
        return files[name]

    return make


def openssh_says(line, data, message=MESSAGE, namespace=NAMESPACE, folder=None):
    """Whether `ssh-keygen -Y verify` takes a signature of that key."""
    allowed, file = folder / "allowed", folder / "signature"
    allowed.write_text(f"anna {line}\n")
    file.write_text(armoured(data))
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "anna", "-n", namespace, "-s", file]
    done = subprocess.run(list(map(str, command)), input=message, capture_output=True, check=False)
    return done.returncode == 0


def we_say(line, data, message=MESSAGE, namespace=NAMESPACE):
    """Why it isn't taken; None when it is."""
    try:
        found = signature_of(data)
        verify(found, message, namespace)
    except Malformed as error:
        return str(error)
    return None if found.key == key_of_line(line) else "another key"


@pytest.mark.parametrize("hash_", ["sha256", "sha512"])
@pytest.mark.parametrize("name", [*KINDS, *TOKENS])
def test_what_ssh_keygen_signs_is_taken(made, name, hash_, tmp_path):
    key = made(name)
    data = signed(MESSAGE, key, NAMESPACE, "-O", f"hashalg={hash_}")
    assert we_say(line_of(key), data) is None
    assert openssh_says(line_of(key), data, folder=tmp_path)
    found = signature_of(data)
    assert found.hash == hash_
    assert (found.flags is not None) == (name in TOKENS)
    assert found.key.id == fingerprint(key)


def fingerprint(key):
    done = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True, capture_output=True, text=True)
    return done.stdout.split()[1]


def changed(data, place, by=1):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ by]) + data[place + 1 :]


TAMPERED = {
    "another message": lambda data: (data, {"message": MESSAGE + b"x"}, "changed after it was signed"),
    "another namespace": lambda data: (data, {"namespace": "cdconf-override"}, "is signed for 'cdconf-approve'"),
    "the last byte": lambda data: (changed(data, -1), {}, ""),
    "a byte of the signature": lambda data: (changed(data, -20), {}, ""),
    "a byte of the key": lambda data: (changed(data, 60), {}, ""),
    "a byte too many": lambda data: (data + b"x", {}, "bytes behind its end"),
    "a byte too few": lambda data: (data[:-1], {}, "ends too early"),
    "the first byte": lambda data: (changed(data, 0), {}, "isn't signed by an SSH key"),
    "the version": lambda data: (changed(data, 9, 2), {}, "has an SSH signature of version 3"),
    "the name of the namespace": lambda data: (
        data.replace(b"cdconf-approve", b"cdconf-approvf"),
        {},
        "'cdconf-approvf'",
    ),
    "the hash": lambda data: (data.replace(b"sha512", b"sha256", 1), {}, ""),
    "a hash that is weak": lambda data: (data.replace(b"\0\0\0\6sha512", b"\0\0\0\4sha1", 1), {}, "hash sha1"),
    "nothing": lambda data: (b"", {}, "ends too early"),
    "half": lambda data: (data[: len(data) // 2], {}, "ends too early"),
}


@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.parametrize("name", ["ed25519", "ecdsa 256", "rsa 2048", *TOKENS])
def test_what_was_tampered_with_is_refused_here_and_by_openssh(made, name, what, tmp_path):
    key = made(name)
    data, about, why = TAMPERED[what](signed(MESSAGE, key))
    said = we_say(line_of(key), data, **about)
    assert said is not None
    assert why in said
    assert not openssh_says(line_of(key), data, folder=tmp_path, **about)


def test_another_s_key_is_told_by_its_fingerprint(made, folder, tmp_path):
    one, other = made("ed25519"), key_pair(folder, "other")
    data = signed(MESSAGE, one)
    assert we_say(line_of(other), data) == "another key"
    assert not openssh_says(line_of(other), data, folder=tmp_path)


def rsa_signed(key, kind, hash_name):
    """An RSA signature by hand, by an algorithm of choice."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    private = load_ssh_private_key(key.read_bytes(), None)
    import hashlib

    inner = b"SSHSIG" + b"".join(map(string, (NAMESPACE.encode(), b"", b"sha512", hashlib.sha512(MESSAGE).digest())))
    signature = private.sign(inner, PKCS1v15(), getattr(hashes, hash_name)())
    return sshsig(key_of_line(line_of(key)).blob, string(kind) + string(signature))


def test_rsa_with_sha1_is_refused_and_with_sha2_taken(made, tmp_path):
    key = made("rsa 2048")
    old = rsa_signed(key, b"ssh-rsa", "SHA1")
    assert "RSA and SHA-1 (ssh-rsa)" in we_say(line_of(key), old)
    assert not openssh_says(line_of(key), old, folder=tmp_path)
    for kind, hash_name in ((b"rsa-sha2-256", "SHA256"), (b"rsa-sha2-512", "SHA512")):
        new = rsa_signed(key, kind, hash_name)
        assert we_say(line_of(key), new) is None
        assert openssh_says(line_of(key), new, folder=tmp_path)
    mixed = rsa_signed(key, b"rsa-sha2-512", "SHA256")
    assert "changed after it was signed" in we_say(line_of(key), mixed)
    assert not openssh_says(line_of(key), mixed, folder=tmp_path)


def test_a_small_rsa_key_is_refused(folder):
    key = key_pair(folder, "small", "rsa", "-b", "1024")
    assert "is an RSA key of 1024 bits" in we_say(line_of(key), signed(MESSAGE, key))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
class TestTokens:
    def test_a_token_that_was_touched(self, kind, tmp_path):
        key = TokenKey(kind)
        for flags in (0x01, 0x05, 0x41):
            data = key.sign(MESSAGE, flags=flags)
            assert we_say(key.line, data) is None
            assert openssh_says(key.line, data, folder=tmp_path)
            assert signature_of(data).counter == 7

    def test_a_token_that_nobody_has_touched(self, kind, tmp_path):
        """Here the gate asks for more than ssh-keygen does: a program alone could have signed."""
        key = TokenKey(kind)
        for flags in (0x00, 0x04):
            data = key.sign(MESSAGE, flags=flags)
            assert we_say(key.line, data) == "is signed by a FIDO key that nobody has touched"
            assert openssh_says(key.line, data, folder=tmp_path)

    def test_flags_and_counter_are_signed(self, kind, tmp_path):
        key = TokenKey(kind)
        untouched = key.sign(MESSAGE, flags=0)
        for data in (changed(untouched, -5), changed(key.sign(MESSAGE), -1)):
            assert "changed after it was signed" in we_say(key.line, data)
            assert not openssh_says(key.line, data, folder=tmp_path)

    def test_a_token_for_another_application(self, kind, tmp_path):
        key = TokenKey(kind)
        line = key.line
        key.application = b"ssh:other"  # signs for that, and shows the key of the first one
        data = key.sign(MESSAGE)
        assert "changed after it was signed" in we_say(line, data)
        assert not openssh_says(line, data, folder=tmp_path)


def test_a_key_made_to_sign_without_touch_is_refused(folder, sk_dummy, tmp_path):
    key = key_pair(folder, "untouched", "ed25519-sk", "-O", "no-touch-required")
    assert we_say(line_of(key), signed(MESSAGE, key)) == "is signed by a FIDO key that nobody has touched"
    with pytest.raises(CdconfError, match="is signed by a FIDO key that nobody has touched"):
        signing.sign(MESSAGE, own_keys.key_in(key), NAMESPACE)


def test_a_certificate_is_refused(folder):
    """Whoever holds the authority's key could make one for anybody."""
    authority, key = key_pair(folder, "authority"), key_pair(folder, "certified")
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "anna", "-n", "anna", f"{key}.pub"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    certificate = Path(f"{key}-cert.pub").read_text().split()
    import base64

    blob = base64.b64decode(certificate[1])
    plain = signature_of(signed(MESSAGE, key))
    data = sshsig(blob, string(b"ssh-ed25519") + string(plain.blob))
    with pytest.raises(Malformed, match="is a certificate"):
        signature_of(data)
    with pytest.raises(Malformed, match="is a certificate"):
        key_of_line(" ".join(certificate))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "isn't a public key"),
        ("ssh-ed25519", "isn't a public key"),
        ("ssh-ed25519 !!!!", "isn't Base64"),
        ("ssh-ed25519 AAAA", "ends too early"),
        ("ssh-dss AAAAB3NzaC1kc3MAAAAA", "ssh-dss, which can't approve"),
        ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", "and is ssh-ed25519"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAA==", "isn't a key of the kind ssh-ed25519"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJleA==", "behind its end"),
    ],
)
def test_what_is_no_key_is_refused(line, why):
    with pytest.raises(Malformed, match=why):
        key_of_line(line)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----"])
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(Malformed, match="isn't an SSH signature"):
        dearmoured(text)


def test_a_point_that_is_on_no_curve_is_refused(made):
    blob = bytearray(key_of_line(line_of(made("ecdsa 256"))).blob)
    blob[-1] ^= 1
    with pytest.raises(Malformed, match="isn't a key of the kind ecdsa-sha2-nistp256"):
        signature_of(sshsig(bytes(blob), string(b"ecdsa-sha2-nistp256") + string(b"")))


def test_numbers_are_written_in_one_way_only():
    for data in (b"\x80", b"\0\x01", b"\0"):
        with pytest.raises(Malformed):
            WireReader(string(data)).integer()
    assert WireReader(string(b"\0\x80")).integer() == 128
    assert WireReader(string(b"")).integer() == 0


def test_any_bytes_are_refused_and_crash_nothing(made):
    """Whoever can write to the store puts anything there."""
    import random

    chance = random.Random(7)
    good = signed(MESSAGE, made("rsa 2048"))
    line = line_of(made("rsa 2048"))
    for _ in range(2000):
        place = chance.randrange(len(good))
        broken = good[:place] + chance.randbytes(chance.randrange(1, 5)) + good[place + chance.randrange(0, 5) :]
        if broken != good:
            assert we_say(line, broken) is not None


class TestOwnKeys:
    def test_the_public_part_is_in_the_private_file(self, made, folder):
        key = made("ed25519")
        alone = folder / "alone"
        alone.write_bytes(key.read_bytes())
        assert own_keys.key_in(alone).key.line == " ".join(line_of(key).split()[:2])

    def test_an_old_format_needs_the_public_file_beside_it(self, folder):
        key = key_pair(folder, "old", "rsa", "-b", "2048", "-m", "PEM")
        assert own_keys.key_in(key).key.kind == "ssh-rsa"
        Path(f"{key}.pub").unlink()
        with pytest.raises(UsageError, match="doesn't say what its public part is") as caught:
            own_keys.key_in(key)
        assert f"ssh-keygen -y -f {key} > {key}.pub" in caught.value.hint

    @pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
    def test_what_is_no_key(self, folder, content):
        path = folder / "none"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=f"{path}"):
            own_keys.key_in(path)

    def test_a_key_that_is_not_there(self, folder):
        with pytest.raises(UsageError, match="No such file"):
            own_keys.key_in(folder / "nowhere")

    def test_a_key_with_a_passphrase_fails_at_once_without_a_terminal(self, folder, monkeypatch, capfd):
        key = key_pair(folder, "closed", passphrase="secret")
        askpass = folder / "askpass"
        askpass.write_text("#!/bin/sh\nsleep 60\n")
        askpass.chmod(0o755)
        for name, value in (("SSH_ASKPASS", str(askpass)), ("DISPLAY", ":0"), ("SSH_ASKPASS_REQUIRE", "force")):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", None)
        with pytest.raises(CdconfError, match="incorrect passphrase") as caught:
            signing.sign(MESSAGE, own_keys.key_in(key), NAMESPACE)
        assert caught.value.hint == f"its passphrase is needed: `ssh-add {key}` gives the key to your ssh-agent"
        assert "passphrase" not in "".join(capfd.readouterr())

    def test_a_temporary_directory_that_can_not_be_written_to(self, made, monkeypatch):
        own = own_keys.key_in(made("ed25519"))
        monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
        with pytest.raises(CdconfError, match="can't sign: No such file or directory"):
            signing.sign(MESSAGE, own, NAMESPACE)

    def test_without_ssh_keygen(self, made, monkeypatch, tmp_path):
        own = own_keys.key_in(made("ed25519"))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match="ssh-keygen isn't installed"):
            signing.sign(MESSAGE, own, NAMESPACE)


class TestAgent:
    @pytest.fixture
    def agent(self, tmp_path, monkeypatch):
        """An ssh-agent without keys."""
        socket = tmp_path / "agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-P", "*", "-a", str(socket)], stdout=subprocess.DEVNULL)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while not socket.exists():
            assert process.poll() is None
        yield socket
        process.terminate()
        process.wait()

    @pytest.mark.parametrize("name", ["ed25519", "rsa 2048", "ed25519-sk"])
    def test_the_agent_signs(self, made, name, agent, folder, monkeypatch, tmp_path):
        key = made(name)
        done = subprocess.run(["ssh-add", "-q", str(key)], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr
        monkeypatch.setenv("HOME", str(tmp_path))
        (own,) = own_keys.keys_here()
        assert (own.file, own.key.line) == (None, " ".join(line_of(key).split()[:2]))
        verify(signature_of(signing.sign(MESSAGE, own, NAMESPACE)), MESSAGE, NAMESPACE)

    def test_a_public_file_stands_for_the_agent_s_key(self, made, agent, tmp_path):
        public = tmp_path / "mine.pub"
        public.write_text(line_of(made("ed25519")))
        own = own_keys.key_in(public)
        with pytest.raises(CdconfError) as caught:
            signing.sign(MESSAGE, own, NAMESPACE)
        assert "ssh-add" in caught.value.hint
        subprocess.run(["ssh-add", "-q", str(made("ed25519"))], check=True)
        assert signing.sign(MESSAGE, own, NAMESPACE)

    def test_an_agent_that_waits_for_somebody_is_given_up(self, made, monkeypatch, tmp_path):
        import socket

        path = tmp_path / "deaf"
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(path))
            deaf.listen()
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
            monkeypatch.setattr("sys.stdin", None)
            monkeypatch.setattr(signing, "LONGEST", 0.5)
            with pytest.raises(CdconfError, match="nobody has answered") as caught:
                signing.sign(MESSAGE, own_keys.key_in(made("ed25519")), NAMESPACE)
        assert "on a terminal" in caught.value.hint

    def test_an_agent_that_is_gone(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert own_keys.keys_here() == []
