"""Verbs of cdconf that a stage is made of, each a process of its own: what they do, people could type."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULT = "CDCONF_RESULT"  # see `cli.result_file`
LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class ChildResult:
    """How a verb ended: its exit code (below 0: the signal that killed it), and its JSON document, {} without one."""

    code: int
    document: Mapping[str, Any] = field(default_factory=dict)


class Children:
    """Starts verbs, and ends them all when it's told so. Safe for threads.

    Args:
        root: The checkout that they work in.
        lock: A descriptor that they keep open: its lock is free when the last of them has ended.
    """

    def __init__(self, root: Path, lock: int) -> None:
        self._root = root
        self._lock = lock
        self._guard = threading.Lock()
        self._at_work: set[subprocess.Popen[bytes]] = set()
        self._signal: int | None = None

    def clean(self, arguments: Sequence[str], show: Callable[[str], None]) -> ChildResult:
        """Runs a verb that tidies up, also when all others have been told to end; see `run`."""
        with tempfile.TemporaryDirectory(prefix="cdconf-pipeline-") as folder:
            process = self._start(arguments, Path(folder) / "result.json")
            self._follow(process, show, threading.Event())
            return ChildResult(process.returncode)

    def run(self, arguments: Sequence[str], show: Callable[[str], None], stopped: threading.Event) -> ChildResult:
        """Runs a verb to its end.

        Args:
            arguments: Its command line.
            show: Gets each line that it prints.
            stopped: Whether its stage has been told to end: then nothing is started.
        """
        with tempfile.TemporaryDirectory(prefix="cdconf-pipeline-") as folder:
            result = Path(folder) / "result.json"
            with self._guard:
                if self._signal is not None or stopped.is_set():
                    return ChildResult(130)
                process = self._start(arguments, result)
                self._at_work.add(process)
            try:
                self._follow(process, show, stopped)
            finally:
                with self._guard:
                    self._at_work.discard(process)
            document: dict[str, Any] = {}
            with contextlib.suppress(OSError, ValueError):
                document = json.loads(result.read_text(encoding="utf-8"))
            return ChildResult(process.returncode, document)

    def _start(self, arguments: Sequence[str], result: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cdconf.cli.child", *arguments],  # -P: no module of the commit's is imported
            cwd=self._root,
            env={**os.environ, RESULT: str(result)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C comes from here, once
            pass_fds=(self._lock,),
        )

    def _follow(self, process: subprocess.Popen[bytes], show: Callable[[str], None], stopped: threading.Event) -> None:
        """Passes its lines on until it has ended; tells it when its stage is to end."""
        watching = threading.Thread(target=self._end_when, args=(process, stopped), daemon=True)
        watching.start()
        output = process.stdout
        while output is not None and (line := output.readline(LONGEST_LINE)):
            show(line.decode("utf-8", "replace").rstrip("\r\n"))
        process.wait()
        watching.join()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _end_when(self, process: subprocess.Popen[bytes], stopped: threading.Event) -> None:
        told = False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                return
            if stopped.is_set() and not told:
                told = True
                self._tell(process, self._signal or signal.SIGINT)

    def end(self, number: int = signal.SIGINT) -> None:
        """Tells all to end in order, and lets none begin any more."""
        with self._guard:
            self._signal = number
            for process in self._at_work:
                self._tell(process, number)

    @staticmethod
    def _tell(process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
