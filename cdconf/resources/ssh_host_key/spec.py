"""The `ssh_host_key` type."""

from cdconf.resources.spec import Context, Field, Fields, ResourceType

TYPES = ("ed25519", "ecdsa", "rsa")
_CURVES = (256, 384, 521)
_RSA = range(2048, 16385)


def _normalise(fields: Fields, context: Context) -> Fields:
    fields.setdefault("path", f"/etc/ssh/ssh_host_{fields['type']}_key")
    if int(fields["mode"], 8) & 0o037:
        raise context.error(f"the mode {fields['mode']} lets others use the host's key", '"0600", or "0640"')
    bits = fields.get("bits")
    if bits is None:
        return fields
    if fields["type"] == "ed25519":
        raise context.error("an ed25519 key has no `bits` to choose")
    if fields["type"] == "ecdsa" and bits not in _CURVES:
        raise context.error(f"an ecdsa key can't have {bits} bits", "256, 384 or 521")
    if fields["type"] == "rsa" and bits not in _RSA:
        raise context.error(f"an rsa key can't have {bits} bits", f"from {_RSA.start} to {_RSA.stop - 1}")
    return fields


TYPE = ResourceType(
    name="ssh_host_key",
    purpose="Users and access",
    doc=(
        "A key by which SSH clients know this host, with its public key in PATH.pub. A new key is made on the "
        "host only if there is none, or if it has fewer `bits`. A new key is a new identity: clients that know "
        "the old key refuse the host, cdconf too if the inventory pins it. Both files are root's. The private "
        "key never leaves the host. Restart sshd by `notify`. `--prune` removes no key, since sshd doesn't start "
        "without one; `file` with `absent` does."
    ),
    title="type",
    fields={
        "type": Field("string", "The key's type.", choices=TYPES),
        "bits": Field(
            "integer",
            "The least size of an rsa or ecdsa key. Without it, any size will do, and ssh-keygen chooses.",
            public=True,
        ),
        "path": Field("path", "The private key's file; /etc/ssh/ssh_host_TYPE_key if not given.", compare=False),
        "mode": Field("mode", "The private key's mode.", default="0600"),
    },
    identity=("path",),
    absent=False,
    paths=lambda fields: [fields["path"], fields["path"] + ".pub"],
    holds=(),
    normalise=_normalise,
    example="ssh_host_key: rsa\nbits: 4096\nnotify: restart ssh\n",
)
