"""Where package managers keep a repository's definition and key, and how they write them.

Formats: sources.list(5) (deb822), dnf.conf(5), apk-repositories(5).
"""

# Manager -> (definition, key); {} is the repository's name.
PATHS = {
    "apt": ("/etc/apt/sources.list.d/{}.sources", "/etc/apt/keyrings/{}.asc"),
    "dnf": ("/etc/yum.repos.d/{}.repo", "/etc/pki/rpm-gpg/{}.asc"),
    "apk": ("/etc/apk/repositories.d/{}.list", "/etc/apk/keys/{}"),
}


def paths(manager, name, key_name=None):
    """(path of the definition, path of the key) of a repository."""
    definition, key = PATHS[manager]
    return definition.format(name), key.format(key_name or name + (".rsa.pub" if manager == "apk" else ""))


def text(manager, fields, signed_by):
    """The definition.

    Args:
        manager: `apt`, `dnf` or `apk`.
        fields: The resource's.
        signed_by: Path of the key that signs it; None to trust the keys that the host has anyway.
    """
    writers = {"apt": _deb822, "dnf": _repo, "apk": _lines}
    return writers[manager](fields, signed_by)


def _deb822(fields, signed_by):
    pairs = [
        ("Enabled", None if fields.get("enabled", True) else "no"),
        ("Types", " ".join(fields.get("types", ["deb"]))),
        ("URIs", " ".join(fields["uris"])),
        ("Suites", " ".join(fields["suites"])),
        ("Components", " ".join(fields.get("components", []))),
        ("Architectures", " ".join(fields.get("architectures", []))),
        ("Signed-By", signed_by),
        ("Trusted", "yes" if fields.get("insecure") else None),
    ]
    pairs += sorted((name, _word(value, "yes", "no")) for name, value in fields.get("options", {}).items())
    return "".join("{}: {}\n".format(name, value) for name, value in pairs if value)


def _repo(fields, signed_by):
    pairs = [
        ("name", fields.get("description", fields["name"])),
        ("baseurl", " ".join(fields.get("uris", []))),
        ("metalink", fields.get("metalink")),
        ("mirrorlist", fields.get("mirrorlist")),
        ("enabled", "1" if fields.get("enabled", True) else "0"),
        ("gpgcheck", "0" if fields.get("insecure") else "1"),
        ("gpgkey", "file://" + signed_by if signed_by else None),
    ]
    pairs += sorted((name, _word(value, "1", "0")) for name, value in fields.get("options", {}).items())
    return "[{}]\n".format(fields["name"]) + "".join("{}={}\n".format(name, value) for name, value in pairs if value)


def _lines(fields, signed_by):
    mark = "" if fields.get("enabled", True) else "#"
    return "".join("{}{}\n".format(mark, uri) for uri in fields["uris"])


def _word(value, yes, no):
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, (list, tuple)):
        return " ".join(str(member) for member in value)
    return str(value)
