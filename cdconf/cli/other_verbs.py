"""What other tools call a command, and what that is here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cdconf.errors import did_you_mean

_VERBS: Mapping[str, str] = MappingProxyType(
    {
        word: meant
        for words, meant in (
            ("apply converge playbook configure setup", "provision ENV"),
            ("diff dry-run preview check-mode", "plan ENV"),
            ("release push ship publish promote", "deploy ARTIFACT --to ENV"),
            ("undo revert", "rollback ENV"),
            ("exec execute cmd shell adhoc", "run ENV -- CMD"),
            ("console login connect", "ssh ENV HOST"),
            ("ps state top", "status ENV"),
            ("log tail journal", "logs ENV"),
            ("test verify", "smoke ENV"),
            ("validate syntax check", "lint"),
            ("new create startproject", "init"),
            ("vault encrypt decrypt credentials", "secret"),
            ("unlock", "lock release ENV"),
            ("inventory hosts list ls", "environments"),
            ("audit events", "history"),
            ("help", "--help"),
        )
        for word in words.split()
    }
)


def verb_hint(word: str, verbs: Collection[str]) -> str:
    """A hint for a command that there's none of.

    Args:
        word: As somebody wrote it.
        verbs: The commands there are.
    """
    meant = _VERBS.get(word)
    return f"here it's `cdconf {meant}`" if meant else did_you_mean(word, verbs) or "see cdconf --help"
