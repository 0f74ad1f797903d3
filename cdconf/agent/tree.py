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


def sha256_file(path):
    """SHA-256 of a file's content, in hex."""
    total = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(CHUNK), b""):
            total.update(block)
    return total.hexdigest()


def scan(root):
    """The manifest of a directory on disk; links aren't followed.

    Raises:
        ValueError: It holds something else than files, directories and links.
    """
    manifest = []
    for folder, names, files in os.walk(root):
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            manifest.append(entry(path, os.path.relpath(path, root)))
    return sorted(manifest, key=lambda one: one["path"])


def entry(path, relative):
    """The entry of what lies at `path`; raises `ValueError` like `scan`, and `OSError` when it isn't there."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return {"path": relative, "kind": "link", "target": os.readlink(path)}
    if stat.S_ISDIR(status.st_mode):
        return {"path": relative, "kind": "directory", "mode": "0755"}
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("'{}' is neither a file, a directory nor a link".format(relative))
    return {
        "path": relative,
        "kind": "file",
        "mode": "0755" if status.st_mode & 0o100 else "0644",
        "sha256": sha256_file(path),
        "size": status.st_size,
    }
