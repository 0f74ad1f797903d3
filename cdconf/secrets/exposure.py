"""Who could ever read which secret: from git's history of secrets.yml and recipients.txt.

A secret that's encrypted again for fewer people keeps its value, and whoever had a clone has the old ciphertext. What
counts is the value, then: an old ciphertext with today's value exposes it, and only a new value ends that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, SecretError
from cdconf.git_command import git_command
from cdconf.secrets import age
from cdconf.secrets.readers import comments, readers, short
from cdconf.yamlfile import loads, read_text

if TYPE_CHECKING:
    from cdconf.secrets.store import SecretStore

_ERA = "the work tree"


@dataclass(frozen=True)
class Exposure:
    """Somebody who could read a value of a secret.

    Attributes:
        secret: Its name.
        key: The beginning of his public key; None where nobody knows for whom it was.
        name: The comment above his key in recipients.txt, if there ever was one.
        current: Whether it's the value of today; None where nobody here can decrypt the older one.
        since: The date of the first commit that has it, `2026-11-30`.
        commit: That commit, or `the work tree`.
        recipient: Whether he's among the recipients now.
    """

    secret: str
    key: str | None
    name: str
    current: bool | None
    since: str
    commit: str
    recipient: bool


@dataclass(frozen=True)
class _State:
    """The two files at a commit."""

    commit: str
    date: str
    secrets: str
    recipients: str


def exposures(root: Path, folder: str, store: SecretStore) -> list[Exposure]:
    """Each secret of today with everybody who could ever read it; the first time counts.

    Args:
        root: The project.
        folder: The environment's, relative to it.
        store: The environment's secrets; those that the operator can't decrypt are compared by their ciphertext alone.

    Raises:
        SecretError: There's no history to look at.
    """
    now = {short(key) for key in store.recipients()}
    today = store.ciphertexts()
    values = _Values()
    found: dict[tuple[str, str | None, bool | None], Exposure] = {}
    labels: dict[str, str] = {}
    for state in _states(root, folder):
        listed = dict(_listed(state.recipients))
        labels.update({key: name for key, name in listed.items() if name})
        for secret, ciphertext, keys in _encrypted(state, frozenset(listed)):
            if secret not in today:
                continue
            current = values.same(ciphertext, today[secret])
            for key in sorted(keys) if keys is not None else [None]:
                exposure = Exposure(secret, key, "", current, state.date, state.commit, key in now)
                found.setdefault((secret, key, current), exposure)
    named = (_labelled(one, labels) for one in found.values())
    return sorted(named, key=lambda one: (one.secret, one.recipient, one.key or "", one.current is not True))


def left(found: list[Exposure]) -> dict[str, list[Exposure]]:
    """Secret -> those who are no recipients any more, and could read what may be its value of today."""
    stale: dict[str, list[Exposure]] = {}
    for exposure in found:
        if not exposure.recipient and exposure.current is not False:
            stale.setdefault(exposure.secret, []).append(exposure)
    return stale


class _Values:
    """Compares what ciphertexts hold, as far as the operator can decrypt them."""

    def __init__(self) -> None:
        self._plain: dict[str, str | None] = {}

    def same(self, one: str, other: str) -> bool | None:
        if one == other:
            return True
        first, second = self._decrypted(one), self._decrypted(other)
        return None if first is None or second is None else first == second

    def _decrypted(self, text: str) -> str | None:
        if text not in self._plain:
            try:
                self._plain[text] = age.decrypt(text, "", "", 0)
            except SecretError:
                self._plain[text] = None
        return self._plain[text]


def _encrypted(state: _State, listed: frozenset[str]) -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """Name, ciphertext and readers of each secret at a commit; what can't be read there was no secret."""
    try:
        values = loads(state.secrets, state.commit)
    except CdconfError:
        return
    said = comments(state.secrets)
    for name, text in values.items():
        if not isinstance(text, str) or not text.startswith(age.PREFIX):
            continue
        try:
            known = readers(age.ciphertext(text, name, state.commit, 1), said.get(name))
        except SecretError:
            continue
        keys = known.keys if known.keys is not None else listed if len(listed) == known.count else None
        yield name, text, keys


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """Each key of a recipients.txt, with the comment above it."""
    comment = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            comment = line.lstrip("# ")
        elif line:
            yield short(line), comment
            comment = ""


def _labelled(exposure: Exposure, labels: dict[str, str]) -> Exposure:
    name = labels.get(exposure.key, "") if exposure.key is not None else ""
    return Exposure(
        exposure.secret, exposure.key, name, exposure.current, exposure.since, exposure.commit, exposure.recipient
    )


def _states(root: Path, folder: str) -> Iterator[_State]:
    """The files at each commit that changes one of them, on any branch, the oldest first; at last as they are now."""
    paths = [f"{folder}/secrets.yml", f"{folder}/recipients.txt"]
    log = _git(root, "log", "--all", "--reverse", "--date=short", "--format=%H %cd", "--", *paths)
    if log is None:
        raise SecretError("there is no git history to look at", hint="is the project in a git repository?")
    for line in log.decode().splitlines():
        commit, _, date = line.partition(" ")
        texts = [_git(root, "show", f"{commit}:./{path}") or b"" for path in paths]
        yield _State(commit[:10], date, *(text.decode("utf-8", "replace") for text in texts))
    here = [read_text(root / path, path, root) if (root / path).exists() else "" for path in paths]
    yield _State(_ERA, "", here[0], here[1])


def is_shallow(root: Path) -> bool:
    """Whether the clone lacks a part of its history."""
    return (_git(root, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true"


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints; None when it fails."""
    try:
        done = subprocess.run(git_command(root, *arguments), capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
