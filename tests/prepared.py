"""cdconf's command line in processes of its own that have imported everything already.

`python -m cdconf` spends most of its time importing. Here one process imports all of cdconf once, and forks for each
command: that's a whole process, with its own directory, environment, signals and end. What a test measures of start-up
or does with a terminal takes `python -m cdconf` itself.
"""

import atexit
import contextlib
import faulthandler
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

BIGGEST = 1 << 20  # bytes of a request: arguments and environment
SERVER = "from tests.prepared import serve; serve({})"


class Prepared:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, "-c", SERVER.format(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    def run(self, arguments, cwd, environment, timeout) -> subprocess.CompletedProcess:
        """Runs a command line to its end, as `subprocess.run` does; its output is text.

        Raises:
            AssertionError: It took longer than `timeout` seconds, and was killed; with what it had said.
        """
        request = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
        reader, writer = os.pipe()
        with (
            Path(os.devnull).open("rb") as empty,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            os.fdopen(reader) as told,
        ):
            descriptors = [empty.fileno(), out.fileno(), err.fileno(), writer]
            try:
                with self._lock:
                    socket.send_fds(self._ours, [json.dumps(request).encode()], descriptors)
            finally:
                os.close(writer)
            code = _ended(told, timeout)
            texts = [_text(file) for file in (out, err)]
        assert code is not None, f"{arguments} took longer than {timeout} s:\n" + "\n".join(texts)
        return subprocess.CompletedProcess(arguments, code, *texts)


def _ended(told, timeout) -> int | None:
    """The exit code; None of a process that was killed since it took too long, after it said what its threads do."""
    pid = int(told.readline())
    overdue = threading.Event()

    def kill():
        overdue.set()
        for number in (signal.SIGUSR1, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            time.sleep(1)

    timer = threading.Timer(timeout, kill)
    timer.start()
    try:
        code = int(told.readline())
    finally:
        timer.cancel()
    return None if overdue.is_set() else code


def _text(file) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


@functools.cache
def prepared() -> Prepared:
    """The one of this process."""
    return Prepared()


def serve(descriptor) -> None:
    """Forks for each request, until there's nobody left to ask."""
    import cdconf

    for module in pkgutil.walk_packages(cdconf.__path__, "cdconf."):
        if ".agent" not in module.name and module.name not in {"cdconf.__main__", "cdconf.smoke.plugin"}:
            importlib.import_module(module.name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and they end this
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    gc.freeze()  # what's shared stays shared
    requests = socket.socket(fileno=descriptor)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, BIGGEST, 4)
        if not data:
            return
        if os.fork() == 0:
            requests.close()
            _wait(json.loads(data), descriptors)
        for one in descriptors:
            os.close(one)


def _wait(request, descriptors) -> NoReturn:
    """Runs a command, and tells its process id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told = descriptors.pop()
    child = os.fork()
    if child == 0:
        os.close(told)
        _run(request, descriptors)
    os.write(told, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(request, descriptors) -> NoReturn:
    from cdconf.cli.main import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.register(signal.SIGUSR1)
    for number, one in enumerate(descriptors):
        os.dup2(one, number)
        os.close(one)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv = ["cdconf", *request["arguments"]]
    code = 1
    try:
        run()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  what an interpreter does with it
        traceback.print_exc()
    # The end of an interpreter, but for the modules that it takes apart one by one.
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
