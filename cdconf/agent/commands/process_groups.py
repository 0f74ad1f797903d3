"""Starts commands in process groups of their own, and takes what they print as it comes.

A command has ended when its own process has: what it has left running may keep its output open for as long as it
likes. A cat(1) then reads that output in place of the agent, so that who prints there neither ends of it nor waits.
"""

import os
import selectors
import signal
import subprocess
import time

from cdconf.agent.commands.identity import as_user, environment
from cdconf.agent.errors import Failed, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO

    from cdconf.agent.data.values import Process

CHUNK = 64 * 1024
LIMIT = 16 * 1024 * 1024  # bytes of a command's output that are kept: its last ones
STEP = 0.05  # seconds: how soon an end, a stop or a time limit is seen
GRACE = 0.5  # seconds between asking a group to end and killing it
ROUNDS = 32  # reads after a command's end: more than a pipe holds, so that nothing of its own is lost


def start(
    argv: "Sequence[str]",
    has_input: "bool" = False,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "Process":
    """The process of a command, with pipes for its output, and for its input if it has one.

    Raises:
        Missing: The program, the directory or the user doesn't exist.
        Failed: It can't be started.
    """
    variables, become = dict(env or {}), None
    if user is not None:
        become, home = as_user(user)
        for name, value in (("HOME", home), ("USER", user), ("LOGNAME", user)):
            variables.setdefault(name, value)
    try:
        return subprocess.Popen(  # type: ignore[return-value]  # its output is piped
            argv,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(variables),
            cwd=cwd or "/",
            preexec_fn=become,
            start_new_session=True,
        )
    except FileNotFoundError:
        if cwd is not None and not os.path.isdir(cwd):
            raise Missing("directory", cwd)
        raise Missing("program", argv[0])
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed("can't start {}: {}".format(argv[0], error), command=" ".join(argv))


def pump(
    process: "Process",
    data: "bytes | None",
    take: "Callable[[str, bytes], None]",
    proceed: "Callable[[], None]",
    linger: "float" = 0.0,
) -> "int":
    """Feeds a command and takes its output, until it has ended; returns its status, negative for a signal.

    Args:
        process: From `start`.
        data: Bytes for its input, or None.
        take: Called with `out` or `err` and some bytes.
        proceed: Called now and then while it runs; what it raises ends the wait, but not the command: see `end`.
        linger: Seconds for which what it has left running is still listened to.
    """
    with selectors.DefaultSelector() as selector:
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, name)
        feed = _Feed(process.stdin, data, selector) if process.stdin and data is not None else None
        while process.poll() is None and selector.get_map():
            _exchange(selector, feed, take, STEP)
            proceed()
        _last_words(selector, take, proceed, linger)
    while process.poll() is None:  # it has closed its output and works on
        proceed()
        try:
            process.wait(STEP)
        except subprocess.TimeoutExpired:
            pass
    return process.returncode


def _is_watched(selector: "selectors.BaseSelector") -> "bool":
    """Whether there may be more output."""
    return any(key.data != "in" for key in selector.get_map().values())


def _exchange(
    selector: "selectors.BaseSelector", feed: "_Feed | None", take: "Callable[[str, bytes], None]", wait: "float"
) -> "bool":
    """Takes and gives what's ready within some seconds; False when nothing was."""
    ready = selector.select(wait)
    for key, _ in ready:
        if feed is not None and key.data == "in":
            feed.go_on()
            continue
        chunk = os.read(key.fd, CHUNK)
        if chunk:
            take(key.data, chunk)
        else:
            selector.unregister(key.fileobj)
    return bool(ready)


def _last_words(
    selector: "selectors.BaseSelector",
    take: "Callable[[str, bytes], None]",
    proceed: "Callable[[], None]",
    linger: "float",
) -> "None":
    """Takes what a command printed before its end, and what comes for some seconds from what it has left running."""
    for key in list(selector.get_map().values()):
        if key.data == "in":
            selector.unregister(key.fileobj)
    until = time.monotonic() + linger
    while _is_watched(selector) and time.monotonic() < until:
        _exchange(selector, None, take, STEP)
        proceed()
    for _ in range(ROUNDS):
        if not _is_watched(selector) or not _exchange(selector, None, take, 0):
            return


class _Feed(object):
    """What a command still has to get; a command needn't want all of it."""

    def __init__(self, stream: "IO[bytes]", data: "bytes", selector: "selectors.BaseSelector") -> "None":
        self.stream, self.left, self.selector = stream, memoryview(data), selector
        os.set_blocking(stream.fileno(), False)
        selector.register(stream, selectors.EVENT_WRITE, "in")

    def go_on(self) -> "None":
        try:
            self.left = self.left[os.write(self.stream.fileno(), self.left[:CHUNK]) :] if self.left else self.left
        except BlockingIOError:
            return
        except OSError:
            self.left = self.left[:0]
        if not self.left:
            self.selector.unregister(self.stream)
            self.stream.close()


def end(process: "Process", grace: "float" = GRACE) -> "None":
    """Ends a command that still runs with its whole group: asks, and kills whoever is left."""
    if process.poll() is not None:
        return
    deadline = time.monotonic() + grace
    alive = _signal(process, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        process.poll()  # a process that nobody asks for is still a member of its group
        alive = _signal(process, 0)
    _signal(process, signal.SIGKILL)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass  # the kernel has it, in a file system that doesn't answer for example


def _signal(process: "Process", number: "int") -> "bool":
    """Whether the group has somebody who got it."""
    try:
        os.killpg(process.pid, number)
    except OSError:
        return False
    return True


def leave(process: "Process") -> "None":
    """Closes the pipes of a command that has ended; what's left of it prints into nothing from now on."""
    if process.stdin:
        try:
            process.stdin.close()
        except OSError:
            pass
    for stream in (process.stdout, process.stderr):
        with stream:
            if _is_open(stream.fileno()):
                os.set_blocking(stream.fileno(), True)
                # The shell ends at once, so that cat is nobody's child; in the background it would read /dev/null.
                line = ["/bin/sh", "-c", "exec 3<&0; cat <&3 >/dev/null 2>&1 &"]
                null = subprocess.DEVNULL
                subprocess.call(
                    line, stdin=stream, stdout=null, stderr=null, env=environment(), cwd="/", start_new_session=True
                )


def _is_open(descriptor: "int") -> "bool":
    """Whether somebody still has a pipe's other end."""
    try:
        return all(os.read(descriptor, CHUNK) for _ in range(ROUNDS))
    except BlockingIOError:
        return True


class Tail(object):
    """The last bytes of an output.

    Args:
        limit: How many are kept.
    """

    def __init__(self, limit: "int" = LIMIT) -> "None":
        self.limit, self.size = limit, 0
        self.chunks: "list[bytes]" = []

    def add(self, chunk: "bytes") -> "None":
        self.chunks.append(chunk)
        self.size += len(chunk)
        if self.size > 2 * self.limit:
            self.chunks = [self.data()]
            self.size = self.limit

    def data(self) -> "bytes":
        return b"".join(self.chunks)[-self.limit :]
