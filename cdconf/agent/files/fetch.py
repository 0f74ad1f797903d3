"""Fetches a URL into a stream: TLS verified, length bounded in time, secrets kept to the server they're meant for."""

import hashlib
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException, responses

from cdconf.agent import texts
from cdconf.agent.errors import Failed

BLOCK = 256 * 1024


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and takes the given headers along to the same server only."""

    def __init__(self, headers):
        self.given = [name.lower() for name in headers]

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if new.scheme not in ("http", "https"):
            raise Failed("the server redirects to a URL of the scheme '{}', which isn't followed".format(new.scheme))
        if old.scheme == "https" and new.scheme == "http":
            raise Failed("the server redirects from https to http, which isn't followed")
        fresh = urllib.request.HTTPRedirectHandler.redirect_request(self, req, fp, code, msg, headers, newurl)
        if fresh is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            for name in list(fresh.headers):
                if name.lower() in self.given:
                    fresh.remove_header(name)
        return fresh


def shown(url):
    """A URL without user, password and query, which may hold secrets."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def fetch(url, stream, sha256, headers=None, timeout=300, proxy=None):
    """Writes what a URL has to a stream.

    Args:
        url: http, https or file.
        stream: A binary stream.
        sha256: What the bytes' SHA-256 must be, in hex.
        headers: Sent with the request.
        timeout: Seconds for all of it; a server that says nothing for 60 s is given up as well.
        proxy: The URL of an HTTP proxy; the environment's is never used.

    Raises:
        Failed: It can't be fetched, or is something else than was wanted.
    """
    headers = headers or {}
    handlers = [
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _Redirects(headers),
    ]
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, headers=dict({"User-Agent": "cdconf"}, **headers))  # noqa: S310  spec.py checks it
    deadline = time.monotonic() + timeout
    try:
        with opener.open(request, timeout=min(timeout, 60)) as response:
            found = _copy(response, stream, deadline, url, timeout)
    except urllib.error.HTTPError as error:
        error.close()
        # The reason may be a redirect's URL with its query.
        words = texts.strip("{} {}".format(error.code, responses.get(error.code, "")))
        raise Failed("can't fetch {}: the server says {}".format(shown(url), words))
    except (OSError, ValueError, HTTPException) as error:
        # URLError, timeouts and what http.client thinks of a server are all of these.
        raise _explained(error, url)
    if found != sha256:
        raise Failed("{} has another SHA-256 than it should: {}, not {}".format(shown(url), found, sha256))


def _copy(response, stream, deadline, url, timeout):
    total, size = hashlib.sha256(), 0
    while True:
        block = response.read(BLOCK)
        if not block:
            break
        if time.monotonic() > deadline:
            raise Failed("{} took longer than {:g} s".format(shown(url), timeout))
        total.update(block)
        size += len(block)
        _write(stream, block)
    announced = response.headers.get("Content-Length")
    if announced and texts.is_number(announced) and int(announced) != size:
        raise Failed("{} ended after {} of {} bytes".format(shown(url), size, announced))
    return total.hexdigest()


def _write(stream, block):
    try:
        stream.write(block)
    except OSError as error:
        raise Failed("can't write what is fetched: {}".format(os.strerror(error.errno)), kind="disk_full")


def _explained(error, url):
    reason = getattr(error, "reason", error)
    text = "can't fetch {}: {}".format(shown(url), reason)
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        text += "; is the package ca-certificates installed, and the host's clock right?"
    return Failed(text)
