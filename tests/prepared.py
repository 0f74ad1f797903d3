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
import select
import selectors
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

from tests import verbs_as_forks
from tests.hostile import hasty

BIGGEST = 1 << 20  # bytes of a request: arguments and environment
BEHIND = "TESTS_CLOCK_BEHIND"  # an environment variable: by how many seconds the command's clock is behind
# What cdconf imports when it's needed, and `import cdconf` doesn't.
LATER = (
    *("docker", "psycopg", "pyfastcdc", "pyrage", "s3fs"),
    *("testinfra.modules.file", "testinfra.modules.service", "testinfra.modules.systeminfo"),
    *("sqlalchemy", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite"),
)
SERVER = "from tests.prepared import serve; serve({})"


class Prepared:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, "-c", SERVER.format(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        """Ends it."""
        self._ours.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # a fork of this process has its socket as well
            self.process.kill()
            self.process.wait()

    def run(self, arguments, cwd, environment, timeout) -> "Ended":
        """Runs a command line to its end, as `subprocess.run` does; its output is text.

        Raises:
            AssertionError: It took longer than `timeout` seconds, and was killed; with what it had said.
        """
        with (
            Path(os.devnull).open("rb") as empty,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            self._forked(arguments, cwd, environment, [empty, out, err]) as told,
        ):
            code = _ended(told, timeout)
            texts = [_text(file) for file in (out, err)]
            assert code is not None, f"{arguments} took longer than {timeout} s:\n" + "\n".join(texts)
            return Ended(arguments, code, *texts, memory=int(told.readline()) // 1024)

    def begin(self, arguments, cwd, environment, streams) -> "Begun":
        """Starts a command line, as `subprocess.Popen` does.

        Args:
            arguments: Of `cdconf`.
            cwd: Its directory.
            environment: Its environment, whole.
            streams: stdin, stdout and stderr: an open file, or a constant of `subprocess`; text is UTF-8.
        """
        ours, theirs = [], []
        for number, stream in enumerate(streams):
            if stream == subprocess.PIPE:
                ends = os.pipe()
                ours.append(os.fdopen(ends[number == 0], "w" if number == 0 else "r"))
                theirs.append(os.fdopen(ends[number != 0], "rb" if number == 0 else "wb"))
                continue
            ours.append(None)
            if stream == subprocess.DEVNULL:
                theirs.append(os.fdopen(os.open(os.devnull, os.O_RDWR), "r+b", buffering=0))
            else:
                same = theirs[1] if stream == subprocess.STDOUT else stream
                theirs.append(os.fdopen(os.dup(same.fileno()), "rb" if number == 0 else "wb"))
        told = self._forked(arguments, cwd, environment, theirs)
        for one in theirs:
            one.close()
        return Begun(arguments, told, *ours)

    def _forked(self, arguments, cwd, environment, streams):
        """The pipe on which the process tells its id, and its exit code."""
        request = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
        reader, writer = os.pipe()
        try:
            self.ask(request, [*(one.fileno() for one in streams), writer])
        finally:
            os.close(writer)
        return os.fdopen(reader, "rb", buffering=0)  # its two lines are awaited apart

    def ask(self, request, descriptors) -> None:
        """Has a command line run.

        Args:
            request: What's run: `arguments`, `cwd` and `environment`.
            descriptors: stdin, stdout, stderr, and where it's told what `Child` tells.
        """
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(request).encode()], descriptors)


class Ended(subprocess.CompletedProcess):
    """How a command ended.

    Attributes:
        memory: MiB that its process had at most, of which most are shared with the one that forks.
    """

    def __init__(self, arguments, code, stdout, stderr, *, memory) -> None:
        super().__init__(arguments, code, stdout, stderr)
        self.memory = memory


class Begun:
    """A command that was begun: what tests use of `subprocess.Popen`."""

    def __init__(self, args, told, stdin, stdout, stderr) -> None:
        self.args, self.stdin, self.stdout, self.stderr = args, stdin, stdout, stderr
        self.pid = int(told.readline())
        self.returncode = None
        self._told = told

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.communicate()

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0)
        return self.returncode

    def wait(self, timeout=None) -> int:
        """The exit code, once it has ended; raises `TimeoutExpired`."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            with self._told:
                self.returncode = int(self._told.readline())
        return self.returncode

    def send_signal(self, number) -> None:
        """Sends it, unless the process has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, input=None, timeout=None):  # noqa: A002  the name that Popen gives it
        """Writes the input, and reads what's left to read; raises `TimeoutExpired`."""
        if self.stdin:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                self.stdin.write(input or "")
        readers = [_Reader(one) for one in (self.stdout, self.stderr)]
        self.wait(timeout)
        return tuple(one.all() for one in readers)


class _Reader(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, stream) -> None:
        super().__init__(daemon=True)
        self._stream, self._text = stream, None
        self.start()

    def run(self) -> None:
        if self._stream and not self._stream.closed:
            with self._stream:
                self._text = self._stream.read()

    def all(self) -> str | None:
        self.join()
        return self._text


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
    """The one of this process, which ends it."""
    one = Prepared()
    atexit.register(one.close)
    return one


def import_all() -> None:
    """All that commands and smoke tests import, and what they make of cdconf's own files."""
    from _pytest.config import default_plugins

    import cdconf

    for module in pkgutil.walk_packages(cdconf.__path__, "cdconf."):
        if ".agent" not in module.name and module.name != "cdconf.__main__":
            importlib.import_module(module.name)
    for name in (*LATER, *(f"_pytest.{one}" for one in default_plugins)):
        importlib.import_module(name)
    from cdconf.resources.discovery import Types
    from cdconf.session.bundle import bundle

    list(Types().values())
    bundle()  # the next ones in this process take what it has made of cdconf's own sources


def serve(descriptor) -> None:
    """Forks for each request, until there's nobody left to ask."""
    import_all()
    from cdconf.smoke.process import Pytest

    # What's shared stays shared, and pytest's own collections of garbage at its end don't look at it.
    gc.freeze()
    Pytest._launched = ReadyTests().launched
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and they end this
    requests = socket.socket(fileno=descriptor)
    with selectors.DefaultSelector() as ready:
        ready.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.data is not None:
                    ready.unregister(key.fileobj)
                    key.data.tell()
                    continue
                data, descriptors, _, _ = socket.recv_fds(requests, BIGGEST, 4)
                if not data:
                    return
                child = _forked(json.loads(data), descriptors, ready)
                ready.register(child.ended, selectors.EVENT_READ, child)


class Child:
    """A command that runs, and who wants to know its process id and how it ends."""

    def __init__(self, pid, told) -> None:
        self.ended = os.pidfd_open(pid)
        self._pid, self._told = pid, told
        self._say(pid)

    def tell(self) -> None:
        """Says how it ended, and how many KiB it had at most."""
        _, status, used = os.wait4(self._pid, 0)
        self._say(os.waitstatus_to_exitcode(status))
        self._say(used.ru_maxrss)
        self.close()

    def close(self) -> None:
        for one in (self.ended, self._told):
            os.close(one)

    def _say(self, number) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._told, f"{number}\n".encode())


def _forked(request, descriptors, ready) -> Child:
    """Runs a command; `ready` knows what's open of other commands."""
    *streams, told = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(told)
        for key in list(ready.get_map().values()):
            (key.data or key.fileobj).close()
        ready.close()
        _run(request, streams)
    for one in streams:
        os.close(one)
    return Child(pid, told)


class ReadyTests:
    """A process that has imported what smoke tests need; it becomes, as forks, what runs those of each command."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            self._ours.close()
            _fork_tests(theirs)
        theirs.close()

    def launched(self, requests: socket.socket) -> "ReadyTests":
        """Stands for `Pytest._launched`: its requests are another process's now."""
        socket.send_fds(self._ours, [b"fork"], [requests.fileno()])
        return self

    def poll(self) -> None:
        """It never ends before the command does."""

    wait = kill = poll


def _fork_tests(orders: socket.socket) -> NoReturn:
    from cdconf.smoke.ready import serve as serve_tests

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, 16, 1)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            orders.close()
            os.setsid()
            with socket.socket(fileno=descriptors[0]) as requests:
                status = serve_tests(requests)
            # The end of an interpreter, as below.
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            os._exit(status or 0)
        os.close(descriptors[0])


def _set_clock(behind) -> None:
    """Puts this process's clock back by so many seconds, as that of a laptop may be."""
    if behind:
        now = time.time
        time.time = lambda: now() - behind


def _know_soon_what_is_nowhere() -> None:
    """Nothing answers at the addresses of documentation (RFC 5737); commands don't wait ten seconds to learn it."""
    connect = socket.create_connection

    def create_connection(address, timeout=None, **options):
        return connect(address, 0.1 if address[0].startswith("192.0.2.") else timeout, **options)

    socket.create_connection = create_connection


def _run(request, descriptors) -> NoReturn:
    from cdconf.cli import child, main

    if request.get("session"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.register(signal.SIGUSR1)
    for number, one in enumerate(descriptors):
        os.dup2(one, number)
        os.close(one)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    _set_clock(float(os.environ.get(BEHIND, "0")))
    _know_soon_what_is_nowhere()
    os.fsync = lambda descriptor: None  # what outlives a loss of power is nothing that tests of commands could see
    if os.environ.get(hasty.VARIABLE):
        hasty.be_hasty()
    tempfile.tempdir = None
    sys.argv = ["cdconf", *request["arguments"]]
    if request["arguments"][:1] == ["pipeline"] and not os.environ.get(verbs_as_forks.VARIABLE):
        verbs_as_forks.Verbs(_run).install()
    code = 1
    try:
        (child.main if request.get("module") == "cdconf.cli.child" else main.run)()
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
