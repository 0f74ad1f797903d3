"""Which objects of a store lie in directories of their own, since there may be very many of them.

attested/AB/KIND-AB….dsse    what is said of an artifact, a role or an environment later; AB begins its digest

To find what is said of one artifact among 100,000 others, 400 names are read instead of all. A directory and a bucket
have the same layout, so that one can be copied to the other. Signatures lie beside their artifacts, as they always did.
"""

from __future__ import annotations

import re

FOLDER = "attested"
SUFFIX = ".dsse"
KINDS = ("statement", "stop", "override", "approval")
_NAME = re.compile(rf"(?:{'|'.join(KINDS)})-([0-9a-f]{{2}})")


def shard_of(name: str) -> str | None:
    """The directory below the store's that an object, or all whose names begin so, lies in; None: the store's own."""
    match = _NAME.match(name)
    return f"{FOLDER}/{match[1]}" if match else None


def path_of(name: str) -> str:
    """Where an object lies, relative to the store."""
    shard = shard_of(name)
    return f"{shard}/{name}" if shard else name


def may_be_sharded(prefix: str, suffix: str) -> bool:
    """Whether objects whose names begin and end so may lie in several of these directories."""
    begins = any(kind.startswith(prefix) or prefix.startswith(kind) for kind in KINDS)
    return begins and (SUFFIX.endswith(suffix) or suffix.endswith(SUFFIX))
