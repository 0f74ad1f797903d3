"""`python -m cdconf.notify.receiver`: brings one message to one receiver, and says what came of it.

It reads JSON from stdin, since a URL in an argument would be in the process list: `{"url", "title", "body",
"severity"}` or `{"ping"}`, and `within` where the receiver has other than 10 s. It writes `{"outcome", "why"}` to
stdout. A receiver that keeps it waiting ends it by the alarm. Only here Apprise is imported. What Apprise logs may hold
URLs, so `why` comes from this file alone.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any, Literal

WITHIN = 10.0  # seconds that a receiver may take
SHORTER = 0.9  # of that, a library waits by itself, where it can
# sent; refused: it said no; unreachable: it got nothing; unanswered: nobody knows; missing: there's no Apprise here
Outcome = Literal["sent", "refused", "unreachable", "unanswered", "missing"]
UNANSWERED = "it gave no answer in time"
_REASONS: tuple[tuple[str, Outcome, str], ...] = (
    (r"connection refused", "unreachable", "the connection was refused"),
    (r"name.?resolution|name or service not known|gaierror|nodename", "unreachable", "its name can't be resolved"),
    (r"network is unreachable|no route to host", "unreachable", "there's no way to it in the network"),
    (r"connecttimeout|connect timeout", "unreachable", "no connection came about"),
    (r"certificate|sslerror|ssl:", "unreachable", "its TLS certificate isn't trusted, or it doesn't speak TLS"),
    (r"read timed out|timed out|timeout", "unanswered", UNANSWERED),
    (r"connection aborted|disconnected|connection reset|unexpectedly closed", "unanswered", "it closed the connection"),
    (r"authentication|login", "refused", "the login was refused"),
)
_STATUS = re.compile(r"\berror=(\d{3})\b")


def outcome_of(log: str) -> tuple[Outcome, str]:
    """What became of a message, by what Apprise has logged; the reason quotes nothing of it.

    Args:
        log: Lines; those that show what was sent are left out.
    """
    lines = "\n".join(line for line in log.splitlines() if "ayload" not in line)
    status = _STATUS.search(lines)
    if status is not None:
        return "refused", f"it answered with HTTP {status[1]}"
    for pattern, outcome, why in _REASONS:
        if re.search(pattern, lines, re.IGNORECASE):
            return outcome, why
    return "refused", "it didn't take the message"


def notify(request: Mapping[str, Any], within: float) -> tuple[Outcome, str]:
    """Sends a message by Apprise."""
    try:
        import apprise
    except ImportError:
        return "missing", "Apprise isn't installed here"
    asset = apprise.AppriseAsset(app_id="cdconf", app_desc="cdconf", secure_logging=True, async_mode=False)
    receiver = apprise.Apprise(asset=asset)
    if not receiver.add(request["url"]):
        return "refused", "Apprise doesn't understand the URL of this target"
    for one in receiver:
        one.socket_connect_timeout = one.socket_read_timeout = within * SHORTER
    _set_alarm(within)
    with apprise.LogCapture(level=10, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
        is_sent = receiver.notify(
            body=request["body"] or request["title"], title=request["title"], notify_type=request["severity"]
        )
        return ("sent", "") if is_sent else outcome_of(log.getvalue())


def ping(url: str, within: float) -> tuple[Outcome, str]:
    """Asks for a URL, by GET."""
    import http.client
    import urllib.error
    import urllib.request

    _set_alarm(within)
    request = urllib.request.Request(url, headers={"User-Agent": "cdconf"})  # noqa: S310  http or https, see `keys`
    try:
        with urllib.request.urlopen(request, timeout=within * SHORTER) as answer:  # noqa: S310
            answer.read(1024)
    except urllib.error.HTTPError as error:
        return "refused", f"it answered with HTTP {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return outcome_of(repr(error))
    return "sent", ""


def _set_alarm(within: float) -> None:
    """From now on the receiver's time runs; the system ends this process, whatever it hangs in."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, within)


def main() -> None:
    """Does what stdin says."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the URL
    answer = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what a library prints belongs to nobody
    os.dup2(null, 2)
    request = json.load(sys.stdin)
    within = float(request.get("within", WITHIN))
    try:
        outcome, why = ping(request["ping"], within) if "ping" in request else notify(request, within)
    except Exception as error:  # noqa: BLE001  whatever a library does, somebody waits for an answer
        outcome, why = "refused", f"an error in sending it: {type(error).__name__}"
    os.write(answer, json.dumps({"outcome": outcome, "why": why}).encode())


if __name__ == "__main__":
    main()
