"""Writes an imported environment. Existing files are never overwritten: all is looked at before the first write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdconf.atomic import write_private
from cdconf.errors import CdconfError, UsageError
from cdconf.importing.yamltext import dump, flow, same
from cdconf.secrets import age
from cdconf.yamlfile import loads


def hosts_text(entries: Mapping[str, Mapping[str, Any]], head: str) -> str:
    """hosts.yml; what all hosts' `ssh` have in common stands once, at the top."""
    common = dict(next(iter(entries.values())).get("ssh", {}))
    for entry in entries.values():
        own = entry.get("ssh", {})
        common = {key: value for key, value in common.items() if own.get(key) == value}
    lines = [head]
    if common:
        lines.append(f"ssh: {flow(common)}")
    lines.append("hosts:")
    for name, entry in entries.items():
        own = {key: value for key, value in entry.get("ssh", {}).items() if key not in common}
        shown = {key: value for key, value in entry.items() if key != "ssh"} | ({"ssh": own} if own else {})
        lines.append(f"  {flow(name)}: {flow(shown)}")
    return "\n".join(lines) + "\n"


def variables_text(values: Mapping[str, Any], head: str) -> str:
    """A file of variables.

    Raises:
        CdconfError: It would be read as something else; a bug.
    """
    text = f"{head}\n{dump(values)}"
    if not same(loads(text, "imported"), dict(values)):
        raise CdconfError("an imported file would be read as something else; please report this as a bug")
    return text


def check_free(root: Path, names: list[str]) -> None:
    """Raises `UsageError` when one of the files is there already."""
    there = [name for name in names if os.path.lexists(root / name)]
    if there:
        raise UsageError(
            f"{there[0]} is there already" + (f", and {len(there) - 1} more" if len(there) > 1 else ""),
            hint="nothing was written; import into another environment with --environment NAME",
        )


def write_new(path: Path, text: str) -> None:
    """Writes a file that isn't there yet.

    Raises:
        UsageError: It is, or can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error


def secrets_text(values: Mapping[str, str], recipients: list[Any]) -> str:
    """secrets.yml, encrypted."""
    return "".join(f"{name}: {age.encrypt(values[name], recipients)}\n" for name in sorted(values))


def write_secrets(path: Path, text: str) -> None:
    """Writes secrets.yml, 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, text)
