"""The smoke tests' process: it imports pytest once, and forks for each run of tests.

Started by `cdconf.smoke.process` as `python -m cdconf.smoke.ready DESCRIPTOR`. Each request on that socket is a line of
JSON, `{"arguments", "cwd", "environment"}`, with two descriptors: where the tests' output goes, and where the forked
process's id and then its exit status are written, a line each. `user`, `closed` and `own` in it, see
`cdconf.isolation.Rights`, make the fork another user's. It ends when the controller does, and so does the fork.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys

import pytest
import testinfra.backend.base
import testinfra.host  # noqa: F401  what every run of tests needs

import cdconf.smoke.plugin  # noqa: F401
from cdconf.isolation.rights import Rights, become

_CHUNK = 65536  # bytes
_TWO = 2


def _request(requests: socket.socket) -> tuple[bytes, list[int]]:
    """One line, and the descriptors that came with it; nothing once the controller is gone."""
    data, descriptors, _, _ = socket.recv_fds(requests, _CHUNK, _TWO)
    while data and not data.endswith(b"\n"):
        more = requests.recv(_CHUNK)
        if not more:
            return b"", descriptors
        data += more
    return data, descriptors


def _become(request: dict[str, object], output: int) -> None:
    """Makes this fork what `python -m pytest` would be."""
    os.setsid()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  its descriptor is all that's wanted
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    if request.get("user") is not None:
        become(Rights(request["user"], request["closed"], request["own"]))  # type: ignore[arg-type]
    cwd = str(request["cwd"])
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.path.insert(0, cwd)
    sys.argv = ["pytest", *request["arguments"]]  # type: ignore[misc]


def _wait(child: int, requests: socket.socket) -> None:
    """Waits for the end of a fork, or of the controller, which asks for nothing meanwhile: with it the tests end."""
    try:
        ended = os.pidfd_open(child)
    except (AttributeError, OSError):  # an old kernel, or another one
        while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if select.select([requests], [], [], 0.05)[0]:
                break
        else:
            return
    else:
        found = select.select([requests.fileno(), ended], [], [])[0]
        os.close(ended)
        if ended in found:
            return
    os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it hadn't got its session yet
        os.killpg(child, signal.SIGKILL)


def _tell(told: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who was interrupted doesn't listen any more
        os.write(told, f"{number}\n".encode())


def serve(requests: socket.socket) -> int | None:
    """Forks for each request.

    Returns:
        In a fork, the tests' exit status; None once nobody asks any more.
    """
    while True:
        line, descriptors = _request(requests)
        if not line:
            return None
        output, told = descriptors
        child = os.fork()
        if child == 0:
            requests.close()
            os.close(told)
            _become(json.loads(line), output)
            return int(pytest.main())
        os.close(output)
        _tell(told, child)
        _wait(child, requests)
        _, status = os.waitpid(child, 0)
        _tell(told, os.waitstatus_to_exitcode(status))
        os.close(told)


if __name__ == "__main__":
    gc.freeze()  # what's shared stays shared
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1]))))
