"""The `authorized_key` type."""

import re

from cdconf.agent.crypto import ssh_keys
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Every key is parsed; one that's given as `key` is known by its fingerprint from here on."""
    given = fields.pop("keys", None)
    _place(fields, context)
    if "key" in fields:
        if fields.get("exclusive"):
            raise context.error("'exclusive' needs 'keys', the list of all keys that there may be")
        fields["key"], given = _single(fields, context)
    elif given is None:
        raise context.error(f"authorized_key '{fields['user']}' has neither 'key' nor 'keys'", "`keys: []` is none")
    if fields["absent"]:
        fields.pop("exclusive", None)
    if given is None:
        return fields
    keys = [
        _parse(line, fields["user"], context) for line in given if line.strip() and not line.lstrip().startswith("#")
    ]
    if not keys and not fields.get("exclusive"):
        raise context.error("no keys, so there's nothing to do", "`exclusive: true` removes all keys of the user")
    blobs = [key.blob for key in keys]
    for key in keys:
        if blobs.count(key.blob) > 1:
            raise context.error(f"the key {key.fingerprint()} is given twice")
    fields["keys"] = [key.line() for key in keys]
    return fields


def _place(fields: Fields, context: Context) -> None:
    """Checks what belongs to the file at `path`, and adds the modes that aren't given."""
    fields.setdefault("mode", "0644" if "path" in fields else "0600")
    if "path" not in fields:
        fields.setdefault("directory_mode", "0700")
        return
    if "directory_mode" in fields:
        hint = "a `directory` resource makes the directory of `path`"
        raise context.error("`directory_mode` is that of .ssh, which `path` doesn't need", hint)
    if "%" in fields["path"]:
        raise context.error("`path` is this user's own file", "such as /etc/ssh/authorized_keys.d/NAME")


def _single(fields: Fields, context: Context) -> tuple[str, list[str] | None]:
    """The fingerprint and the line; a fingerprint alone is enough for removal."""
    text = fields["key"].strip()
    if fields["absent"] and _FINGERPRINT.match(text):
        return text, None
    return _parse(text, fields["user"], context).fingerprint(), [text]


def _parse(line: str, user: object, context: Context) -> ssh_keys.AuthorizedKey:
    try:
        key: ssh_keys.AuthorizedKey = ssh_keys.parse(line)
        return key
    except ValueError as error:
        raise context.error(
            f"{_named(line)} of user '{user}' is no public SSH key: {error}",
            "it's the one line of a file such as id_ed25519.pub",
        ) from (None)


def _named(line: str) -> str:
    """A key's comment, by which people know it; the rest may be a private key that somebody gave by mistake."""
    words = line.split()
    return f"the key '{' '.join(words[2:])[:60]}'" if len(words) > 2 and words[0].isascii() else "a key"


TYPE = ResourceType(
    name="authorized_key",
    purpose="Users and access",
    doc=(
        "Public SSH keys that may log in as a user, in the .ssh/authorized_keys of its home directory or at `path`. "
        "Several roles can each give a user a `key`; `keys` is one list for a user. Keys that aren't named "
        "stay, unless `exclusive` is given. If .ssh or authorized_keys is a link, the resource is refused, "
        "because the user could point the link at any file."
    ),
    title="user",
    fields={
        "user": Field("string", "The user."),
        "key": Field("string", "One key: a line with options, type, key and comment. To remove, its SHA256:… will do."),
        "keys": Field("list", "Several keys, one line each. A key that exists with other options is replaced."),
        "exclusive": Field("boolean", "Remove all keys that aren't in `keys`.", compare=False),
        "path": Field(
            "path",
            "Another file, as sshd's `AuthorizedKeysFile` names it: root's own, in a directory that exists and that "
            "only root can change. The user can read the file, not change it.",
            compare=False,
        ),
        "mode": Field("mode", "Permission bits of the file: 0600 by default, 0644 with `path`."),
        "directory_mode": Field("mode", "Permission bits of .ssh, 0700 by default."),
    },
    exclusive=(("key", "keys"),),
    holds=(),
    normalise=_normalise,
    identity=("key", "path"),
    example=(
        "authorized_key: deploy\n"
        "keys:\n"
        "  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS ada@example.com\n"
        "exclusive: true\n"
    ),
)
