"""The process that has the project's types: it imports them, and runs their functions when the controller asks.

Started by `cdconf.resources.elsewhere` as `python -m cdconf.resources.hosted`, in a directory with a copy of the
project's `resources/`. Requests are lines of JSON on stdin: `{"load": NAME}`, `{"normalise": NAME, "fields"}`,
`{"paths": NAME, "fields"}`. Before it answers a `normalise`, it may ask itself: `{"ask": METHOD, "words": [...]}`,
which is answered by `{"answer"}` or `{"raise": true}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from cdconf.errors import InvalidFile
from cdconf.resources.discovery import import_spec
from cdconf.resources.spec import ResourceType
from cdconf.resources.values import described, from_json, to_json


class _Raised(Exception):
    """The controller has an error of its own."""


class _Told(InvalidFile):
    """The type's own word that something is wrong."""


class _HostedContext:
    """What `normalise` may ask, asked over there."""

    def __init__(self, hosted: Hosted) -> None:
        self._hosted = hosted

    def __getattr__(self, name: str) -> Any:
        return lambda word: self._hosted.ask(name, word)

    def error(self, message: str, hint: str | None = None) -> InvalidFile:
        """An error that points at the resource."""
        return _Told(message, hint=hint)


class Hosted:
    """Answers requests until there are no more.

    Args:
        asked: Where requests come from.
        told: Where answers go.
    """

    def __init__(self, asked: IO[bytes], told: IO[bytes]) -> None:
        self._asked = asked
        self._told = told
        self._types: dict[str, ResourceType] = {}

    def serve(self) -> None:
        """Answers them."""
        for line in self._asked:
            self._tell(self._answer(json.loads(line)))

    def ask(self, method: str, word: str) -> Any:
        """What the controller's compiler says."""
        self._tell({"ask": method, "words": [word]})
        answer = json.loads(self._asked.readline())
        if "answer" not in answer:
            raise _Raised
        found = from_json(answer["answer"])
        if method == "source_directory":
            return {path: (data, executable) for path, (data, executable) in found.items()}
        return found

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "load" in request:
            return self._load(request["load"])
        try:
            if "paths" in request:
                return {"done": to_json(self._types[request["paths"]].paths(from_json(request["fields"])))}  # type: ignore[misc]
            kind = self._types[request["normalise"]]
            return {"done": to_json(kind.normalise(from_json(request["fields"]), _HostedContext(self)))}  # type: ignore[misc]
        except _Raised:
            return {"raised": True}
        except InvalidFile as error:
            return {"error": error.message, "hint": error.hint}
        except Exception as error:  # noqa: BLE001  whatever it is, it's the type's
            return {"bug": f"{type(error).__name__}: {error}"}

    def _load(self, name: str) -> dict[str, Any]:
        try:
            found = getattr(import_spec(name, Path("resources") / name / "spec.py"), "TYPE", None)
        except InvalidFile as error:
            return {"error": error.message, "line": error.line}
        if not isinstance(found, ResourceType) or found.name != name:
            return {"error": f"must define TYPE, a ResourceType named '{name}'", "line": 1}
        self._types[name] = found
        has = [one for one in ("normalise", "paths") if getattr(found, one) is not None]
        return {"type": described(found), "has": has}

    def _tell(self, answer: dict[str, Any]) -> None:
        self._told.write(json.dumps(answer).encode() + b"\n")
        self._told.flush()


if __name__ == "__main__":
    # What a type prints isn't an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Hosted(sys.stdin.buffer, answers).serve()
