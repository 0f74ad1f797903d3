"""Of runs that would say the same at the same moment one says it: they take turns in the store.

saying-ARCHIVE-WHAT.json    a run is about to say something of an artifact; WHAT is a digest of what that is

It's created exclusively and goes when it's said, so that the next one sees the statement. A run that was killed leaves
it: others wait for a while, and then say it all the same. A statement too many does no harm; one too few closes a gate.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from cdconf.artifacts.leftovers import SAYING
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.promotion.said import Proof

PATIENCE = 20.0  # seconds
_PAUSE = 0.1
OWN = ("started", "finished", "hosts", "smoke", "run")  # what equal runs differ in


@contextmanager
def turn(place: Backend, proof: Proof) -> Iterator[None]:
    """Nobody else says the same while the block runs, unless it takes longer than others wait.

    Raises:
        ArtifactError: The store can't be written to.
    """
    same = {name: value for name, value in asdict(proof).items() if name not in OWN}
    digest = hashlib.sha256(json.dumps(same, sort_keys=True, default=str).encode()).hexdigest()
    name = f"{SAYING}{proof.subject.archive}-{digest[:32]}.json"
    deadline = time.monotonic() + PATIENCE
    while not place.create(name, json.dumps({"version": 1, "run": proof.run}).encode()):
        if time.monotonic() > deadline:
            break
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        with contextlib.suppress(ArtifactError):
            place.delete(name)
