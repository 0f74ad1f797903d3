"""Manifests and the tree digest: one definition for the controller and for the host.

A manifest is a list of entries `{"path", "kind", "mode", "sha256", "size", "target"}`, kind `file`, `directory`
or `link`; `mode` is "0755" for directories and executables, else "0644". The tree digest is the SHA-256 over one
line per entry, sorted by path (as UTF-8 bytes), with the path as an ASCII JSON string:

    directory 0755 - "bin"
    file 0755 <sha256 of the content> "bin/serve"
    link - "serve" "bin/start"          (the target, then the path)
"""

import hashlib
import json
import os
import stat

from cdconf.agent import files
from cdconf.agent.files import trees

CHUNK = 1024 * 1024


def line(one):
    """One entry's line of the listing, as bytes."""
    path = json.dumps(one["path"])
    if one["kind"] == "directory":
        text = "directory 0755 - {}\n".format(path)
    elif one["kind"] == "link":
        text = "link - {} {}\n".format(json.dumps(one["target"]), path)
    else:
        text = "file {} {} {}\n".format(one["mode"], one["sha256"], path)
    return text.encode("ascii")


def digest(manifest):
    """The tree digest of a manifest, in hex."""
    total = hashlib.sha256()
    for one in sorted(manifest, key=lambda one: one["path"].encode("utf-8", "surrogateescape")):
        total.update(line(one))
    return total.hexdigest()


def sha256_of(stream):
    """SHA-256 of what's left of a stream, in hex."""
    total = hashlib.sha256()
    for block in iter(lambda: stream.read(CHUNK), b""):
        total.update(block)
    return total.hexdigest()


def sha256_file(path):
    """SHA-256 of a file's content, in hex; for paths that nobody else can change."""
    with open(path, "rb") as stream:
        return sha256_of(stream)


def scan(root):
    """The manifest of a directory on disk; links aren't followed.

    Raises:
        ValueError: It holds something else than files, directories and links.
    """
    with files.hold(root) as top:
        return scan_in(top)


def scan_in(top):
    """Like `scan`, of a `Folder`."""
    return sorted((entry(*one) for one in trees.walk(top)), key=lambda one: one["path"])


def entry(relative, status, folder, name):
    """The entry of what's in a `Folder`; raises `ValueError` like `scan`, and `OSError` when it isn't there."""
    if stat.S_ISLNK(status.st_mode):
        return {"path": relative, "kind": "link", "target": folder.readlink(name)}
    if stat.S_ISDIR(status.st_mode):
        return {"path": relative, "kind": "directory", "mode": "0755"}
    descriptor = folder.open(name) if stat.S_ISREG(status.st_mode) else None
    if descriptor is None:
        raise ValueError("'{}' is neither a file, a directory nor a link".format(relative))
    with os.fdopen(descriptor, "rb") as stream:
        return {
            "path": relative,
            "kind": "file",
            "mode": "0755" if status.st_mode & 0o100 else "0644",
            "sha256": sha256_of(stream),
            "size": status.st_size,
        }
