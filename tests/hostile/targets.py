"""What's fuzzed: each target takes bytes, and may raise nothing but what its reader declares."""

import contextlib
import json
import random
import tempfile
from pathlib import Path

from cdconf.agent import wire
from cdconf.agent.records import formats
from cdconf.artifacts import artifact, dsse, provenance
from cdconf.artifacts.unpack import Limits, unpack
from cdconf.errors import ArtifactError, CdconfError, InvalidFile
from cdconf.facts.cache import FactCache
from cdconf.history import chain, killed, run_events
from cdconf.own_files import parsed
from cdconf.pipeline import entries
from cdconf.plans import saved
from cdconf.promotion import allowed_signers, statement
from cdconf.promotion.ssh import keys, signature
from cdconf.promotion.ssh.wire import Malformed
from cdconf.promotion.statement import NotSaid
from cdconf.session.frames import Frames, TooLate
from cdconf.session.known_hosts import KnownHosts
from cdconf.session.session import Session
from cdconf.session.transport import TransportClosed, TransportSilent
from cdconf.yamlfile import loads
from tests.hostile import samples
from tests.hostile.sessions import HOST, Liar, answer, plain

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-files-"))
NAMES = tuple(samples.CALLS)
STATES = (*formats._FILES, "switch-x", "drain-x", "manifest-x", "chunks-x", "packages-x", "archive-x")
DIGEST = "a" * 64


def frames(data):
    """A stream of frames."""
    reader = Frames(Liar(data, random.Random(0)), b"")
    with contextlib.suppress(wire.BadFrame, TooLate, TransportSilent, TransportClosed, EOFError):
        for _ in range(20):
            reader.next(lambda: None)


def session(data):
    """An answer and its events, to the call that the first byte says; what comes through must be as declared."""
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    opened = plain({"id": 1, "result": samples.OPENED})
    with contextlib.suppress(CdconfError):
        asked = Session(HOST, Liar(opened + data[1:], random.Random(0)), b"", "shop")
        answer(asked, name, [])


def states(data):
    """A file of an agent's."""
    name = STATES[data[0] % len(STATES)] if data else STATES[0]
    with contextlib.suppress(formats.Damaged):
        formats.decoded(f"/x/{name}", name, data[1:])


def own(data):
    """A file of the controller's."""
    with contextlib.suppress(ValueError):
        parsed(data)
    path = FOLDER / "facts/dev/web1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    FactCache(FOLDER, "dev").load("web1")
    with contextlib.suppress(InvalidFile):
        saved.read(path)
    chain.head_after(chain.lines_of(data, chain.Head()))
    killed.killed_record("0123-45", run_events._events(data))
    with contextlib.suppress(entries.UnreadableEntry, UnicodeDecodeError):
        entries.read(data.decode())


def yaml(data):
    """A file of a project."""
    with contextlib.suppress(InvalidFile, UnicodeDecodeError):
        loads(data.decode(), "x.yml")


def metadata(data):
    """An artifact's metadata, and the provenance in it."""
    with contextlib.suppress(ValueError, TypeError, ArtifactError):
        _, envelope = artifact.from_text(data)
        if envelope is not None:
            dsse.keyids(envelope)
            provenance.read(envelope)
            provenance.log_of(envelope)


def archives(data):
    """An artifact."""
    path = FOLDER / "app-1.tar"
    path.write_bytes(data)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, contextlib.suppress(ArtifactError):
        unpack(path, Path(folder), path.name, Limits(total=1 << 20))


def statements(data):
    """A statement's envelope, and a statement in one."""
    with contextlib.suppress(NotSaid, ArtifactError, ValueError, TypeError, AttributeError, KeyError):
        envelope = json.loads(data)
        dsse.content(envelope)
    with contextlib.suppress(NotSaid, ArtifactError):
        statement.read(dsse.wrap(data))
    with contextlib.suppress(ArtifactError):
        provenance.read(dsse.wrap(data))


def ssh_keys(data):
    """Signatures, keys, and files that list them."""
    with contextlib.suppress(Malformed):
        signature.signature_of(data)
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(Malformed):
        signature.signature_of(signature.dearmoured(text))
    with contextlib.suppress(Malformed):
        keys.key_of_line(text)
    with contextlib.suppress(ArtifactError):
        allowed_signers.signer_of(text, "signers:1")
    path = FOLDER / "known_hosts"
    path.write_bytes(data)
    with contextlib.suppress(InvalidFile):
        KnownHosts().keys_of("web1", [path])


def _seeds_of_calls():
    return [
        bytes([number])
        + b"".join(plain({"id": 2, "event": event}) for event in events)
        + plain({"id": 2, "result": result})
        for number, (_, events, result) in enumerate(samples.CALLS.values())
    ]


def _archive():
    import io
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("a/b", "a/c"):
            about = tarfile.TarInfo(name)
            about.size = 3
            tar.addfile(about, io.BytesIO(b"abc"))
    return stream.getvalue()


def _json(value):
    return json.dumps(value).encode()


STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "shop@1", "digest": {"sha256": DIGEST, "cdconfTree1": DIGEST}}],
    "predicateType": "https://cdconf.dev/proof/v1",
    "predicate": {"stage": "commit", "result": "passed", "finished": "2026-01-01T00:00:00.000Z"},
}
ARTIFACT = {
    "app": "shop",
    "version": "1",
    "archive": DIGEST,
    "tree": DIGEST,
    "file_name": "x",
    "size": 1,
    "commit": None,
    "commit_time": None,
    "built_at": 1.0,
    "duration_s": 1.0,
    "builder": "me",
    "dirty": False,
    "provenance": dsse.wrap(_json(STATEMENT)),
}
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKM2I4fdOAq8cGIrzD1RE2kNcxaJKapGkYk1XR+AHKLe"
TARGETS = {
    "frames": (frames, [plain({"id": 1, "result": {"a": [1, {"$b64": "eA=="}]}}), plain({"beat": True}) * 3]),
    "session": (session, _seeds_of_calls()),
    "states": (states, [bytes([number]) + _json(formats.fresh_page()) for number in range(len(STATES))]),
    "own": (
        own,
        [_json({"version": 1, "read": ["system"], "groups": {}}), _json(samples.OPENED), _json([]), b"{}\n{}\n"],
    ),
    "yaml": (yaml, [b"a: {b: [1, 2.5, 'x']}\nc: &x\n  - d\ne: *x\n", b"- a\n", b"a: |\n  text\n"]),
    "metadata": (metadata, [_json(ARTIFACT)]),
    "archives": (archives, [_archive()]),
    "statements": (statements, [_json(STATEMENT), _json(ARTIFACT["provenance"])]),
    "ssh_keys": (ssh_keys, [f"web1 {LINE} x\n".encode(), f'me namespaces="cdconf-approve" {LINE}\n'.encode()]),
}
