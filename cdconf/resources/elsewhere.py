"""The project's own types, whose code runs in another process, as a user who can't reach any key.

That process (`cdconf.resources.hosted`) has a copy of `resources/`. It's asked by lines of JSON; its answers are data,
and never run.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError, InvalidFile
from cdconf.inside import leads_outside
from cdconf.isolation import Account, account
from cdconf.isolation.copies import copy
from cdconf.resources.spec import Context, Fields, ResourceType
from cdconf.resources.values import from_json, to_json, type_of

_ASKED = ("template", "source_file", "source_directory", "condition")


class Broken(Exception):
    """What the type's code did wrong; `line` of its spec.py, if it's known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Elsewhere:
    """The process; it's started when it's first needed.

    Args:
        root: The project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ask: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    def go_through(self, ask: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        """In a fork, which may be killed at any time: its questions are asked by whom it was forked by."""
        self._ask = ask
        self._lock = threading.RLock()  # the other may be held by a thread that's not in the fork

    def held(self) -> contextlib.AbstractContextManager[Any]:
        """While a fork asks, nobody else does: the process may ask back, and expects the answer then."""
        return self._lock

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A fork's question, asked for it."""
        with self._lock:
            if "started" in request:
                return {"started": self._started()}
            return self._asked(request)

    def load(self, name: str) -> ResourceType | None:
        """A type; None where nothing can be run as another user.

        Raises:
            Broken: Its spec.py can't be imported, or defines no such type.
        """
        with self._lock:
            if not self._started():
                return None
            answer = self._asked({"load": name})
            if "type" not in answer:
                raise Broken(str(answer.get("error")), answer.get("line"))
            has = answer.get("has")
            functions = {
                one: functools.partial(getattr(self, f"_{one}"), name)
                for one in ("normalise", "paths")
                if isinstance(has, list) and one in has
            }
            try:
                return type_of(answer["type"], functions)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                raise Broken(f"isn't a type: {error}") from error

    def _normalise(self, name: str, fields: Fields, context: Context) -> Fields:
        with self._lock:
            failure: list[CdconfError] = []
            self._started()
            answer = self._asked({"normalise": name, "fields": to_json(fields)})
            while "ask" in answer:
                answer = self._asked(_answered(answer, context, failure))
        if answer.get("raised") and failure:
            raise failure[-1]
        if "error" in answer:
            hint = answer.get("hint")
            raise context.error(str(answer["error"]), None if hint is None else str(hint))
        found = from_json(answer.get("done"))
        if not isinstance(found, dict):
            raise context.error(f"the type '{name}' fails: {answer.get('bug', 'it gives no fields')}")
        return found

    def _paths(self, name: str, fields: Fields) -> list[str]:
        with self._lock:
            self._started()
            found = from_json(self._asked({"paths": name, "fields": to_json(fields)}).get("done"))
        return [str(one) for one in found] if isinstance(found, list) else []

    def _started(self) -> bool:
        """Starts it, unless it runs; a fork of this process gets one of its own, or goes through this one."""
        if self._ask is not None:
            return bool(self._ask({"started": None})["started"])
        if self._pid == os.getpid():
            return self._process is not None
        stack = contextlib.ExitStack()
        who = stack.enter_context(account("types", [self._root]))
        self._pid = os.getpid()
        self._process = _launched(who, self._root) if who.isolated else None
        weakref.finalize(self, _close, stack, self._process, self._pid)
        return who.isolated

    def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._ask is not None:
            return self._ask(request)
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise InvalidFile("the project's types have no process", file="resources")
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            message = "the process of the project's types has ended, or sends what it shouldn't"
            raise InvalidFile(message, file="resources")
        return answer


def _answered(asked: Mapping[str, Any], context: Context, failure: list[CdconfError]) -> dict[str, Any]:
    """What the compiler says; of what it raises, the other process learns only that."""
    method, words = asked["ask"], asked.get("words")
    if method not in _ASKED or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return {"raise": True}
    try:
        return {"answer": to_json(getattr(context, method)(*words[:1]))}
    except CdconfError as error:
        failure.append(error)
        return {"raise": True}


def _launched(who: Account, root: Path) -> subprocess.Popen[bytes]:
    _copy_types(root / "resources", who.home / "project" / "resources")
    who.give(who.home / "project")
    # -P: what lies in the current directory isn't what's imported.
    command = [sys.executable, "-P", "-m", "cdconf.resources.hosted"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return who.start(command, who.home / "project", {}, **pipes)


def _copy_types(resources: Path, target: Path) -> None:
    """Each type's folder and what's beside them; either may be a link, as the loader follows it.

    A commit can have a link to anything, so nothing comes along that isn't a type's, or isn't of the project:
    `resources -> .` shows no keys.
    """
    target.mkdir(parents=True)
    for path in sorted(resources.iterdir()):
        if not path.name.startswith(".") and ((path / "spec.py").is_file() or path.suffix == ".py"):
            if leads_outside(path, resources.parent) is not None:
                continue
            real = path.resolve()
            copy(real, target / path.name, real, dots=False)


def _close(stack: contextlib.ExitStack, process: subprocess.Popen[bytes] | None, pid: int) -> None:
    """Ends what this process has started; a fork of it leaves that alone."""
    if pid != os.getpid():
        return
    if process is not None:
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
    stack.close()
    if process is not None:
        process.wait()
