"""Secrets that a command on this machine knows: `pass`, `op`, or one of the operator's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdconf.errors import SecretError, first_line
from cdconf.secrets.sources.source import SecretRequest
from cdconf.secrets.sources.variables import pattern_of

LARGEST = 16 * 1024 * 1024  # bytes that a command may answer
_SAID = 2000  # characters of what it says when it fails


class OwnCommand:
    """`command: [fetch-secrets, "{environment}"]`: called once.

    Its stdin is JSON, `{"project", "environment", "names"}`; it prints a JSON object, name to value, of what it has.
    """

    def __init__(self, given: Any) -> None:
        if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
            raise ValueError("it must be a list: the program and its arguments")
        self._command = list(given)

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`."""
        asked = {"project": wanted.project, "environment": wanted.environment, "names": list(wanted.names)}
        command = [wanted.placed(one, "") for one in self._command]
        text = output(command, json.dumps(asked), wanted.within)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise SecretError(f"`{command[0]}` doesn't answer a JSON object of texts")
        return {name: found[name] for name in wanted.names if found.get(name)}


class OnePassword:
    """`op: "op://Servers/{environment}/{name}"`: one call of `op inject` for all."""

    def __init__(self, given: Any) -> None:
        self._pattern = pattern_of(given, "op://Servers/{environment}/{name}")
        if not self._pattern.startswith("op://"):
            raise ValueError("it must begin with op://")

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`; `op` fails when one of them isn't there."""
        mark = "\x1e"  # between the values, which may have several lines
        asked = mark.join("{{ " + wanted.placed(self._pattern, name) + " }}" for name in wanted.names)
        values = output(["op", "inject"], asked, wanted.within).removesuffix("\n").split(mark)
        if len(values) != len(wanted.names):
            raise SecretError(f"`op inject` gives {len(values)} values for {len(wanted.names)} names")
        return {name: value for name, value in zip(wanted.names, values, strict=True) if value}


class PasswordStore:
    """`pass: "shop/{environment}/{name}"`: the first line of each entry. `pass` knows no call for several."""

    def __init__(self, given: Any) -> None:
        self._pattern = pattern_of(given, "shop/{environment}/{name}")

    def read(self, wanted: SecretRequest) -> Mapping[str, str]:
        """See `Source`."""
        found = {}
        for name in wanted.names:
            entry = wanted.placed(self._pattern, name)
            try:
                found[name] = first_line(output(["pass", "show", "--", entry], "", wanted.within))
            except SecretError as error:
                if "is not in the password store" not in (error.detail or ""):
                    raise
        return {name: value for name, value in found.items() if value}


def output(
    command: Sequence[str],
    text: str,
    within: float,
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    called: str | None = None,
) -> str:
    """What a command prints; what it says on stderr is told when it fails, what it prints never is.

    `called` is the command in errors.

    Raises:
        SecretError: It isn't there, fails, takes too long, or prints what's no text.
    """
    called = called or command[0]
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            capture_output=True,
            timeout=within,
            check=False,
            env=variables,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        hint = "is it waiting for a password? unlock it first, or give it more time with `within`"
        raise SecretError(f"`{called}` hasn't answered within {within:g} s", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SecretError(f"`{called}` can't be started: {reason}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        said = said if len(said) <= _SAID else f"…{said[-_SAID:]}"
        raise SecretError(f"`{called}` failed with exit status {done.returncode}", detail=said or None)
    if len(done.stdout) > LARGEST:
        raise SecretError(f"`{called}` answers more than {LARGEST >> 20} MiB")
    try:
        return done.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"`{called}` answers what isn't UTF-8") from None
