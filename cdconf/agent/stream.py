"""Runs a command and sends what it prints as it comes: for people who watch, and for logs that never end."""

import os
import selectors
import signal
import subprocess
import threading
import time

from cdconf.agent.apply import Stopped
from cdconf.agent.base import Failed, Missing, as_user, environment

CHUNK = 64 * 1024
STEP = 0.25  # how soon a stop is heard
LINGER = 1.0  # how long what a finished command left behind may still print
GRACE = 5.0  # between asking a command to end and killing it


def stream(agent, command, user=None, data=None, timeout=None, endless=False):
    """Runs a command line by /bin/sh; its output is sent as events `{"out": bytes}` and `{"err": bytes}`.

    A stop ends the command with its children. When the controller is gone, an `endless` command is ended as well;
    any other runs on to its end, since it may be in the middle of a change.

    Args:
        agent: Whose events these are.
        command: The command line.
        user: Who runs it.
        data: Bytes for its stdin, which is empty without.
        timeout: Seconds after which it's killed.
        endless: Whether it's only there to be watched.

    Returns:
        `{"status"}`, negative for a signal.
    """
    process = _start(command, user, data is not None)
    if data is not None:
        feeder = threading.Thread(target=_feed, args=(process.stdin, data))
        feeder.daemon = True
        feeder.start()
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        _pump(agent, process, deadline, endless)
        return {"status": process.wait()}
    finally:
        _end(process)
        process.stdout.close()
        process.stderr.close()


def _start(command, user, has_input):
    become, variables = None, {}
    if user is not None:
        become, home = as_user(user)
        variables = {"HOME": home, "USER": user, "LOGNAME": user}

    def child():
        os.setsid()
        if become is not None:
            become()

    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(variables),
            cwd="/",
            preexec_fn=child,
        )
    except FileNotFoundError:
        raise Missing("program", "/bin/sh")
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed("can't start the command: {}".format(error), command=command)


def _feed(stdin, data):
    try:
        stdin.write(data)
    except (OSError, ValueError):
        pass  # it doesn't want all of it
    try:
        stdin.close()
    except (OSError, ValueError):
        pass  # what it didn't want can't be flushed


def _pump(agent, process, deadline, endless):
    """Sends output until the command has ended and nothing more comes."""
    ended = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "out")
        selector.register(process.stderr, selectors.EVENT_READ, "err")
        while selector.get_map():
            for key, _ in selector.select(STEP):
                chunk = os.read(key.fd, CHUNK)
                if chunk:
                    agent.event({key.data: chunk})
                else:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            if ended is None and process.poll() is not None:
                ended = now
            if ended is not None and now - ended > LINGER:
                return  # a daemon that it started keeps its output open
            if agent.stopping or (agent.gone and endless):
                raise Stopped("stopped by the controller")
            if deadline is not None and now > deadline and ended is None:
                raise Failed("still running after its time limit, killed")
    while process.poll() is None:  # it closed its output and works on
        time.sleep(0.02)
        if agent.stopping or (deadline is not None and time.monotonic() > deadline):
            raise (
                Stopped("stopped by the controller")
                if agent.stopping
                else Failed("still running after its time limit, killed")
            )


def _end(process):
    """Ends a command that still runs, with all of its process group."""
    if process.poll() is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process, number):
    try:
        os.killpg(process.pid, number)
    except OSError:
        process.send_signal(number)
