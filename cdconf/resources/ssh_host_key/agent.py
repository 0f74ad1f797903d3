"""Observes and makes the keys by which clients know this host."""

import base64
import struct

from cdconf.agent import files
from cdconf.agent.commands.execute import run, run_ok
from cdconf.agent.crypto import ssh_keys
from cdconf.agent.errors import in_the_way
from cdconf.agent.files import whole_file
from cdconf.agent.records import unpacked

KINDS = {"ssh-rsa": "rsa", "ssh-ed25519": "ed25519"}


def observe(fields):
    """The private key's bits and mode; of the mode also what's wrong with the public key. None when there's no key."""
    path = fields["path"]
    files.need_roots_alone(path, "a host's key")
    state = whole_file.observe(path)
    if state is None or not (state["content"] or state["mode"] == "a link"):
        return None  # ssh-keygen that was killed leaves an empty file
    key = _public(path, state["content"])
    kind, bits = KINDS.get(key.kind, "ecdsa"), _bits(key)
    if kind != fields["type"]:
        raise in_the_way(path, "a key of the type {}".format(kind))
    wrong = _wrong(path + ".pub", key)
    mode = state["mode"] + (" ({}.pub: {})".format(path, wrong) if wrong else "")
    return {"bits": min(bits, fields.get("bits", bits)), "mode": mode}


def _public(path, content):
    """The public key of a private one; ssh-keygen gets it by a pipe."""
    result = run(["ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin"], content, 60) if content is not None else None
    try:
        return ssh_keys.parse(result.out if result and result.status == 0 else "")
    except ValueError:
        raise in_the_way(path, "no private key that sshd can use")


def _bits(key):
    data, part = base64.b64decode(key.blob), b""
    if key.kind != "ssh-rsa":
        return int(key.kind[-3:]) if "nistp" in key.kind else 256
    for _ in range(3):  # RFC 4253, 6.6: the type, the exponent, the modulus
        size = 4 + struct.unpack(">I", data[:4])[0]
        part, data = data[4:size], data[size:]
    return int.from_bytes(part, "big").bit_length()


def _wrong(path, key):
    """What's wrong with the file of the public key, in words."""
    state = whole_file.observe(path)
    found = ssh_keys.parsed(state["content"] or "") if state else None
    if found is None or found.blob != key.blob:
        return "another key's" if found else "missing"
    return state["mode"] if state["mode"] != "0644" else ""


def apply(fields, difference):
    """Makes new ones; or repairs the modes and the public key."""
    path = fields["path"]
    if "exists" in difference or "bits" in difference:
        private, public = _make(fields)
    else:
        private = whole_file.read_text(path)
        public = _public(path, private).line() + "\n"
    # The private key first: should the run end in between, the next one sees that the public key is another one's.
    whole_file.write(path, private, fields["mode"])
    whole_file.write(path + ".pub", public, "0644")


def _make(fields):
    bits = ["-b", str(fields["bits"])] if "bits" in fields else []
    with unpacked.work() as here:
        place = here.place("key")
        run_ok(["ssh-keygen", "-q", "-t", fields["type"], "-N", "", "-f", place] + bits)
        return whole_file.read_text(place), whole_file.read_text(place + ".pub")
