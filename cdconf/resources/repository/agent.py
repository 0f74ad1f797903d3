"""Observes and applies package repositories: a definition and a key, a file each."""

import hashlib
import os
import stat

from cdconf.agent import files
from cdconf.agent.crypto import openpgp
from cdconf.agent.errors import Failed
from cdconf.agent.packages import common, repositories

KEY_LIMIT = 1024 * 1024
FETCH_TIMEOUT = 60


def _paths(fields):
    manager = common.name_of(fields.get("manager"))
    return (manager,) + repositories.paths(manager, fields["name"], fields.get("key_name"))


def observe(fields):
    """The definition, the key and its fingerprints; None when neither file is there."""
    manager, path, key_path = _paths(fields)
    content, key = _read(path), _read(key_path)
    if "content" not in fields:  # it should be gone, and its key with it
        return None if content is None and key is None else {}
    if content is None:
        return None
    state = {"content": content.decode("utf-8", "replace"), "mode": _mode(path, key_path)}
    if "key" in fields:
        state["key"] = None if key is None else key.decode("utf-8", "replace")
    if "fingerprint" in fields:
        state["fingerprint"] = _fingerprints(manager, key)
    return state


def _read(path):
    status = files.lstat(path)
    return None if status is None or stat.S_ISLNK(status.st_mode) else files.read(path)  # a link is replaced by a file


def _mode(path, key_path):
    """The definition's mode; says so when the key's isn't 0644, since apt reads keys as a user of its own."""
    status, key = files.lstat(path), files.lstat(key_path)
    mode = files.mode_text(status.st_mode) if status else "0644"
    key_mode = files.mode_text(key.st_mode) if key and not stat.S_ISLNK(key.st_mode) else "0644"
    return mode if key_mode == "0644" else "{} (its key: {})".format(mode, key_mode)


def _fingerprints(manager, key):
    if key is None:
        return []
    if manager == "apk":
        return [hashlib.sha256(key).hexdigest().upper()]
    try:
        return sorted(one.fingerprint for one in openpgp.keys(key))
    except openpgp.BadKey as error:
        return ["none: " + str(error)]


def apply(fields, difference):
    """Writes the key before what refers to it, and removes it afterwards."""
    manager, path, key_path = _paths(fields)
    if difference.get("exists") == (True, False):
        for gone in (path, key_path):
            files.remove(gone)
        return
    if "key" in fields:
        _write(key_path, fields["key"])
    elif "key_url" in fields and set(difference) & {"exists", "fingerprint"}:
        _write(key_path, _verified(manager, fields))
    elif "mode" in difference and files.lstat(key_path) is not None:
        files.set_ownership(key_path, {"mode": (None, "0644")})
    _write(path, fields["content"], fields.get("mode", "0644"), fields.get("validate"))


def _write(path, text, mode="0644", validate=None):
    files.make_directory(os.path.dirname(path))
    files.write_atomic(path, text.encode("utf-8"), "root", "root", mode, validate)


def _verified(manager, fields):
    """The key behind `key_url`, if it's the one that the fingerprint says."""
    data = _fetch(fields["key_url"])
    try:
        if manager != "apk":
            openpgp.pinned(data, fields["fingerprint"])
            return openpgp.armor(openpgp.dearmor(data))
        found = hashlib.sha256(data).hexdigest().upper()
        if fields["fingerprint"] != [found]:
            raise openpgp.BadKey("its SHA-256 is {}, not {}".format(found, ", ".join(fields["fingerprint"])))
        return data.decode("utf-8")
    except (openpgp.BadKey, UnicodeDecodeError) as error:
        raise Failed("the key at {} isn't the one that's trusted: {}".format(fields["key_url"], error))


def _fetch(url):
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT) as answer:  # noqa: S310  the spec checks the scheme
            data = answer.read(KEY_LIMIT + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Failed("can't fetch the key at {}: {}".format(url, getattr(error, "reason", error)))
    if len(data) > KEY_LIMIT:
        raise Failed("what's at {} is too large for a key".format(url))
    return data
