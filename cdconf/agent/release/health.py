"""Health checks, asked from the host itself: systemd, TCP, HTTP, a command, until all hold at once or time is up."""

import socket
import time

from cdconf.agent import texts
from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed
from cdconf.agent.release import app_services

PAUSE = 0.25  # seconds between two attempts
SAY = 1.0  # seconds between two words about what isn't well yet
STEADY = 2.0  # seconds for which a unit must have been up: one that crashes in a loop is active most of the time
STEADY_AGAIN = 10.0  # the same for one that crashed since it was last started by hand
BODY = 1024 * 1024  # bytes of an answer in which a text is looked for
_SHOWN = 80  # characters of it in a message


def wait(check, within, proceed, say=lambda attempt, left, problem: None):
    """Repeats a check until it succeeds.

    Args:
        check: `{"http": URL, "status": [numbers], "contains": text, "tcp": "address:port", "command": line, "systemd":
            [units]}`, each may lack or be empty; all that's given must hold in one attempt.
        within: Seconds; 0: there's one attempt.
        proceed: Called before each attempt; raises when the run must end.
        say: Told now and then how many attempts failed, how many seconds are left, and what came in place of what.

    Returns:
        `{"waited_s", "attempts"}`.

    Raises:
        Failed: (`release`) With what the last attempt expected, and what came.
    """
    began = said = time.monotonic()
    attempt = 0
    while True:
        proceed()
        attempt += 1
        problem = _attempt(check)
        now = time.monotonic()
        if problem is None:
            return {"waited_s": round(now - began, 2), "attempts": attempt}
        if now - began >= within:
            raise Failed("not healthy{}: {}".format(_after(within, attempt), problem), kind="release")
        if now - said >= SAY:
            said = now
            say(attempt, within - (now - began), problem)
        time.sleep(PAUSE)


def _after(within, attempt):
    return " after {:g} s ({} attempts)".format(within, attempt) if within else ""


def _attempt(check):
    """What isn't as expected, None when all is; the cheap questions first."""
    questions = (
        ("systemd", lambda: _systemd(check["systemd"])),
        ("tcp", lambda: _tcp(check["tcp"])),
        ("http", lambda: _http(check["http"], check.get("status"), check.get("contains"))),
        ("command", lambda: _command(check["command"])),
    )
    for kind, ask in questions:
        problem = ask() if check.get(kind) else None
        if problem is not None:
            return problem
    return None


def _systemd(names):
    try:
        shown = app_services.show(
            names, "LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestampMonotonic"
        )
    except Failed as error:
        return error.text()
    for name, state in shown.items():
        if state["LoadState"] != "loaded":
            return "unit '{}' has no file on this host ({}), expected it to be active".format(name, state["LoadState"])
        if state["ActiveState"] != "active":
            words = (name, state["ActiveState"], state["SubState"], state["Result"])
            return "unit '{}' is {} ({}, {}), expected it to be active".format(*words)
        up = time.monotonic() - int(state["ActiveEnterTimestampMonotonic"] or 0) / 1e6
        restarts = int(state.get("NRestarts") or 0)  # by systemd itself, which counts them since version 235
        steady = STEADY_AGAIN if restarts else STEADY
        if up < steady:
            again = "restarted by systemd (NRestarts={}), ".format(restarts) if restarts else ""
            text = "unit '{}' is {}active for {:.1f} s, expected it to stay so for {:g} s"
            return text.format(name, again, max(0.0, up), steady)
    return None


def _tcp(address):
    name, _, port = address.rpartition(":")
    try:
        socket.create_connection((name.strip("[]"), int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        return "{} gave '{}', expected it to accept a connection".format(address, error)
    return None


def _command(line):
    try:
        result = shell.run(line, timeout=30)
    except Failed as error:
        return "the command `{}` is {}, expected it to end with exit status 0".format(line, error.message)
    if result.status == 0:
        return None
    said = last_lines(result.err or result.out, 1)
    text = "the command `{}` ended with exit status {}, expected 0{}"
    return text.format(line, result.status, ": " + said if said else "")


def _http(url, statuses, contains):
    expected = " or ".join(str(one) for one in statuses) if statuses else "2xx"
    try:
        status, body = _answer(url)
    except (OSError, ValueError) as error:
        return "{} gave '{}', expected {}".format(url, getattr(error, "reason", error), expected)
    if status not in statuses if statuses else not 200 <= status < 300:
        return "{} answered {}{}, expected {}".format(url, status, _quoted(body), expected)
    if contains and contains.encode("utf-8") not in body:
        return "{} answered {}{}, expected '{}' in it".format(url, status, _quoted(body) or " with no body", contains)
    return None


def _answer(url):
    """(status, the beginning of the body); redirects are followed unless they lead nowhere."""
    import http.client
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status, answer.read(BODY)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(BODY)
    except http.client.HTTPException as error:
        raise ValueError("no HTTP: {!r}".format(error))


def _quoted(body):
    line = texts.strip(texts.strip(body.decode("utf-8", "replace")).partition("\n")[0])
    return " with '{}'".format(line[:_SHOWN] + ("…" if len(line) > _SHOWN else "")) if line else ""
