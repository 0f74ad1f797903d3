import contextlib
import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from cdconf.agent.crypto import der
from cdconf.agent.errors import Failed
from cdconf.resources.certificate import agent

KEYS = {
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
FORMATS = serialization.PrivateFormat


def made(key, *names, end=dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC), issuer="x"):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(one)) if ":" in one or one[0].isdigit() else x509.DNSName(one)
        for one in names
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(other)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def text_of(key, kind=FORMATS.PKCS8, encryption=None):
    encryption = encryption or serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, encryption).decode()


@pytest.mark.parametrize("kind", KEYS)
def test_reads_what_a_certificate_says(kind):
    key = KEYS[kind]()
    found = der.certificate("some text\n" + made(key, "b.example", "*.a.example", "10.0.0.1", "2001:db8::1"))
    assert found.names == ["*.a.example", "10.0.0.1", "2001:db8::1", "b.example"]
    assert found.key_type == kind
    assert found.not_after == dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC).timestamp()
    assert found.self_issued
    assert der.belongs(text_of(key), found.public_key) in ((True,) if kind != "ed25519" else (None,))


def test_reads_both_kinds_of_time_and_other_issuers():
    late = dt.datetime(2050, 1, 1, tzinfo=dt.UTC)
    found = der.certificate(made(KEYS["ec-p256"](), end=late, issuer="someone else"))
    assert found.not_after == late.timestamp()
    assert found.names == []
    assert not found.self_issued


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "ec-p384"])
def test_knows_which_key_belongs_to_a_certificate(kind):
    key = KEYS[kind]()
    public = der.certificate(made(key)).public_key
    for form in (FORMATS.PKCS8, FORMATS.TraditionalOpenSSL):
        assert der.belongs(text_of(key, form), public) is True
        assert der.belongs(text_of(KEYS[kind](), form), public) is False
    hidden = text_of(key, encryption=serialization.BestAvailableEncryption(b"x"))
    assert der.belongs(hidden, public) is None


@given(st.binary(max_size=60))
def test_rubbish_is_malformed(data):
    with contextlib.suppress(der.MalformedDer):
        der.Certificate(data)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_certificate_is_malformed_or_read(position, byte):
    (_, data) = der.pem(DAMAGED)[0]
    broken = data[:position] + bytes([byte]) + data[position + 1 :]
    with contextlib.suppress(der.MalformedDer):
        der.Certificate(broken)


DAMAGED = made(KEYS["ec-p256"](), "a.example")


def fields(folder, **more):
    return {"path": str(folder / "a.crt"), "key": str(folder / "a.key"), "mode": "0600", **more}


def test_writes_a_given_pair(tmp_path):
    key = KEYS["ec-p256"]()
    wanted = fields(tmp_path, content=made(key), key_content=text_of(key))
    assert agent.observe(wanted) is None
    agent.apply(wanted, {"exists": (False, True)})
    state = agent.observe(wanted)
    assert (state["content"], state["key_content"], state["mode"]) == (wanted["content"], wanted["key_content"], "0600")


def test_a_given_one_that_expires_soon_has_to_be_replaced(tmp_path):
    key = KEYS["ec-p256"]()
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=5)
    wanted = fields(tmp_path, content=made(key, end=soon), key_content=text_of(key), renew_before="30d")
    with pytest.raises(Failed, match="replaced by a newer one"):
        agent.apply(wanted, {"exists": (False, True)})
    assert not (tmp_path / "a.key").exists()


def test_a_self_signed_one_is_seen_to_expire_and_to_have_lost_its_key(tmp_path):
    key = KEYS["ec-p256"]()
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=5)
    (tmp_path / "a.crt").write_text(made(key, "a", end=soon))
    (tmp_path / "a.key").write_text(text_of(key))
    wanted = fields(tmp_path, names=["a"], key_type="ec-p256", renew_before="30d", days=90)
    assert agent.observe(wanted)["renew_before"] == f"expires on {soon:%Y-%m-%d}"
    assert agent.observe({**wanted, "renew_before": "2d"})["renew_before"] == "2d"
    (tmp_path / "a.key").write_text(text_of(KEYS["ec-p256"]()))
    assert agent.observe(wanted) is None
