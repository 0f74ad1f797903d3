"""Looks whether something is there yet, and waits for it."""

import os
import socket
import time

from cdconf.agent.errors import Failed

PAUSE = 0.25
ATTEMPT = 5  # seconds for one connection


def observe(fields):
    """Empty when it's there, None when it isn't yet."""
    return {} if _missing(fields) is None else None


def apply(fields, difference):
    """Looks again and again until it's there or time is up."""
    deadline = time.monotonic() + fields["within"]
    while True:
        problem = _missing(fields)
        if problem is None:
            return
        if time.monotonic() > deadline:
            raise Failed("waited {} s for {}: {}".format(fields["within"], fields["target"], problem))
        time.sleep(PAUSE)


def _missing(fields):
    """What's missing, in words; None when nothing is."""
    if "path" in fields:
        return None if os.path.lexists(fields["path"]) else "it doesn't exist"
    if "url" in fields:
        return _url(fields)
    try:
        socket.create_connection((fields["host"], fields["port"]), timeout=ATTEMPT).close()
    except OSError as error:
        return str(error)
    return None


def _url(fields):
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(fields["url"], timeout=ATTEMPT) as answer:
            status, body = answer.status, answer.read(1024 * 1024)
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(1024 * 1024)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    if status != fields.get("status", status) or ("status" not in fields and not 200 <= status < 300):
        return "it answered {}".format(status)
    if fields.get("contains", "") not in body.decode("utf-8", "replace"):
        return "the answer doesn't hold '{}'".format(fields["contains"])
    return None
