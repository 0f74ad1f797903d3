"""People with SSH keys and a policy that knows them, beside a world whose procedures and commits are real."""

import base64
import functools
import hashlib
import json
import secrets
import struct
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from cdconf.artifacts import dsse
from cdconf.artifacts.attestations import APPROVAL, attest
from cdconf.promotion.policy import policies_folder
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.said import Approval, Subject
from cdconf.promotion.saying import say
from cdconf.promotion.ssh.signature import dearmoured
from cdconf.promotion.statement import document, envelope
from tests.conftest import cdconf, git, write
from tests.promotion.world import ABOUT, World, archive

NAMESPACE = "cdconf-approve"


def key_pair(folder, name, kind="ed25519", *options, passphrase=""):
    """A key pair of ssh-keygen's, the same for the same words in all tests; returns the private key's file."""
    path = folder / name
    made = _made(name, kind, options, passphrase)
    for there, data in zip((path, path.with_name(f"{name}.pub")), made, strict=True):
        there.touch(mode=0o600)
        there.write_bytes(data)
    return path


@functools.cache
def _made(name, kind, options, passphrase):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-C", name, "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return path.read_bytes(), path.with_name("key.pub").read_bytes()


def line_of(path):
    """The public key's line."""
    return path.with_name(f"{path.name}.pub").read_text().strip()


def signed(message, key, namespace=NAMESPACE, *options):
    """What ssh-keygen makes of a message: an SSH signature's bytes."""
    command = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(key), *options]
    done = subprocess.run(command, input=message, check=True, capture_output=True)
    return dearmoured(done.stdout.decode())


class Crew:
    """See the module.

    Attributes:
        world: The project, its store and its stages' keys.
        keys: Person's name -> the file of their private key.
        people: The policy's `people`, as data.
        require: The policy's `require` for production.
    """

    def __init__(self, root, files, folder):
        self.world = World(root, files)
        self.folder = folder
        self.keys = {name: key_pair(folder, name) for name in ("anna", "ben", "carl", "stranger")}
        self.people = {
            name: {"keys": [line_of(self.keys[name])], "git": [f"{name}@example.com"], "groups": ["ops"]}
            for name in ("anna", "ben", "carl")
        }
        self.people["tess"] = {"git": ["test@example.com"]}
        self.require = [{"approvals": {"count": 1}}]
        self.write_policy()
        self.artifact = self.built("5")
        self.prove()

    def write_policy(self):
        """Policies are YAML, and JSON is YAML."""
        text = {"version": 1, "environments": {"production": {"require": self.require}}, "people": self.people}
        path = policies_folder() / "demo.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text, indent=1))
        path.chmod(0o600)
        return path

    def asks(self, **approvals):
        """Sets what the policy asks for."""
        self.require = [{"approvals": approvals}]
        self.write_policy()

    @property
    def head(self):
        return git(self.world.root, "rev-parse", "HEAD")

    def commit(self, who, message="change", files=None):
        """A commit by a person."""
        write(self.world.root, files or {f"{secrets.token_hex(4)}.txt": "x"})
        git(self.world.root, "add", "-A")
        author = f"{who} <{who}@example.com>"
        git(self.world.root, "commit", "-q", "--allow-empty", f"--author={author}", "-m", message)
        return self.head

    def built(self, version, content=None):
        """Builds an artifact from HEAD."""
        file = archive(self.folder / f"app-{version}.tar.gz", content or version.encode())
        return self.world.store.add("app", version, file, **{**ABOUT, "commit": self.head})

    @property
    def procedure(self):
        return procedure_of(self.world.root, "HEAD", "app")

    def prove(self, artifact=None, office="stage:manual", **changes):
        """The stage says that it has passed."""
        about = {"procedure": self.procedure.digest, "commit": self.head, **changes}
        said = self.world.proof(subject=Subject.of(artifact or self.artifact), **about)
        return say(self.world.place, said, self.world.key(office))

    def release(self, artifact, **changes):
        """The last stage says that production runs it."""
        about = {"stage": "release", "environment": "production", "copy_of": None, "built_from": artifact.commit}
        return self.prove(artifact, "stage:release", **{**about, **changes})

    def said(self, **changes):
        """A good approval, signed by nobody yet."""
        found = Approval(
            subject=Subject.of(self.artifact),
            project="demo",
            app="app",
            version=self.artifact.version,
            environment="production",
            procedure=self.procedure.digest,
            commit=self.head,
            decision="approved",
            note="",
            seen=(),
            by="x",
            at=time.time() - 5,
            expires=None,
            nonce=secrets.token_hex(16),
        )
        return replace(found, **changes)

    def given(self, who="anna", said=None, *, namespace=NAMESPACE, archive_=None, **changes):
        """Puts an approval into the store, whatever it says; returns its name."""
        made = envelope(document(said or self.said(**changes)))
        return self.put(made, signed(self.message(made), self.keys[who], namespace), archive_)

    def message(self, made):
        """What is signed of an envelope."""
        return dsse.pae(*dsse.content(made))

    def put(self, made, signature, archive_=None):
        """Puts an envelope with a signature beside the artifact."""
        made = {**made, "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}]}
        return attest(self.world.place, APPROVAL, archive_ or self.artifact.archive, made)

    def raw(self, data, archive_=None):
        """Puts any bytes there, under the name that they should have."""
        name = f"{APPROVAL}-{archive_ or self.artifact.archive}-{hashlib.sha256(data).hexdigest()}.dsse"
        assert self.world.place.create(name, data)
        return name

    def run(self, *arguments, **environment):
        return cdconf(self.world.root, *arguments, **environment)

    def approve(self, who="anna", *arguments, artifact=None, code=0):
        """Approves on the command line; returns the JSON document."""
        label = (artifact or self.artifact).label
        key = ["--key", self.keys[who]] if who else []
        done = self.run("approve", label, "--to", "production", "--yes", "--json", *key, *arguments)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def gates(self, artifact=None):
        """Exit code and links by name, as `gates` tells them."""
        label = (artifact or self.artifact).label
        done = self.run("gates", label, "--to", "production", "--json")
        told = json.loads(done.stdout)
        assert not told["error"], told["error"]
        return done.returncode, {one["name"]: one for one in told["gates"]}

    def is_open(self, artifact=None):
        code, links = self.gates(artifact)
        assert (code == 0) == all(one["state"] == "there" for one in links.values())
        return code == 0

    def why(self, name="approvals", artifact=None):
        """Why a link is missing."""
        code, links = self.gates(artifact)
        assert (code, links[name]["state"]) == (3, "missing"), links
        return links[name]["why"]


def string(data):
    """SSH's string."""
    return struct.pack(">I", len(data)) + data


class TokenKey:
    """A FIDO key made in software: what a token does, as OpenSSH's PROTOCOL.u2f has it.

    Args:
        kind: `ed25519` or `ecdsa`.
    """

    def __init__(self, kind="ed25519"):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        self.application = b"ssh:"
        if kind == "ed25519":
            self.kind = b"sk-ssh-ed25519@openssh.com"
            self.private = ed25519.Ed25519PrivateKey.generate()
            public = self.private.public_key().public_bytes_raw()
            self.blob = string(self.kind) + string(public) + string(self.application)
        else:
            self.kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
            self.private = ec.generate_private_key(ec.SECP256R1())
            encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            public = self.private.public_key().public_bytes(encoding, form)
            self.blob = string(self.kind) + string(b"nistp256") + string(public) + string(self.application)

    @property
    def line(self):
        return f"{self.kind.decode()} {base64.b64encode(self.blob).decode()}"

    def sign(self, message, namespace=NAMESPACE, flags=1, counter=7):
        digest = hashlib.sha512(message).digest()
        inner = b"SSHSIG" + string(namespace.encode()) + string(b"") + string(b"sha512") + string(digest)
        about = struct.pack(">BI", flags, counter)
        signed_ = hashlib.sha256(self.application).digest() + about + hashlib.sha256(inner).digest()
        signature = string(self.kind) + string(self._signature(signed_)) + about
        return sshsig(self.blob, signature, namespace)

    def _signature(self, data):
        if self.kind.startswith(b"sk-ssh"):
            return self.private.sign(data)
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        one, other = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return string(mpint(one)) + string(mpint(other))


def mpint(number):
    """The bytes of SSH's mpint, without their length."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def sshsig(blob, signature, namespace=NAMESPACE, hash_=b"sha512", version=1, reserved=b"", magic=b"SSHSIG"):
    """An SSH signature's bytes, put together by hand."""
    parts = (blob, namespace.encode(), reserved, hash_, signature)
    return magic + struct.pack(">I", version) + b"".join(map(string, parts))
