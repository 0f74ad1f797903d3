"""Health checks, asked from the host itself: HTTP, TCP, a command, until one succeeds or time is up."""

import socket
import time

from cdconf.agent.base import Failed, last_lines, run

PAUSE = 0.25


def wait(check, within, proceed):
    """Repeats a check until it succeeds.

    Args:
        check: `{"http": URL}`, `{"tcp": "address:port"}` or `{"command": line}`; others None.
        within: Seconds.
        proceed: Called before each attempt; raises when the run must end.

    Returns:
        `{"waited_s"}`.

    Raises:
        Failed: (`release`) With what the last attempt said.
    """
    began = time.monotonic()
    while True:
        proceed()
        problem = _attempt(check)
        waited = time.monotonic() - began
        if problem is None:
            return {"waited_s": round(waited, 2)}
        if waited >= within:
            raise Failed("not healthy after {:g} s: {}".format(within, problem), kind="release")
        time.sleep(PAUSE)


def _attempt(check):
    if check.get("http"):
        return _http(check["http"])
    if check.get("tcp"):
        return _tcp(check["tcp"])
    try:
        result = run(["/bin/sh", "-c", check["command"]], timeout=30)
    except Failed as error:
        return error.message
    return None if result.status == 0 else "{} (exit status {})".format(last_lines(result.err, 1), result.status)


def _http(url):
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return None if 200 <= answer.status < 300 else "{} answered {}".format(url, answer.status)
    except urllib.error.HTTPError as error:
        body = error.read(200).decode("utf-8", "replace").strip().splitlines()
        return "{} answered {}{}".format(url, error.code, ": " + body[0] if body else "")
    except (OSError, ValueError) as error:
        return "{}: {}".format(url, getattr(error, "reason", error))


def _tcp(address):
    name, _, port = address.rpartition(":")
    try:
        socket.create_connection((name, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        return "{}: {}".format(address, error)
    return None
