"""How the types that fetch something name it; their specs check it with this."""

import re
from urllib.parse import urlsplit

from cdconf.agent import texts

SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def sha256_of(text):
    """The hex digits of `HEX` or `sha256:HEX`; None when it isn't one."""
    name, _, digits = texts.strip(text).lower().rpartition(":")
    return digits if name in ("", "sha256") and SHA256.match(digits) else None


def problem_of_url(url, schemes=("http", "https", "file")):
    """Why a URL can't be fetched, None when it can."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in schemes:
        return "it must begin with {}".format(", ".join(scheme + "://" for scheme in schemes))
    if re.search(r"[\s\x00-\x1f]", url):
        return "it can't hold space"
    if parts.scheme == "file":
        return None if parts.netloc in ("", "localhost") and parts.path.startswith("/") else "it must be file:///PATH"
    if not parts.hostname:
        return "it names no host"
    return "user and password can't stand in it; `headers` are for that" if "@" in parts.netloc else None
