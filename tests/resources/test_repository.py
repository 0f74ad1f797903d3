"""Fingerprints of OpenPGP keys, and the definitions of repositories."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.crypto import openpgp
from cdconf.agent.packages import repositories
from cdconf.errors import InvalidFile
from cdconf.resources.repository.spec import TYPE

ONE = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdA3+gHguh7EvGHWSqT/YtnjLEV+OxGpbdRjaH8
gIWjdhW0G0Nhc2VzIE9uZSA8b25lQGV4YW1wbGUub3JnPoiQBBMWCAA4FiEEkiiG
ubMzLO4V57xU/Ry7Ly1C3+IFAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgEC
F4AACgkQ/Ry7Ly1C3+Jf0wD/ZHAKA71deg6E7JCp5LEOKLcJ5+USR47VvdpW8c06
WwUBAJBf/p397MPfvBFN8qTnBa1tgY/fkoBR1O2xuyoXASIG
=7y1m
-----END PGP PUBLIC KEY BLOCK-----
"""
TWO = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdA/3ReXgzqoRNdEgjYzz30W9LARQUvo6oKz9WU
MIBvy920G0Nhc2VzIFR3byA8dHdvQGV4YW1wbGUub3JnPoiQBBMWCAA4FiEEeZP/
nMZVd9WfSrtG4i41GBoZ0x4FAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgEC
F4AACgkQ4i41GBoZ0x4iGwEA+/KV3a11OxtcIOQj2Get4aY66j48f6dnOqc0lj+l
vmEBAJGAcuY1MMEkcgHA9z47UZa8QPfRXaXetLzGmmG5Z7cC
=Pqlc
-----END PGP PUBLIC KEY BLOCK-----
"""
FINGERPRINTS = ["922886B9B3332CEE15E7BC54FD1CBB2F2D42DFE2", "7993FF9CC65577D59F4ABB46E22E35181A19D31E"]


def binary(text):
    return openpgp.dearmor(text.encode())


def test_fingerprint_of_an_armored_key():
    (key,) = openpgp.keys(ONE.encode())
    assert key.fingerprint == FINGERPRINTS[0]
    assert key.users == ["Cases One <one@example.org>"]


def test_a_ring_has_several_keys_however_it_is_written():
    rings = [ONE + TWO, "some words\n" + ONE + "\nmore\n" + TWO, ONE.replace("\n", "\r\n") + TWO]
    for ring in [*(text.encode() for text in rings), binary(ONE) + binary(TWO)]:
        assert [key.fingerprint for key in openpgp.keys(ring)] == FINGERPRINTS


def test_armor_is_what_gpg_writes():
    assert openpgp.armor(binary(ONE)) == ONE


def test_headers_of_an_armored_block_are_passed_over():
    with_version = ONE.replace("BLOCK-----\n\n", "BLOCK-----\nVersion: GnuPG v1\nComment: x\n\n", 1)
    assert openpgp.keys(with_version.encode())[0].fingerprint == FINGERPRINTS[0]


@given(st.binary(max_size=300))
def test_armor_and_back(data):
    packet = bytes([0xC0 | 6, 255]) + len(data).to_bytes(4, "big") + data
    assert openpgp.dearmor(openpgp.armor(packet).encode()) == packet
    assert list(openpgp.packets(packet)) == [(6, data)]


@given(st.binary(max_size=200))
def test_garbage_is_no_key(data):
    with pytest.raises(openpgp.BadKey):
        openpgp.keys(data)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_damaged_key_is_another_key_or_none(position, change):
    data = bytearray(binary(ONE))
    data[position % 51 + 2] ^= change  # in the public key packet
    with contextlib.suppress(openpgp.BadKey):
        assert openpgp.keys(bytes(data))[0].fingerprint != FINGERPRINTS[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a PGP"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ==\n-----END PGP PRIVATE KEY BLOCK-----\n", "a private key"),
        (ONE.replace("=7y1m", "=AAAA"), "checksum"),
        (ONE.replace("mDME", "m*ME"), "base64"),
        (openpgp.armor(bytes([0xC0 | 5, 1, 4])), "secret key"),
        (openpgp.armor(bytes([0xC0 | 6, 9, 4])), "cut off"),
        (openpgp.armor(bytes([0xC0 | 6, 1, 3])), "version 3"),
        (openpgp.armor(bytes([0xC0 | 13, 1, 65])), "no public key"),
    ],
)
def test_why_a_key_cannot_be_used(text, why):
    with pytest.raises(openpgp.BadKey, match=why):
        openpgp.keys(text.encode())


def test_versions_4_and_6_hash_differently():
    """RFC 9580, appendix A.3: the sample version 6 certificate's primary key."""
    body = base64.b64decode("BmOHf+MbAAAAIPlNp7tI1gph5WdwamWH0DMZmbudiRoIJC6thFQ9+JWj")
    assert openpgp.fingerprint(body) == "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"


def test_a_pinned_ring_has_those_keys_and_no_other():
    openpgp.pinned((ONE + TWO).encode(), FINGERPRINTS)
    for ring, pins in ((ONE, FINGERPRINTS), (ONE + TWO, FINGERPRINTS[:1]), (TWO, FINGERPRINTS[:1])):
        with pytest.raises(openpgp.BadKey, match="its fingerprint is"):
            openpgp.pinned(ring.encode(), pins)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("9228 86B9 b333 2cee 15e7  bc54 fd1c bb2f 2d42 dfe2", FINGERPRINTS[0]),
        ("0x" + FINGERPRINTS[0].lower(), FINGERPRINTS[0]),
        ("2D42DFE2", None),
        (FINGERPRINTS[0] + "00", None),
    ],
)
def test_fingerprints_as_people_write_them(text, normal):
    assert openpgp.normal(text) == normal


def test_a_dnf_definition():
    fields = {"name": "epel", "uris": ["https://a/", "https://b/"], "options": {"priority": 5, "module_hotfixes": True}}
    assert repositories.text("dnf", fields, "/etc/pki/rpm-gpg/epel.asc") == (
        "[epel]\nname=epel\nbaseurl=https://a/ https://b/\nenabled=1\ngpgcheck=1\n"
        "gpgkey=file:///etc/pki/rpm-gpg/epel.asc\nmodule_hotfixes=1\npriority=5\n"
    )


def test_an_apk_definition():
    fields = {"name": "edge", "uris": ["@edge https://a/edge", "/srv/own"], "enabled": False}
    assert repositories.text("apk", fields, None) == "#@edge https://a/edge\n#/srv/own\n"
    assert repositories.paths("apk", "edge") == ("/etc/apk/repositories.d/edge.list", "/etc/apk/keys/edge.rsa.pub")


class Context:
    """What `normalise` asks of the compiler, of a host with this package manager."""

    def __init__(self, manager="apt"):
        self.manager = manager

    def condition(self, expression):
        return expression == f"facts.package_manager == '{self.manager}'"

    def source_file(self, name):
        return {"one.gpg": binary(ONE)}[name]

    def error(self, message, hint=None):
        return InvalidFile(message, file="role.yml", line=1, hint=hint)


def normalised(host="apt", /, **fields):
    return TYPE.normalise({"absent": False, "name": "own", **fields}, Context(host))


@pytest.mark.parametrize(
    ("host", "fields", "manager"),
    [
        ("dnf", {"suites": ["./"], "uris": ["https://a/"]}, "apt"),
        ("apt", {"metalink": "https://a/metalink"}, "dnf"),
        ("apk", {"uris": ["https://a/edge/main", "@own /srv/own"]}, "apk"),
        ("dnf", {"uris": ["https://a/"]}, "dnf"),
        ("apt", {"uris": ["https://a/"], "manager": "apk"}, "apk"),
    ],
)
def test_whose_repository_it_is(host, fields, manager):
    assert normalised(host, **fields)["manager"] == manager


def test_a_binary_key_is_stored_armored():
    fields = normalised(uris=["https://a/"], suites=["a"], components=["b"], key_source="one.gpg")
    assert fields["key"] == ONE
    assert "Signed-By: /etc/apt/keyrings/own.asc\n" in fields["content"]


def test_a_definition_with_a_password_is_for_root_alone():
    options = {"username": "me", "password": "word"}
    assert normalised(manager="dnf", uris=["https://a/"], options=options)["mode"] == "0600"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"uris": ["a b"], "suites": ["./"]}, "isn't a repository's URI"),
        ({"uris": ["https://a/"], "suites": ["./"], "components": ["main"]}, "has no 'components'"),
        ({"suites": ["./"]}, "has no 'uris'"),
        ({"uris": ["https://a/"], "suites": ["a\nb"], "components": ["c"]}, "can't be one of the suites"),
        ({"uris": ["https://a/"], "suites": ["./"], "content": "x"}, "can't be given"),
        ({"uris": ["https://a/"], "suites": ["./"], "options": {"X": "a\nTrusted: yes"}}, "must be one line"),
        (
            {"uris": ["https://a/"], "suites": ["./"], "key_url": "ftp://a/k", "fingerprint": FINGERPRINTS},
            "a key's URL",
        ),
        ({"uris": ["https://a/"], "suites": ["./"], "fingerprint": FINGERPRINTS}, "but no key"),
        ({"uris": ["https://a/"], "suites": ["./"], "key": ONE, "fingerprint": ["2D42DFE2"]}, "a key's fingerprint"),
    ],
)
def test_what_is_refused(fields, why):
    with pytest.raises(InvalidFile, match=why):
        normalised(**fields)
