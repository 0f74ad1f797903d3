"""known_hosts as OpenSSH reads it; what `ssh-keygen -F` finds is the yardstick."""

import subprocess

import paramiko
import pytest

from cdconf.errors import InvalidFile
from cdconf.session import known_hosts
from cdconf.session.host_keys import HostKeyPolicy, KeyRefused, UnknownKey, known_keys
from cdconf.session.known_hosts import KnownHosts

A, B, C = (paramiko.ECDSAKey.generate() for _ in range(3))
RSA = paramiko.RSAKey.generate(2048)


def line(names, key=A, marker=""):
    return f"{marker} {names} {key.get_name()} {key.get_base64()} a comment\n".lstrip()


def keys(tmp_path, text, host="web1", port=22, alias=None):
    path = tmp_path / "known_hosts"
    path.write_text(text)
    return known_keys(KnownHosts(), [path], (host, port, alias))


def check(known, key=A):
    known.check(key.get_name(), key.asbytes(), key.fingerprint)


@pytest.mark.parametrize("bits", [(), ("-H",)], ids=["plain", "hashed"])
@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("web1", "web1", 22),
        ("WEB1.Example.com", "web1.example.COM", 22),
        ("other,web1", "web1", 22),
        ("other,web1", "web2", 22),
        ("[web1]:2222", "web1", 2222),
        ("[web1]:2222", "web1", 22),
        ("fd00::2", "fd00::2", 22),
        ("[fd00::2]:2222", "fd00::2", 2222),
        ("*.example.com,!old.example.com", "new.example.com", 22),
        ("*.example.com,!old.example.com", "old.example.com", 22),
        ("!old.example.com,*.example.com", "old.example.com", 22),
        ("!old", "new", 22),
        ("web?", "web1", 22),
        ("web?", "web11", 22),
        ("[10.0.0.*]:2222", "10.0.0.7", 2222),
        ("web[1]", "web1", 22),
        ("w.b1", "web1", 22),
    ],
)
def test_a_line_is_about_the_hosts_that_ssh_finds_it_for(tmp_path, names, host, port, bits):
    path = tmp_path / "known_hosts"
    path.write_text(line("unrelated", B) + line(names))
    if bits:  # patterns stay as they are
        subprocess.run(["ssh-keygen", "-q", *bits, "-f", str(path)], capture_output=True, check=True)
    name = host.lower() if port == 22 else f"[{host}]:{port}"  # ssh itself looks for it in lower case
    wanted = subprocess.run(["ssh-keygen", "-F", name, "-f", str(path)], capture_output=True, check=False)
    found = known_keys(KnownHosts(), [path], (host, port, None)).own
    assert bool(found) == (wanted.returncode == 0)
    assert [one.key for one in found] in ([], [A.asbytes()])


def test_any_key_of_a_host_that_is_known_will_do_also_two_of_one_type(tmp_path):
    known = keys(tmp_path, line("web1", A) + line("web1", B) + line("web2", C))
    check(known, A)
    check(known, B)
    with pytest.raises(KeyRefused, match="is not the one that is known"):
        check(known, C)


def test_a_revoked_key_is_refused_wherever_it_is_known_too(tmp_path):
    known = keys(tmp_path, line("web1") + line("*", A, "@revoked"))
    with pytest.raises(KeyRefused, match=r"is revoked by .*known_hosts:2 \(ecdsa-sha2-nistp256 SHA256:") as caught:
        check(known)
    assert not isinstance(caught.value, UnknownKey)
    check(keys(tmp_path, line("web1") + line("web1", B, "@revoked")))
    with pytest.raises(KeyRefused, match="is revoked"):
        check(keys(tmp_path, line("[web1]:2222") + line("web1", A, "@revoked"), port=2222))


def test_a_revoked_line_alone_makes_no_key_known(tmp_path):
    with pytest.raises(UnknownKey, match="is unknown"):
        check(keys(tmp_path, line("web1", B, "@revoked")))


def test_a_certificate_authority_vouches_for_nothing_and_that_is_said(tmp_path):
    with pytest.raises(UnknownKey, match="is unknown") as caught:
        check(keys(tmp_path, line("*", A, "@cert-authority")))
    assert "known_hosts:1 trusts a certificate authority for it (@cert-authority)" in caught.value.hint
    assert "cdconf doesn't follow certificates of hosts" in caught.value.hint
    check(keys(tmp_path, line("*", B, "@cert-authority") + line("web1")))


def test_a_key_that_is_known_without_the_port_counts_where_none_has_the_port(tmp_path):
    """As with ssh: sshconnect.c tries once more without the port; another key there makes this one no changed one."""
    check(keys(tmp_path, line("web1"), port=2222))
    with pytest.raises(UnknownKey):
        check(keys(tmp_path, line("web1", B), port=2222))
    with pytest.raises(KeyRefused, match="is not the one that is known"):
        check(keys(tmp_path, line("web1") + line("[web1]:2222", B), port=2222))


def test_an_alias_is_looked_for_without_a_port(tmp_path):
    check(keys(tmp_path, line("[web1]:2222", B) + line("same"), port=2222, alias="same"))


def test_of_a_changed_key_the_hint_names_the_file_that_has_the_old_one(tmp_path):
    with pytest.raises(KeyRefused) as caught:
        check(keys(tmp_path, "# ours\n" + line("[web1]:2222", B), port=2222))
    path = tmp_path / "known_hosts"
    assert f"({path}:2): ssh-keygen -R '[web1]:2222' -f {path}" in caught.value.hint
    with pytest.raises(KeyRefused) as caught:
        check(keys(tmp_path, line("web*", B)))
    assert caught.value.hint.endswith(f"put its new key in place of the old one: {path}:1")  # -R takes no pattern out


def test_the_server_is_asked_for_the_kinds_of_key_that_are_known(tmp_path):
    known = keys(tmp_path, line("web1", RSA) + line("web1", B))
    algorithms = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
    assert known.first(algorithms) == [*algorithms[1:], "ssh-ed25519"]
    assert keys(tmp_path, line("web2")).first(algorithms) == algorithms


def test_a_key_that_was_learnt_is_known_for_the_rest_of_the_run_and_later(tmp_path):
    path = tmp_path / ".ssh/known_hosts"
    path.parent.mkdir()
    path.write_text(line("other", B).rstrip("\n"))  # an editor left no end of line
    known = KnownHosts()
    HostKeyPolicy(known, known_keys(known, [path], ("web1", 2222, None)), path).missing_host_key(None, "web1", A)
    check(known_keys(known, [path], ("web1", 2222, None)))
    check(known_keys(KnownHosts(), [path], ("web1", 2222, None)))
    check(known_keys(KnownHosts(), [path], ("other", 22, None)), B)
    with pytest.raises(KeyRefused, match="is not the one that is known"):  # it's learnt once
        HostKeyPolicy(known, known_keys(known, [path], ("web1", 2222, None)), path).missing_host_key(None, "web1", C)


def test_a_revoked_key_is_never_learnt(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text(line("*", A, "@revoked"))
    known = KnownHosts()
    with pytest.raises(KeyRefused, match="is revoked"):
        HostKeyPolicy(known, known_keys(known, [path], ("web1", 22, None)), path).missing_host_key(None, "web1", A)
    assert path.read_text() == line("*", A, "@revoked")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web1 ssh-ed25519\n", "this line is no host key"),
        ("web1 ssh-ed25519 AAAA*\n", "this line is no host key"),
        ("@revoked\n", "this line is no host key"),
        (line("web1", A, "@revokd"), "this line's marker isn't known: @revokd"),
        (line("web1").replace("ecdsa-sha2-nistp256", "ssh-ed25519"), "this line's key isn't of the type ssh-ed25519"),
        (line("|1|x"), "this line's hashed name can't be read"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(tmp_path, text, message):
    with pytest.raises(InvalidFile) as caught:
        keys(tmp_path, line("web2") + "\n# web3\n" + text)
    assert (caught.value.message, caught.value.file, caught.value.line) == (message, str(tmp_path / "known_hosts"), 4)


def test_keys_of_version_1_and_kinds_that_nobody_here_knows_do_no_harm(tmp_path):
    key = "AAAAEG5ldy1raW5kQGNkY29uZg=="  # its type is new-kind@cdconf
    check(keys(tmp_path, f"web1 1024 35 1234567\nweb1 new-kind@cdconf {key}\n" + line("web1")))


def test_each_file_is_read_once_a_run(tmp_path, monkeypatch):
    path = tmp_path / "known_hosts"
    path.write_text("".join(line(f"web{number}") for number in range(20)))
    read = []
    real = known_hosts.read_bytes
    monkeypatch.setattr(known_hosts, "read_bytes", lambda path: read.append(path) or real(path))
    known = KnownHosts()
    for number in range(20):
        check(known_keys(known, [path, tmp_path / "none"], (f"web{number}", 22, None)))
    assert read == [path]
