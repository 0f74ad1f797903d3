"""The `repository` type."""

from __future__ import annotations

import hashlib
import re

from cdconf.agent.crypto import openpgp
from cdconf.agent.packages import repositories
from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s]+\Z")
_WORD = re.compile(r"[^\s,=#]+\Z")
_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_SHA256 = 64  # hexadecimal digits
# What has a field of its own: an option that says the opposite must not slip in.
_RESERVED = {
    "types", "uris", "suites", "components", "architectures", "signed-by", "trusted", "enabled", "name", "baseurl",
    "metalink", "mirrorlist", "gpgcheck", "gpgkey", "allow-insecure", "allow-weak", "by-hash",
}  # fmt: skip
_ONLY = {
    "apt": ("suites", "components", "architectures", "types"),
    "dnf": ("metalink", "mirrorlist", "description"),
    "apk": ("key_name",),
}
_DESCRIBING = ("uris", "key", "key_source", "key_url", "signed_by", "fingerprint", "insecure", "options")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Checks the repository and its key, and writes its definition: the agent only compares and stores it."""
    name = fields["name"]
    if not _NAME.match(name):
        raise context.error(f"'{name}' can't be a repository's name", "letters, digits, dots, dashes and underscores")
    if fields["absent"]:
        return {key: fields[key] for key in ("name", "manager", "key_name", "absent") if key in fields}
    manager = fields["manager"] = _manager(fields, context)
    _check(fields, manager, context)
    _key(fields, manager, context)
    _, key_path = repositories.paths(manager, name, fields.get("key_name"))
    signed_by = fields.get("signed_by") or (key_path if "key" in fields or "key_url" in fields else None)
    fields["content"] = repositories.text(manager, fields, signed_by)
    fields["mode"] = "0600" if "password" in fields.get("options", {}) else "0644"
    kept = ("name", "absent", "manager", "key_name", "content", "mode", "key", "key_url", "fingerprint", "validate")
    return {key: fields[key] for key in kept if key in fields}


def _manager(fields: Fields, context: Context) -> str:
    """Whose repository it is: what's given, or what its fields say; the host decides when they don't."""
    if "manager" in fields:
        return str(fields["manager"])
    for manager, own in _ONLY.items():
        if any(name in fields for name in own):
            return manager
    return "apk" if context.condition("facts.package_manager == 'apk'") else "dnf"


def _check(fields: Fields, manager: str, context: Context) -> None:
    name = fields["name"]
    for made in ("content", "mode"):
        if made in fields:
            raise context.error(f"'{made}' is made of the other fields of repository '{name}'; it can't be given")
    for other, own in _ONLY.items():
        for field in own:
            if other != manager and field in fields:
                raise context.error(f"'{field}' is for {other}; repository '{name}' is {manager}'s")
    if "uris" not in fields and not (manager == "dnf" and ("metalink" in fields or "mirrorlist" in fields)):
        raise context.error(f"repository '{name}' has no 'uris'")
    for uri in [*fields.get("uris", []), *(fields[one] for one in ("metalink", "mirrorlist") if one in fields)]:
        _check_uri(uri, manager, context)
    if manager == "apt":
        _check_suites(fields, context)
    for option, value in fields.get("options", {}).items():
        _check_option(str(option), value, manager, context)


def _check_uri(uri: str, manager: str, context: Context) -> None:
    if manager == "apk":
        uri = re.sub(r"^@[a-z0-9_-]+ ", "", uri)  # a tag: apk-repositories(5)
    if not _URI.match(uri) and not (manager == "apk" and uri.startswith("/")):
        raise context.error(f"'{uri}' isn't a repository's URI", "such as https://example.org/debian")
    if "@" in uri.partition("://")[2].partition("/")[0]:
        hints = {
            "apt": "write them to /etc/apt/auth.conf.d/ with a `file`",
            "dnf": "options: {username: …, password: …}",
        }
        raise context.error("credentials in a repository's URI are readable by everyone", hints.get(manager))


def _check_suites(fields: Fields, context: Context) -> None:
    """A suite is a distribution with components, or a path that ends in a slash and has none (sources.list(5))."""
    suites, components = fields.get("suites", []), fields.get("components", [])
    for field in _ONLY["apt"]:
        for word in fields.get(field, []):
            if not _WORD.match(word):
                raise context.error(f"'{word}' can't be one of the {field}")
    if not suites:
        raise context.error(f"repository '{fields['name']}' has no 'suites'", "such as bookworm; ./ for a flat one")
    flat = [suite for suite in suites if suite.endswith("/")]
    if flat and components:
        raise context.error(f"the suite '{flat[0]}' ends in a slash, so it has no 'components'")
    if not flat and not components:
        raise context.error(f"repository '{fields['name']}' has no 'components'", "such as main")


def _check_option(option: str, value: object, manager: str, context: Context) -> None:
    if manager == "apk":
        raise context.error("apk's repositories have no 'options'")
    if not _OPTION.match(option):
        raise context.error(f"'{option}' can't be an option of a repository")
    if option.lower() in _RESERVED:
        raise context.error(f"'{option}' can't be an option: it has a field of its own, or would weaken the check")
    if "\n" in str(value) or isinstance(value, dict):
        raise context.error(f"the option '{option}' must be one line")


def _key(fields: Fields, manager: str, context: Context) -> None:
    """The key as it's stored, checked against the fingerprints; `key_url` is checked on the host."""
    name = fields["name"]
    if "key_source" in fields:
        data = context.source_file(fields.pop("key_source"))
    elif "key" in fields:
        data = str(fields["key"]).encode("utf-8")
    else:
        data = None
    given = _fingerprints(fields, manager, context)
    if "key_url" in fields:
        if not given:
            raise context.error(
                f"the key of repository '{name}' has no 'fingerprint'", "a key from a URL must be pinned"
            )
        if not _URI.match(fields["key_url"]) or fields["key_url"].split(":")[0] not in ("https", "http", "file"):
            raise context.error(f"'{fields['key_url']}' can't be a key's URL")
    if data is not None:
        fields["key"], found = _read_key(data, manager, context)
        if given and given != found:
            raise context.error(
                f"the key of repository '{name}' has the fingerprint {', '.join(found)}, not {', '.join(given)}"
            )
    elif given and "key_url" not in fields:
        raise context.error(f"repository '{name}' has a 'fingerprint', but no key", "give key, key_source or key_url")


def _fingerprints(fields: Fields, manager: str, context: Context) -> list[str]:
    found = []
    for text in fields.get("fingerprint", []):
        normal = openpgp.normal(text)
        if normal is None or (manager == "apk" and len(normal) != _SHA256):
            raise context.error(f"'{text}' can't be a key's fingerprint", "all its 40 hexadecimal digits; for apk 64")
        found.append(normal)
    if found:
        fields["fingerprint"] = sorted(set(found))
    return sorted(set(found))


def _read_key(data: bytes, manager: str, context: Context) -> tuple[str, list[str]]:
    """(the text that's stored, its fingerprints)."""
    if manager == "apk":
        if not data.startswith(b"-----BEGIN PUBLIC KEY-----"):
            raise context.error("apk's keys are PEM files that begin with '-----BEGIN PUBLIC KEY-----'")
        return data.decode("ascii"), [hashlib.sha256(data).hexdigest().upper()]
    try:
        packets = openpgp.dearmor(data)
        return openpgp.armor(packets), sorted(key.fingerprint for key in openpgp.keys(packets))
    except openpgp.BadKey as error:
        raise context.error(f"the repository's key can't be used: {error}") from error


TYPE = ResourceType(
    name="repository",
    purpose="Packages",
    doc=(
        "A package repository: a deb822 file in /etc/apt/sources.list.d, a .repo file in /etc/yum.repos.d, "
        "or a .list file in /etc/apk/repositories.d. Its key is kept beside it and trusted for this "
        "repository alone (apt). A key that comes from a URL must be pinned by its fingerprint, which is "
        "verified before it's stored. After a change, the next package installation fetches the index again. "
        "`absent` removes definition and key. Not tried on a real host: apk."
    ),
    title="name",
    fields={
        "name": Field("string", "The file's name without its ending; dnf's repository id."),
        "uris": Field("list", "Where it is: apt's URIs, dnf's baseurl, apk's repository lines.", compare=False),
        "suites": Field("list", "apt: distributions such as bookworm, or a path that ends in /.", compare=False),
        "components": Field("list", "apt: such as main.", compare=False),
        "architectures": Field("list", "apt: only these.", compare=False),
        "types": Field("list", "apt: deb, deb-src.", compare=False),
        "metalink": Field("string", "dnf: URL of a metalink, in place of uris.", compare=False),
        "mirrorlist": Field("string", "dnf: URL of a list of mirrors, in place of uris.", compare=False),
        "description": Field("string", "dnf: its name for people.", compare=False),
        "enabled": Field("boolean", "Whether the package manager uses it.", compare=False),
        "key": Field("string", "The key that signs it, as armored text (apk: a PEM file)."),
        "key_source": Field("string", "The key as a file in the role's or project's files/.", compare=False),
        "key_url": Field("string", "The URL from which the host fetches the key; needs `fingerprint`.", compare=False),
        "key_name": Field("string", "apk: the key's file name, which signatures refer to.", compare=False),
        "signed_by": Field("path", "A key file that's on the host already.", compare=False),
        "fingerprint": Field(
            "list", "The key's whole fingerprint, of each key if it's a ring (apk: the file's SHA-256)."
        ),
        "insecure": Field("boolean", "Use the repository without checking signatures.", compare=False),
        "options": Field("map", "More lines of its definition, as the manager names them.", compare=False),
        "manager": Field(
            "string",
            "The package manager whose repository it is; not needed where another field says so.",
            choices=("apt", "dnf", "apk"),
            compare=False,
        ),
        "content": Field("string", "Computed from the other fields; can't be set."),
        "mode": Field("mode", "Computed from the other fields; can't be set."),
        "validate": VALIDATE,
    },
    exclusive=(("key", "key_source", "key_url", "signed_by", "insecure"), ("uris", "metalink", "mirrorlist")),
    normalise=_normalise,
    paths=lambda fields: [
        path for manager in repositories.PATHS for path in repositories.paths(manager, fields["name"])
    ],
    example=(
        "repository: backports\nuris: http://deb.debian.org/debian\nsuites: bookworm-backports\ncomponents: main\n"
        "signed_by: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    ),
)
