"""The contents of a release on their way to the disk: received, or copied from where they are; always hashed."""

import hashlib
import os
import shutil
import stat

from cdconf.agent import tree
from cdconf.agent.base import Failed


def check_paths(manifest):
    """Nothing may leave the release's directory, whoever made the manifest."""
    links = {entry["path"] for entry in manifest if entry["kind"] == "link"}
    for entry in manifest:
        parts = entry["path"].split("/")
        if entry["path"].startswith("/") or ".." in parts or "" in parts or "\0" in entry["path"]:
            raise Failed("the path '{}' leaves the release".format(entry["path"]))
        if any("/".join(parts[:depth]) in links for depth in range(1, len(parts))):
            raise Failed("the path '{}' goes through a link".format(entry["path"]))


def holds(path, digest):
    """Whether a regular file is there whose content has this SHA-256."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and tree.sha256_file(path) == digest
    except OSError:
        return False


def write(root, manifest, sent, receive, places):
    """Writes all entries of a manifest.

    Args:
        root: An empty directory.
        manifest: The entries, checked by `check_paths`.
        sent: The content digests that follow as raw frames, in this order.
        receive: Gives the next raw frame.
        places: A function from content digests to `{digest: paths}` of files here that should have them.

    Raises:
        Failed: A content isn't what its digest says, or can't be had.
    """
    wanted = {}
    for entry in sorted(manifest, key=lambda one: one["path"]):
        path = os.path.join(root, entry["path"])
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        if entry["kind"] == "directory":
            os.makedirs(path, 0o755, exist_ok=True)
        elif entry["kind"] == "link":
            os.symlink(entry["target"], path)
        else:
            wanted.setdefault(entry["sha256"], []).append(entry)
    for content in sent:
        if content not in wanted:
            raise Failed("a content was sent that the manifest doesn't name")
        _receive_file(os.path.join(root, wanted[content][0]["path"]), wanted[content][0], receive)
    here = places(set(wanted) - set(sent))
    for content, entries in wanted.items():
        first = os.path.join(root, entries[0]["path"])
        if content not in sent:
            _copy_first(here.get(content, ()), first, entries[0])
        for entry in entries[1:]:
            shutil.copyfile(first, os.path.join(root, entry["path"]))
        for entry in entries:
            os.chmod(os.path.join(root, entry["path"]), int(entry["mode"], 8))


def _copy_first(places, target, entry):
    """Copies the first of the files whose content is still what the entry says."""
    for path in places:
        try:
            if _copy(path, target) == entry["sha256"]:
                return
        except (FileNotFoundError, NotADirectoryError):
            pass
    raise Failed("the content of '{}' was neither sent, nor does a release here have it whole".format(entry["path"]))


def _copy(path, target):
    """Copies a content, and returns the SHA-256 of what was copied."""
    total = hashlib.sha256()
    with open(path, "rb") as source, open(target, "wb") as stream:
        for block in iter(lambda: source.read(tree.CHUNK), b""):
            total.update(block)
            stream.write(block)
    return total.hexdigest()


def _receive_file(path, entry, receive):
    total, left = hashlib.sha256(), entry["size"]
    with open(path, "xb") as stream:
        while left > 0:
            chunk = receive()
            left -= len(chunk)
            total.update(chunk)
            stream.write(chunk)
    if left or total.hexdigest() != entry["sha256"]:
        raise Failed("the content of '{}' isn't what its digest says".format(entry["path"]))
