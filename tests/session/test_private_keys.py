"""A private key is read and checked once in a run, however many hosts it opens."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import paramiko
import pytest

from cdconf.errors import Unreachable
from cdconf.session.ssh import SshChannels
from cdconf.session.ssh_keys import PrivateKeys
from tests.hostile.server import FalseServer

HOSTS = 5


@pytest.fixture
def place(tmp_path):
    """A server that lets everybody in, and what hosts need to know of it."""
    key = paramiko.ECDSAKey.generate()
    server = FalseServer("ready, then silent", key)
    known, identity = tmp_path / "known", tmp_path / "id"
    known.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")
    yield SimpleNamespace(port=server.port, known=str(known), identity=identity)
    server.close()


def _open(place, shared, name):
    about = {"user": "root", "port": place.port, "identity_file": str(place.identity), "known_hosts": place.known}
    login = SimpleNamespace(**about, address="127.0.0.1", jump=None, ssh_rsa=False)
    shared.open(SimpleNamespace(name=name, ssh=login, address="127.0.0.1", file="", line=0), "true").close()


def test_many_connections_check_an_rsa_key_once(place, monkeypatch):
    paramiko.RSAKey.generate(2048).write_private_key_file(str(place.identity))
    read, checked = paramiko.RSAKey._from_private_key_file, []

    def from_private_key_file(self, filename, password):
        checked.append(filename)
        return read(self, filename, password)

    monkeypatch.setattr(paramiko.RSAKey, "_from_private_key_file", from_private_key_file)
    shared = SshChannels()
    with ThreadPoolExecutor(HOSTS) as pool:
        list(pool.map(lambda number: _open(place, shared, f"web{number}"), range(HOSTS)))
    shared.close()
    assert checked == [str(place.identity)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:300],
        lambda text: text.replace("A", "B"),
        lambda text: "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n",
        lambda text: "",
    ],
    ids=["half", "other letters", "bad base64", "empty"],
)
def test_a_damaged_key_is_named_at_once_and_not_taken_for_the_network(place, monkeypatch, damage):
    paramiko.RSAKey.generate(1024).write_private_key_file(str(place.identity))
    place.identity.write_text(damage(place.identity.read_text()))
    monkeypatch.setattr("cdconf.session.ssh.time.sleep", lambda seconds: pytest.fail("it's tried again"))
    shared = SshChannels()
    for name in ("web1", "web2"):
        with pytest.raises(Unreachable, match="private key can't be read") as caught:
            _open(place, shared, name)
        assert caught.value.host == name
        assert str(place.identity) in caught.value.message
    shared.close()


@pytest.mark.parametrize("kind", [paramiko.RSAKey, paramiko.ECDSAKey])
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("an endless login", r"got no answer within 1\.5 s"),
        ("a greeting with escapes", "Authentication failed"),
        ("a login that's cut", "saw EOF"),
    ],
)
def test_a_good_key_is_not_blamed_for_a_login_that_ends_otherwise(tmp_path, monkeypatch, kind, behaviour, words):
    monkeypatch.setattr("cdconf.session.ssh_login.LOGIN_TIMEOUT", 1.5)
    monkeypatch.setattr("cdconf.session.ssh.DROPPED_ATTEMPTS", 1)
    key = paramiko.ECDSAKey.generate()
    server, identity, known = FalseServer(behaviour, key), tmp_path / "id", tmp_path / "known"
    kind.generate(bits=2048 if kind is paramiko.RSAKey else 256).write_private_key_file(str(identity))
    known.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")
    shared = SshChannels()
    with pytest.raises(Unreachable, match=words) as caught:
        _open(SimpleNamespace(port=server.port, known=str(known), identity=identity), shared, "web1")
    assert "can't be read" not in caught.value.message
    shared.close()
    server.close()


def test_what_failed_is_tried_again():
    keys, answers = PrivateKeys(), iter([OSError("not yet"), "key"])

    def learn():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="not yet"):
        keys.once("id", learn)
    assert [keys.once("id", learn), keys.once("id", learn)] == ["key", "key"]
