"""Releases on disk: staged whole and verified before they have a name, cleaned when nothing needs them.

PATH/releases/NAME/      one release, owned by root, never changed
PATH/current             -> releases/NAME
PATH/packages/           what pip and npm install for releases; see `cdconf.agent.release.app_packages`
PATH/shared/             the app's own, kept over releases; see `cdconf.agent.release.shared_paths`

What is on disk is never trusted for what was written there once: people change files by hand. A content is taken
from a release only when its hash is right.
"""

import contextlib
import errno
import os
import pwd

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees
from cdconf.agent.records.ledger import in_turn
from cdconf.agent.release import app_packages, chunks, shared_paths, tree
from cdconf.agent.release.staging import Staging, size_here
from cdconf.agent.system import in_use, kernel, processes, units

STAGING = ".staging-"  # half-written, or half-removed
REPLACED = ".replaced-"  # had a release's name; a service may still work in it
BYTECODE = "__pycache__"


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
        """The name of the release that `current` points to, None when there's none.

        What points elsewhere is given whole: no release has a name like that.
        """
        target = files.readlink(os.path.join(self.path, "current"))
        if target is None:
            return None
        folder, name = os.path.split(target)
        return name if os.path.join(self.path, folder) == self.folder else target

    def check_link(self):
        """Raises `Failed` when something else than a link is where `current` is to be, as an older tool leaves it."""
        link = os.path.join(self.path, "current")
        if files.lstat(link) is not None and files.readlink(link) is None:
            raise Failed("'{}' isn't a link; move it away, so that releases can be switched".format(link))

    def has(self, name):
        """Whether the release is here."""
        return name in self.ledger.page["releases"] and files.is_directory(self.where(name))

    def verified(self):
        """The last verified release that is still here, None when there's none."""
        return next((name for name in reversed(self.ledger.page["verified"]) if self.has(name)), None)

    def _record(self, name):
        return "manifest-{}-{}.json".format(self.ledger.app, name)

    def manifest(self, name):
        """What was deployed under this name; None when that's unknown or damaged."""
        try:
            manifest = self.ledger.store.read(self._record(name))
            digest = self.ledger.page["releases"][name]["tree"]
            return manifest if manifest is not None and tree.digest(manifest) == digest else None
        except (Failed, KeyError, TypeError):
            return None

    def changes(self, name, app=None):
        """How a release's files differ from what was deployed: pairs of a word and a path.

        The words are `changed`, `missing`, `added`, and `replaced`: see `shared.problems`, which gets `app`. Bytecode
        isn't counted: an app that may write there leaves it beside its code.
        """
        manifest, root = self.manifest(name), self.where(name)
        if manifest is None:
            return [("missing", self.ledger.store.path(self._record(name)))]
        links = self.shared(name)
        ours = set(links).union(self.packages(name))
        known = {one["path"] for one in manifest}.union(ours, shared_paths.folders(ours, manifest))
        try:
            with files.hold(root) as top, trees.Inside(top) as inside:
                found = list(_differing(inside, manifest))
                added = [path for path, _, _, _ in trees.walk(top, only=known)]
        except OSError:
            found, added = [("missing", one["path"]) for one in manifest], []
        found += shared_paths.problems(dict(app or {}, path=self.path), root, links)
        found += app_packages.problems(self, name)
        return found + [("added", one) for one in added if one not in known and os.path.basename(one) != BYTECODE]

    def shared(self, name):
        """The shared paths that a release has links for."""
        return self.ledger.page["releases"].get(name, {}).get("shared") or []

    def packages(self, name):
        """What a release's links to packages lead to, by path; see `app_packages`."""
        return self.ledger.page["releases"].get(name, {}).get("packages") or {}

    def share(self, app, name):
        """Makes the app's shared directories, and gives a release the links that it should have now.

        Raises:
            Failed: Its tree has something of its own there, or someone has put something there.
        """
        paths, before = shared_paths.paths_of(app), self.shared(name)
        if not paths and not before:
            return
        manifest = self.manifest(name) or []
        found = shared_paths.conflict(manifest, paths)
        if found is not None:
            raise Failed("the release has '{}' of its own, so '{}' can't be shared".format(*found))
        shared_paths.make(app)
        self.ledger.shares(name, sorted(set(before).union(paths)))
        shared_paths.lay(self.where(name), before, paths, manifest)
        self.ledger.shares(name, paths)

    def is_whole(self, name, tree_digest):
        """Whether the release is here, known, and exactly the tree with this digest."""
        manifest = self.manifest(name) if self.has(name) else None
        return (
            manifest is not None
            and self.ledger.page["releases"][name]["tree"] == tree_digest
            and _is_whole(self.where(name), manifest)
        )

    def _lists(self, name):
        """A release's chunk lists; none when they're unknown, as those of releases staged before there were any."""
        try:
            return self.ledger.store.read(self._chunks(name), {})
        except Failed:
            return {}

    def _chunks(self, name):
        return "chunks-{}-{}.json".format(self.ledger.app, name)

    def _sources(self, contents, wanted):
        """Where contents and chunks should be, from the records of the releases here; see `Staging.fill`.

        What a record says is only a hint: everything is hashed when it's read.
        """
        here, pieces = {}, {}
        for name in self.ledger.page["releases"]:
            try:
                manifest, lists = self.ledger.store.read(self._record(name), []), self._lists(name)
                for entry in chunks.firsts(manifest):
                    path = os.path.join(self.where(name), entry["path"])
                    here.setdefault(entry["sha256"], []).append(path)
                for digest, (_, places) in chunks.table(manifest, lists).items():
                    if digest in wanted:
                        found = [(os.path.join(self.where(name), path), offset) for path, offset in places]
                        pieces.setdefault(digest, []).extend(found)
            except (Failed, AttributeError, KeyError, TypeError, ValueError):
                continue  # damaged: its contents are sent again
        return {content: paths for content, paths in here.items() if content in contents}, pieces

    def hear(self, told, tree_digest, lists_digest):
        """What the controller tells of a tree as the difference to a release here; None when its base isn't here.

        Args:
            told: See `chunks.tell`, with `base`: the release's name, None for no base.
            tree_digest: What the manifest must add up to.
            lists_digest: What the chunk lists must add up to.

        Raises:
            Failed: It isn't what its digests say, and that's not the base's fault.
        """
        base = told["base"]
        try:
            manifest, lists = chunks.hear(told, *((self.manifest(base) or [], self._lists(base)) if base else ()))
            if tree.digest(manifest) == tree_digest and chunks.digest(lists) == lists_digest:
                return manifest, lists
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # the base is damaged
        if base is None:
            raise Failed("the manifest isn't what its digest says")
        return None

    def prepare(self, name, manifest, lists, proceed):
        """Begins to stage a release: takes from the releases here, and from an interrupted push, what they have.

        Args:
            name: The release's name.
            manifest: Its entries; see `cdconf.agent.release.tree`.
            lists: Its chunk lists; see `cdconf.agent.release.chunks`.
            proceed: Called now and then; raises when the run must end.

        Returns:
            The `Staging`, for `stage`. None when the release is here already, whole.

        Raises:
            Failed: A path leaves the release; the disk is full.
        """
        staging = Staging(os.path.join(self.folder, STAGING + os.path.basename(self.where(name))), manifest, lists)
        with self._kept_only_when_interrupted(staging):
            files.make_directory(self.folder)
            self._clear(STAGING, but=os.path.basename(staging.root))
            if _is_whole(self.where(name), manifest):
                _drop(staging.root)
                self._write_records(name, manifest, lists)
                return None
            staging.fill(self._sources, proceed)
        return staging

    def stage(self, staging, name, tree_digest, receive, links=()):
        """Ends what `prepare` began: receives what lacks, verifies, and gives the release its name.

        A damaged release of that name is replaced in one step.

        Args:
            staging: From `prepare`.
            name: The release's name.
            tree_digest: What the tree on the disk must add up to.
            receive: Gives the next raw frame.
            links: The shared paths that it has links for.

        Raises:
            Failed: A chunk or the tree isn't what its digest says; the disk is full. Nothing is left behind.
        """
        with self._kept_only_when_interrupted(staging):
            staging.receive(receive)
            staging.finish(tree_digest)
            shared_paths.lay(staging.root, (), links)
            app_packages.lay(staging.root, self.packages(name))
            with files.hold(self.folder) as folder:
                self._put(folder, os.path.basename(staging.root), name)
                folder.sync()
            self._write_records(name, staging.manifest, staging.lists)

    def _write_records(self, name, manifest, lists):
        self.ledger.store.write(self._chunks(name), lists)
        self.ledger.store.write(self._record(name), manifest)

    @contextlib.contextmanager
    def _kept_only_when_interrupted(self, staging):
        """What came of a push that was stopped or killed is good for the next one; what was wrong or full isn't."""
        try:
            yield
        except (Failed, OSError) as error:
            _drop(staging.root)
            if isinstance(error, Failed):
                raise
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise Failed("can't stage the release: {}".format(error), kind="disk_full" if full else "failed")

    def size_here(self, name):
        """Bytes that an interrupted push of this release already takes."""
        return size_here(os.path.join(self.folder, STAGING + name))

    def _put(self, folder, staging, name):
        """Gives a staged tree its name. What has it, and may be live, is swapped out without a gap."""
        self.where(name)
        with folder.down(staging) as top:
            kernel.sync_file_system(top)
            os.fchmod(top.descriptor, 0o755)
            if folder.lstat(name) is None:
                folder.rename(staging, name)
                return
            old = REPLACED + os.urandom(4).hex()
            if kernel.exchange((folder, staging), (folder, name)):
                folder.rename(staging, old)
                return
            is_live = self.linked() == name
            if is_live:
                os.mkdir(old + "-copy", 0o700, dir_fd=folder.descriptor)
                with folder.down(old + "-copy") as copy:
                    trees.copy(top, copy)
                    kernel.sync_file_system(copy)
                self.point(old + "-copy")
            folder.rename(name, old)
            folder.rename(staging, name)
        if is_live:
            self.point(name)

    def _clear(self, prefix, but=None, used=()):
        """Removes what a killed run left, and what was replaced; neither has a release's name."""
        linked = self.linked()
        with files.hold(self.folder) as folder:
            for name in folder.names():
                if name.startswith(prefix) and name != linked and name not in used and name != but:
                    with contextlib.suppress(Failed, OSError):  # what's mounted in it stays
                        trees.remove(folder, name)

    def point(self, name):
        """Switches `current` in one step; None removes it."""
        link = os.path.join(self.path, "current")
        if name is None:
            files.remove(link)
        else:
            files.put_link(link, os.path.join("releases", name), fresh=".current-new")

    def clean(self, keep, app=None):
        """Removes failed releases, then old ones, never one that runs or that a rollback could need; returns the names.

        Called when the services run from the current release. One in which a process is still at work, or that it was
        started from, stays for a later time. Where a process of the app can't be looked at, all of them do.

        Args:
            keep: How many may stay.
            app: The app's document.
        """
        used = in_use.names(self.folder, _may_be_at_work(app or {}))
        page = self.ledger.page
        here = in_turn([name for name in page["verified"] if self.has(name)])
        needed = {page["current"], self.linked()}.union(here[-2:], used)

        def worth(name):
            about = page["releases"][name]
            return name in here or about["archive"] not in page["pinned"], about["staged_at"]

        by_worth = sorted(page["releases"], key=worth, reverse=True)
        removed = [name for name in by_worth[keep:] if name not in needed]
        for name in removed:
            del page["releases"][name]
        kept = in_turn([name for name in page["verified"] if name in page["releases"]])
        if removed or kept != page["verified"]:
            page["verified"] = kept
            self.ledger.save()  # first, so that a half-removed release is never counted as whole
        for name in removed:
            with contextlib.suppress(Failed, OSError), files.hold(self.folder) as folder:
                folder.rename(name, STAGING + name)  # unless somebody else has removed it
            self.ledger.store.remove(self._record(name))
            self.ledger.store.remove(self._chunks(name))
        self._clear(STAGING)
        self._clear(REPLACED, used=used)
        with contextlib.suppress(Failed, OSError):
            app_packages.clean(self)
        return removed


def _may_be_at_work(app):
    """A function that says of a process whether it's one of an app's services, or of its user."""
    names = {units.resolve(name) for name in app.get("services", ())}
    try:
        uid = pwd.getpwnam(app.get("user") or "").pw_uid
    except KeyError:
        uid = None

    def may(pid):
        who = processes.identity(pid)
        return who is not None and (processes.unit(pid) in names or who[0] == uid)

    return may


def _drop(path):
    """Removes a directory that's of no use any more, as far as that goes."""
    with contextlib.suppress(Failed, OSError):
        files.remove_tree(path)


def _is_whole(place, manifest):
    """Whether a directory is there whose tree, links into shared/ aside, is the manifest's."""
    try:
        if not files.is_directory(place):
            return False
        return tree.digest(shared_paths.without(tree.scan(place), manifest)) == tree.digest(manifest)
    except (OSError, ValueError):
        return False


def _differing(inside, manifest):
    """Pairs of `changed` or `missing` and a path, of those in a manifest."""
    for wanted in manifest:
        path = wanted["path"]
        try:
            folder, name = inside.at(path)
            status = folder.lstat(name)
            if status is None:
                yield "missing", path
            elif tree.line(tree.entry(path, status, folder, name)) != tree.line(wanted):
                yield "changed", path
        except (Failed, ValueError):
            yield "changed", path
        except OSError:
            yield "missing", path
