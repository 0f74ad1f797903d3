"""Asks a library for secrets in a process of its own: one that waits for a dialog or a server can be ended there.

The process begins in `/`, and imports nothing of the folder that cdconf was started in, which may be a project's.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdconf.errors import SecretError
from cdconf.secrets.sources.commands import output


def ask_apart(source: str, given: Mapping[str, Any], names: Sequence[str], within: float) -> Mapping[str, str]:
    """What `values(given, names)` of a module of this package returns, called in a process of its own.

    Args:
        source: The module's name, which errors tell as well.
        given: Plain data for it.
        names: The secrets' names.
        within: After how many seconds it must have answered.

    Returns:
        The values of those that it has and that aren't empty.

    Raises:
        SecretError: What the function raises; it fails or takes too long.
    """
    question = json.dumps({"given": dict(given), "names": list(names)})
    command = [sys.executable, "-P", "-m", __name__, source]
    answer = json.loads(output(command, question, within, folder=Path("/"), called=source))
    if "error" in answer:
        raise SecretError(answer["error"], hint=answer["hint"])
    found: dict[str, str] = {name: value for name, value in answer["values"].items() if value}
    return found


def _answer(source: str, question: Mapping[str, Any]) -> dict[str, Any]:
    module = importlib.import_module(f"cdconf.secrets.sources.{source}")
    values: Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, str]] = module.values
    try:
        return {"values": dict(values(question["given"], question["names"]))}
    except SecretError as error:
        return {"error": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001  whatever a library or a backend of somebody's raises
        return {"error": f"{type(error).__name__}: {error}"[:300], "hint": None}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(sys.argv[1], json.load(sys.stdin))))
