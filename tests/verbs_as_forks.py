"""Verbs that a command of cdconf starts, as forks of a process that has imported everything.

`pipeline run` starts each verb of a stage as `python -P -m cdconf.cli.child`, which spends most of its time importing.
Where `tests.prepared` runs the command, another fork of it lies ready: it forks for each verb, and the verb is the
command's own child, with its own session, directory, environment, streams and end. With `TESTS_EXECUTE` in the
environment they're started as users have them: what a test says of modules and paths needs that.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

VARIABLE = "TESTS_EXECUTE"
MODULES = ("cdconf", "cdconf.cli.child")
BIGGEST = 1 << 20  # bytes of a request: arguments and environment
MOST = 16  # descriptors of a verb
_DIES_WITH, _ADOPTS = 1, 36  # of prctl(2): PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER
_LIBC = ctypes.CDLL(None)


class Verbs:
    """The process that forks; it's forked from one that has done nothing yet, and dies with it.

    Args:
        become: Runs a verb in the process in which it's called, and doesn't return; gets a request and the streams.
    """

    def __init__(self, become) -> None:
        self._ours, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        if os.fork() == 0:
            self._ours.close()
            _serve(orders, become)
        orders.close()

    def install(self) -> None:
        """Lets `subprocess.Popen` take verbs from here."""
        execute = subprocess.Popen._execute_child

        def execute_child(process, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest):
            if isinstance(args, list) and args[:3] == [sys.executable, "-P", "-m"] and args[3] in MODULES:
                pipes = stdin, _, _, stdout, _, stderr = rest[3:9]
                process.pid = self._forked(args, pass_fds, cwd, env, (stdin, stdout, stderr), session=rest[14])
                process._child_created = True
                process._close_pipe_fds(*pipes)
                return
            execute(process, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest)

        subprocess.Popen._execute_child = execute_child

    def _forked(self, args, passed, cwd, environment, streams, *, session) -> int:
        """The process id of a new child of this process, which runs a verb."""
        request = {"module": args[3], "arguments": args[4:], "cwd": str(cwd or Path.cwd()), "session": session}
        request |= {"environment": dict(os.environ if environment is None else environment), "passed": list(passed)}
        descriptors = [number if one == -1 else one for number, one in enumerate(streams)]
        with self._lock:
            _LIBC.prctl(_ADOPTS, 1, 0, 0, 0)
            try:
                socket.send_fds(self._ours, [json.dumps(request).encode()], [*descriptors, *passed])
                return int(self._ours.recv(32))
            finally:
                _LIBC.prctl(_ADOPTS, 0, 0, 0, 0)


def _serve(orders, become) -> None:
    _LIBC.prctl(_DIES_WITH, signal.SIGKILL, 0, 0, 0)
    empty = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(empty, number)  # whoever reads what the command says isn't to wait for this process
    os.close(empty)
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, BIGGEST, MOST)
        if not data:
            os._exit(0)
        reader, writer = os.pipe()
        between = os.fork()
        if between == 0:
            pid = os.fork()
            if pid == 0:
                orders.close()
                for one in (reader, writer):
                    os.close(one)
                request = json.loads(data)
                become(request, _placed(descriptors, request["passed"]))
            os.write(writer, str(pid).encode())
            os._exit(0)  # the verb has the command for its parent from here on
        os.close(writer)
        os.waitpid(between, 0)
        with contextlib.suppress(BrokenPipeError):
            orders.send(os.read(reader, 32))
        for one in (reader, *descriptors):
            os.close(one)


def _placed(descriptors, numbers) -> list[int]:
    """Puts what's passed on to the same numbers as in the command; returns the streams."""
    import fcntl

    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 200) for one in descriptors]
    for one in descriptors:
        os.close(one)
    for one, number in zip(high[3:], numbers, strict=True):
        os.dup2(one, number)
        os.close(one)
    return high[:3]
