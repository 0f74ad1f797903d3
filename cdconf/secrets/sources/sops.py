"""Secrets in a file that sops has encrypted, which lies in the project; it's read, never written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError, SecretError
from cdconf.secrets.age import identity_file
from cdconf.secrets.sources.commands import output
from cdconf.secrets.sources.source import SecretRequest
from cdconf.yamlfile import loads, read_text

# Kinds of keys that need no server. A file says itself which server has the others: a commit could name any.
_LOCAL = ("age", "pgp")
# What a file says besides its keys. Anything else is taken for a kind of key that's not known here.
_ABOUT = (
    *("lastmodified", "mac", "version", "mac_only_encrypted", "shamir_threshold", "key_groups"),
    *("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex"),
    *("unencrypted_comment_regex", "encrypted_comment_regex"),
)


class SopsFile:
    """`sops: "inventories/{environment}/secrets.sops.yml"`: YAML or JSON, with the secrets' names at its top."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, str) or not given or given.startswith("/") or ".." in given.split("/"):
            raise ValueError("it must be a path in the project, such as 'inventories/{environment}/secrets.sops.yml'")
        self._pattern = given

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`; an environment without such a file has no secrets in it."""
        shown = wanted.placed(self._pattern, "")
        path = wanted.root / shown
        if not path.exists():
            return {}
        text = read_text(path, shown, wanted.root)
        _check(text, shown)
        found = json.loads(_decrypted(text, shown, wanted.within))
        values = {}
        for name in wanted.names:
            value = found.get(name)
            if value is not None and not isinstance(value, str):
                raise SecretError(f"'{name}' must be text", file=shown)
            if value:
                values[name] = value
        return values


def _decrypted(text: str, shown: str, within: float) -> str:
    """What's encrypted goes in by stdin: sops reads just what was looked at."""
    kind = "json" if shown.endswith(".json") else "yaml"
    command = ["sops", "decrypt", "--input-type", kind, "--output-type", "json", "/dev/stdin"]
    variables = {"SOPS_AGE_KEY_FILE": str(identity_file()), **os.environ}
    try:
        return output(command, text, within, variables=variables, folder=Path("/"))
    except SecretError as error:
        error.file = shown
        raise


def _check(text: str, shown: str) -> None:
    """Refuses a file that isn't encrypted, and one whose keys a server has."""
    try:
        about = loads(text, shown).get("sops")
    except CdconfError:
        about = None
    if not isinstance(about, dict):
        raise SecretError("this isn't encrypted by sops", file=shown, hint="`sops encrypt --in-place` does it")
    kinds = set(_kinds(about))
    foreign = sorted(kinds - {*_LOCAL})
    if foreign:
        message = f"its key lies on a server ({', '.join(foreign)}), which the file itself names"
        hint = "encrypt it for age keys, or read it by a `command` of your own"
        raise SecretError(message, file=shown, hint=hint)


def _kinds(about: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of keys that a file is encrypted for, also those in groups of keys."""
    for name, value in about.items():
        if value and name not in _ABOUT:
            yield name
    groups = about.get("key_groups")
    for group in groups if isinstance(groups, list) else ():
        for name, keys in group.items() if isinstance(group, dict) else (("key_groups", True),):
            if keys:
                yield name
