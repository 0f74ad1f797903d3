"""Releases on disk: staged whole and verified before they have a name, cleaned when nothing needs them.

PATH/releases/NAME/      one release, owned by root, never changed
PATH/current             -> releases/NAME
PATH/shared/             the app's own, kept over releases
"""

import ctypes
import errno
import hashlib
import os
import shutil

from cdconf.agent import files, tree
from cdconf.agent.base import Failed

STAGING = ".staging-"


class Releases(object):
    """The releases of one app.

    Args:
        path: The app's directory.
        ledger: Its `Ledger`.
    """

    def __init__(self, path, ledger):
        self.path = path
        self.ledger = ledger
        self.folder = os.path.join(path, "releases")

    def where(self, name):
        """The directory of a release."""
        if not name or "/" in name or name.startswith("."):
            raise Failed("'{}' can't be a release's name".format(name))
        return os.path.join(self.folder, name)

    def linked(self):
        """The name of the release that `current` points to, None when there's none."""
        try:
            return os.path.basename(os.readlink(os.path.join(self.path, "current")))
        except OSError:
            return None

    def has(self, name):
        """Whether the release is here, whole."""
        return name in self.ledger.page["releases"] and os.path.isdir(self.where(name))

    def missing(self, manifest):
        """The content digests that no release here holds, in the manifest's order, each once."""
        here = set(self._contents())
        result = []
        for entry in manifest:
            if entry["kind"] == "file" and entry["sha256"] not in here:
                here.add(entry["sha256"])
                result.append(entry["sha256"])
        return result

    def _contents(self):
        """Content digest -> a file that should have it, from the manifests of the releases here."""
        found = {}
        for name in self.ledger.page["releases"]:
            manifest = self.ledger.store.read("manifest-{}-{}.json".format(self.ledger.app, name), [])
            for entry in manifest:
                if entry["kind"] == "file":
                    found[entry["sha256"]] = os.path.join(self.where(name), entry["path"])
        return found

    def stage(self, name, manifest, tree_digest, sent, receive):
        """Writes a release: sent contents from the channel, the others copied from releases here.

        Args:
            name: The release's name.
            manifest: Its entries; see `cdconf.agent.tree`.
            tree_digest: What the manifest must add up to.
            sent: The content digests that follow as raw frames, in this order.
            receive: Gives the next raw frame.

        Raises:
            Failed: A content or the tree isn't what its digest says; the disk is full. Nothing is left behind.
        """
        staging = os.path.join(self.folder, STAGING + name)
        if tree.digest(manifest) != tree_digest:
            raise Failed("the manifest isn't what its digest says")
        _check_paths(manifest)
        os.makedirs(self.folder, 0o755, exist_ok=True)
        self.clear_staging()
        try:
            os.mkdir(staging, 0o700)
            self._write(staging, manifest, sent, receive)
            found = tree.digest(tree.scan(staging))
            if found != tree_digest:
                raise Failed("the release on disk isn't what its digest says: {}".format(found))
            _sync(staging)
            os.chmod(staging, 0o755)
            shutil.rmtree(self.where(name), ignore_errors=True)
            os.rename(staging, self.where(name))
            files.fsync_directory(self.folder)
            self.ledger.store.write("manifest-{}-{}.json".format(self.ledger.app, name), manifest)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise Failed("can't stage the release: {}".format(error), kind="disk_full" if full else "failed")
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def clear_staging(self):
        """Removes what a killed run left half-written; it never had a release's name."""
        for name in os.listdir(self.folder):
            if name.startswith(STAGING):
                shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)

    def _write(self, staging, manifest, sent, receive):
        wanted = {}
        for entry in sorted(manifest, key=lambda one: one["path"]):
            path = os.path.join(staging, entry["path"])
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
            first = wanted[content][0]
            _receive_file(os.path.join(staging, first["path"]), first, receive)
        self._copy(staging, wanted, set(sent))

    def _copy(self, staging, wanted, sent):
        """Files that weren't sent come from the releases here; the same content twice is copied from the first."""
        here = self._contents()
        for content, entries in wanted.items():
            first = os.path.join(staging, entries[0]["path"])
            if content not in sent:
                if content not in here:
                    raise Failed("a content of the release was neither sent nor is it here")
                shutil.copyfile(here[content], first)
            for entry in entries[1:]:
                shutil.copyfile(first, os.path.join(staging, entry["path"]))
            for entry in entries:
                os.chmod(os.path.join(staging, entry["path"]), int(entry["mode"], 8))

    def point(self, name):
        """Switches `current` in one step; None removes it."""
        link = os.path.join(self.path, "current")
        if name is None:
            try:
                os.unlink(link)
            except FileNotFoundError:
                pass
        else:
            fresh = os.path.join(self.path, ".current-new")
            try:
                os.unlink(fresh)
            except FileNotFoundError:
                pass
            os.symlink(os.path.join("releases", name), fresh)
            os.rename(fresh, link)
        files.fsync_directory(self.path)

    def clean(self, keep):
        """Removes old releases, never one that runs or that a rollback could need; returns the names."""
        page = self.ledger.page
        needed = {page["current"], self.linked()} | set(page["verified"][-2:])
        by_age = sorted(page["releases"], key=lambda name: page["releases"][name]["staged_at"], reverse=True)
        removed = [name for name in by_age[keep:] if name not in needed]
        for name in removed:
            del page["releases"][name]
        if removed:
            self.ledger.save()  # first, so that a half-removed release is never counted as whole
        for name in removed:
            shutil.rmtree(self.where(name), ignore_errors=True)
            self.ledger.store.remove("manifest-{}-{}.json".format(self.ledger.app, name))
        return removed


def _check_paths(manifest):
    """Nothing may leave the release's directory, whoever made the manifest."""
    links = {entry["path"] for entry in manifest if entry["kind"] == "link"}
    for entry in manifest:
        parts = entry["path"].split("/")
        if entry["path"].startswith("/") or ".." in parts or "" in parts or "\0" in entry["path"]:
            raise Failed("the path '{}' leaves the release".format(entry["path"]))
        if any("/".join(parts[:depth]) in links for depth in range(1, len(parts))):
            raise Failed("the path '{}' goes through a link".format(entry["path"]))


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


def _sync(path):
    """Flushes the file system that holds `path`: one syncfs(2) instead of an fsync for each file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed")
    finally:
        os.close(descriptor)
