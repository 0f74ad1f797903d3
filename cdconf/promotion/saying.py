"""Signs what is said, and puts it into the artifact store."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import dsse
from cdconf.artifacts.attestations import APPROVAL, OVERRIDE, STATEMENT, STOP, attest
from cdconf.promotion.said import (
    Approval,
    Held,
    Lift,
    Override,
    Proof,
    RolesProof,
    Stop,
    environment_key,
    release_key,
    tree_key,
)
from cdconf.promotion.statement import document, envelope, test_result, with_head
from cdconf.user import user_name

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.promotion.office_keys import OfficeKey

Head = Mapping[str, Any] | None


def say(place: Backend, said: Proof | Held | Stop | Override, key: OfficeKey, head: Head = None) -> str:
    """Signs it and stores it, beside what it's about; returns the object's name.

    A proof gets a statement of its tests beside it, in in-toto's own words. One that has passed is found by its
    environment, too.

    Args:
        place: Where the store lies.
        said: What's said.
        key: Who says it.
        head: How far the history's journal reaches, see `journal_head`; None: nothing is said of it.

    Raises:
        ArtifactError: The store can't be written to.
    """
    kind = {Proof: STATEMENT, Held: STATEMENT, Stop: STOP, Override: OVERRIDE}[type(said)]
    made = _signed(with_head(document(said), head), key)
    if isinstance(said, Proof):  # first: where the statement is, its tests are
        if said.result == "passed":
            attest(place, STATEMENT, release_key(said.project, said.environment, said.app), made)
        attest(place, STATEMENT, said.key, _signed(test_result(said), key))
    return attest(place, kind, said.key, made)


def say_lifted(place: Backend, lift: Lift, beside: str, key: OfficeKey, head: Head = None) -> str:
    """The same for the lift of a stop.

    Args:
        place: Where the store lies.
        lift: What's said.
        beside: What the stop is found by.
        key: Who says it.
        head: See `say`.
    """
    return attest(place, STOP, beside, _signed(with_head(document(lift), head), key))


def say_of_trees(place: Backend, proof: RolesProof, key: OfficeKey, head: Head = None) -> list[str]:
    """The same for roles: one envelope, found by its environment and each of its roles; returns the objects' names."""
    made = _signed(with_head(document(proof), head), key)
    keys = [environment_key(proof.project, proof.environment)]
    keys += (tree_key(proof.project, path, tree) for path, tree in proof.trees.items())
    return [attest(place, STATEMENT, one, made) for one in keys]


def say_approved(
    place: Backend, approval: Approval, sign: Callable[[bytes], bytes], keyid: str, head: Head = None
) -> str:
    """Has an approval signed, and stores it beside its artifact; returns the object's name.

    Args:
        place: Where the store lies.
        approval: What's said.
        sign: Makes an SSH signature of some bytes.
        keyid: The key's fingerprint, as a hint: who has signed is told by the signature.
        head: See `say`.
    """
    made = envelope(with_head(document(approval), head))
    signature = base64.b64encode(sign(dsse.pae(*dsse.content(made)))).decode("ascii")
    made["signatures"] = [{"keyid": keyid, "sig": signature}]
    return attest(place, APPROVAL, approval.key, made)


def _signed(statement: dict[str, Any], key: OfficeKey) -> dict[str, Any]:
    return dsse.signed(envelope(statement), key.key, key.id)


def whoami() -> str:
    """`user@host`, for statements."""
    return f"{user_name()}@{socket.gethostname()}"


def tool_digest() -> str:
    """The digest of cdconf itself: of the Python files that are installed here."""
    root = Path(__file__).parents[1]
    whole = hashlib.sha256()
    for name, path in _sources(root):
        whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _sources(root: Path) -> Iterable[tuple[str, Path]]:
    return sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*.py"))
