"""The `certificate` type."""

import ipaddress
import re

from cdconf.agent.crypto import der
from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_NAME = re.compile(
    r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z"
)
_DAYS = re.compile(r"(\d+)d?\Z")
KEY_TYPES = ("ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096")
_OWN = ("names", "days", "key_type", "common_name")
LONGEST = 64


def _normalise(fields: Fields, context: Context) -> Fields:
    """Either given, or made on the host; never a mixture."""
    if "key" not in fields:
        raise context.error("a certificate needs the path of its `key`")
    if fields["absent"]:
        return fields
    if fields["key"] == fields["path"]:
        raise context.error("certificate and key can't be the same file", "`chain` adds to the certificate's")
    if "renew_before" in fields:
        fields["renew_before"] = _days(fields["renew_before"], context)
    return _self_signed(fields, context) if fields.pop("self_signed", False) else _given(fields, context)


def _days(text: str, context: Context) -> str:
    found = _DAYS.match(text)
    if not found:
        raise context.error(f"'renew_before' must be a number of days such as 30d, not '{text}'")
    return f"{int(found[1])}d"


def _self_signed(fields: Fields, context: Context) -> Fields:
    for name in ("content", "source", "key_content", "chain"):
        if name in fields:
            raise context.error(f"'{name}' isn't for a certificate that is self-signed")
    if not fields.get("names"):
        raise context.error("a self-signed certificate needs its `names`")
    names = [_name(name, context) for name in fields["names"]]
    # A common name has 64 characters at most (RFC 5280, upper bounds); the names that count are the others.
    short = [name for name in names if len(name) <= LONGEST]
    fields.setdefault("common_name", short[0] if short else "localhost")
    if not 0 < len(fields["common_name"]) <= LONGEST or re.search(r"[\x00-\x1f$\\\"']", fields["common_name"]):
        raise context.error(f"'{fields['common_name']}' can't be a common name", "a name of 64 characters at most")
    fields["names"] = sorted(set(names))
    fields.setdefault("days", 365)
    fields.setdefault("key_type", "ec-p256")
    fields.setdefault("renew_before", "30d")
    if not int(fields["renew_before"][:-1]) < fields["days"] <= 36500:
        raise context.error("`days` must be more than `renew_before`, and 36500 at most")
    return fields


def _name(name: str, context: Context) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not _NAME.match(name) or len(name) > 253:
        raise context.error(f"'{name}' is neither a host's name nor an IP address")
    return name.lower()


def _given(fields: Fields, context: Context) -> Fields:
    for name in _OWN:
        if name in fields:
            raise context.error(f"'{name}' is for a certificate that is self-signed", "add `self_signed: true`")
    if "source" in fields:
        fields["content"] = context.source_file(fields.pop("source")).decode("utf-8", "replace")
    if "content" not in fields or "key_content" not in fields:
        raise context.error(
            "a certificate is either `self_signed: true`, or has `content` (or `source`) and `key_content`"
        )
    if "chain" in fields:
        # `+` would make plain text of a secret
        joined = fields["content"].rstrip("\n") + "\n" + fields.pop("chain")
        fields["content"] = type(fields["content"])(joined)
    try:
        found = der.certificate(fields["content"])
        if der.belongs(fields["key_content"], found.public_key) is False:
            raise context.error("the private key isn't the one of the certificate")
    except der.MalformedDer as error:
        raise context.error(f"certificate or key can't be read: {error}") from error
    return fields


TYPE = ResourceType(
    name="certificate",
    purpose="Files",
    doc=(
        "A TLS certificate and its private key: both given, or self-signed and made on the host by openssl. "
        "A self-signed certificate is made again, with a new key, if its names or the key's type differ, if "
        "the key doesn't belong to it, if somebody replaced it, or if it expires soon. The key's mode is "
        "0600 unless given. The key appears in no diff and no argument list, and in no temporary file that "
        "others can read."
    ),
    title="path",
    fields={
        "path": Field("path", "The certificate's file, PEM."),
        "key": Field("path", "The private key's file, PEM.", compare=False),
        "self_signed": Field("boolean", "Make it on the host.", compare=False),
        "names": Field(
            "list", "DNS names and IP addresses of a self-signed one; the first is its common name.", public=True
        ),
        "common_name": Field(
            "string", "The common name of a self-signed one; the first of `names` if not given.", public=True
        ),
        "days": Field("integer", "How long a self-signed one is valid; 365 if not given.", compare=False, public=True),
        "key_type": Field(
            "string", "The key of a self-signed one; ec-p256 if not given.", choices=KEY_TYPES, public=True
        ),
        "renew_before": Field(
            "string",
            "How long before its end a self-signed certificate is renewed: 30d. For a given certificate, the "
            "resource fails from that time on; without this field its end isn't checked.",
        ),
        "content": Field("string", "The certificate, PEM; certificates that follow it are its chain."),
        "source": Field("string", "The same as a file in the role's or project's files/.", compare=False),
        "chain": Field("string", "Intermediate certificates, PEM, put behind it.", compare=False),
        "key_content": Field("string", "The private key, PEM.", sensitive=True),
        "owner": Field("string", "The owner of both files; root's if not given."),
        "group": Field("string", "The group of both files; root's if not given."),
        "mode": Field("mode", "The mode of the key.", default="0600"),
        "validate": VALIDATE,
    },
    exclusive=(("content", "source"),),
    identity=("key",),
    paths=lambda fields: [fields["path"], *([fields["key"]] if "key" in fields else [])],
    holds=(),
    normalise=_normalise,
    example="certificate: /etc/ssl/shop.crt\nkey: /etc/ssl/shop.key\nself_signed: true\nnames: [shop.internal]\n",
)
