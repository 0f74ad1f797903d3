"""A release on its way to the disk: what is here is copied, what isn't is received, every chunk hashed.

The directory of an interrupted push is kept: the next one finds there, by their hashes, the chunks that came before.
While it's filled there are only directories and regular files in it, so that no link can lead a write elsewhere.
"""

import hashlib
import os
import stat

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees
from cdconf.agent.release import chunks, manifest_rules, tree
from cdconf.agent.system import kernel


class Staging(object):
    """A directory that becomes a release.

    Args:
        root: Its path; it may be there already, from an interrupted push.
        manifest: The tree; paths are checked here.
        lists: Its chunk lists, see `cdconf.agent.release.chunks`.

    Attributes:
        lacking: Numbers of the chunks that must be sent, set by `fill`.
    """

    def __init__(self, root, manifest, lists):
        manifest_rules.check_paths(manifest)
        self.root = root
        self.manifest = manifest
        self.lists = lists
        self.lacking = []
        self._table = chunks.table(manifest, lists)

    def fill(self, sources, proceed):
        """Makes the directory, and takes every chunk that is on this host.

        Args:
            sources: A function from a set of content digests and a set of chunk digests to `(contents, pieces)`:
                `{content: [paths]}` and `{chunk: [(path, offset)]}` of files that should have them.
            proceed: Called before each file; raises when the run must end.
        """
        with self._top() as top, trees.Inside(top) as inside:
            for entry in self.manifest:
                if entry["kind"] == "directory":
                    inside.directory(entry["path"])
                else:
                    inside.at(entry["path"], make=True)
            firsts = chunks.firsts(self.manifest)
            here, pieces = sources({entry["sha256"] for entry in firsts}, set(self._table))
            lacking = set()
            for entry in firsts:
                proceed()
                descriptor = _open_own(*inside.at(entry["path"]))
                try:
                    if not _copy_whole(here.get(entry["sha256"], ()), descriptor, entry):
                        lacking.update(self._fill_file(descriptor, entry, pieces))
                    if os.fstat(descriptor).st_size > entry["size"]:
                        os.ftruncate(descriptor, entry["size"])
                finally:
                    os.close(descriptor)
        self.lacking = [number for number, digest in enumerate(self._table) if digest in lacking]

    def _top(self):
        """The directory's `Folder`, with nothing in it that isn't the agent's own; see `_tidy`."""
        for _ in range(2):
            top = files.make_directories(self.root, 0o700)
            try:
                top.check_mounts()
                is_own = _is_own(top.status())
                if is_own:
                    self._tidy(top)
            except BaseException:
                top.close()
                raise
            if is_own:
                return top
            top.close()
            files.remove_tree(self.root)
        raise Failed("'{}' was replaced while it was made".format(self.root))

    def _held(self):
        """The directory's `Folder`, once more; somebody may have moved another one to its place meanwhile."""
        top = files.hold(self.root)
        try:
            top.check_mounts()
            if not _is_own(top.status()):
                raise Failed("'{}' was changed while it was staged".format(self.root))
            return top
        except BaseException:
            top.close()
            raise

    def _tidy(self, top):
        """Removes what an interrupted push left that isn't a file or directory of this tree, so all links."""
        kinds = {os.path.dirname(entry["path"]): "directory" for entry in self.manifest}
        kinds.update((entry["path"], entry["kind"]) for entry in self.manifest if entry["kind"] != "link")
        for path, status, folder, name in trees.walk(top):
            mode = status.st_mode
            kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else None
            if kind is None or kinds.get(path) != kind or not _is_own(status):
                trees.remove(folder, name)
            elif kind == "file":
                os.close(folder.open(name))  # which refuses what's mounted there

    def _fill_file(self, target, entry, pieces):
        """Chunk by chunk: what is in place already, else from another file; returns the digests that aren't here."""
        offset, lacking, end = 0, [], os.fstat(target).st_size
        with _Sources() as sources, _Writer(target) as writer:
            for digest, size in chunks.of(entry, self.lists):
                if offset >= end or hashlib.sha256(os.pread(target, size, offset)).digest() != digest:
                    data = sources.find(pieces.get(digest, ()), digest, size)
                    if data is None:
                        lacking.append(digest)
                    else:
                        writer.write(data, offset)
                offset += size
        return lacking

    def receive(self, receive):
        """Takes the lacking chunks from the channel, in order.

        Args:
            receive: Gives the next raw frame.

        Raises:
            Failed: A chunk isn't what its digest says, or a frame isn't whole chunks.
        """
        wanted = list(self._table.items())
        left = [wanted[number] for number in reversed(self.lacking)]
        with self._held() as top, _Targets(top) as targets:
            while left:
                data, start = chunks.unpack(receive()), 0
                while start < len(data):
                    if not left:
                        raise Failed("more was sent than the release lacks")
                    digest, (size, places) = left.pop()
                    chunk = data[start : start + size]
                    if hashlib.sha256(chunk).digest() != digest:
                        raise Failed("a part of '{}' isn't what its digest says".format(places[0][0]))
                    for path, offset in places:
                        targets.write(path, offset, chunk)
                    start += size
        self.lacking = []

    def finish(self, tree_digest):
        """Copies equal files, makes links, sets modes, and verifies the whole tree on the disk.

        Raises:
            Failed: It isn't what its digest says.
        """
        first = {entry["sha256"]: entry["path"] for entry in chunks.firsts(self.manifest)}
        with self._held() as top, trees.Inside(top) as inside, trees.Inside(top) as other:
            for entry in self.manifest:
                folder, name = inside.at(entry["path"])
                if entry["kind"] == "link":
                    os.symlink(entry["target"], name, dir_fd=folder.descriptor)
                elif entry["kind"] == "file":
                    if first[entry["sha256"]] != entry["path"]:
                        _copy_equal(other.at(first[entry["sha256"]]), folder, name)
                    os.chmod(name, int(entry["mode"], 8), dir_fd=folder.descriptor)
            found = tree.digest(tree.scan_in(top))
            if found != tree_digest:
                raise Failed("the release on disk isn't what its digest says: {}".format(found))
            for entry in self.manifest:
                if entry["kind"] == "directory":
                    folder, name = inside.at(entry["path"])
                    os.chmod(name, 0o755, dir_fd=folder.descriptor)


def size_here(root):
    """Bytes on the disk that an interrupted push already takes."""
    try:
        with files.hold(root) as top:
            return sum(one[1].st_blocks * 512 for one in trees.walk(top) if not stat.S_ISDIR(one[1].st_mode))
    except OSError:
        return 0


def _is_own(status):
    """Whether only the agent made it: nobody else's, and a file without another name."""
    return status.st_uid == os.geteuid() and (status.st_nlink == 1 or not stat.S_ISREG(status.st_mode))


def _open_own(folder, name, flags=os.O_RDWR | os.O_CREAT):
    """A descriptor of a staged file, for reading and writing."""
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder.descriptor)
    status = os.fstat(descriptor)
    if not _is_own(status) or not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Failed("'{}' was changed while it was staged".format(folder.place(name)))
    try:
        folder.check_not_mounted(name, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _copy_equal(place, folder, name):
    folder.unlink(name)
    source = place[0].open(place[1])
    with trees.create(folder, name) as target:
        try:
            _copy(source, target.fileno())
        finally:
            os.close(source)


def _write(descriptor, data, offset):
    """Writes all of it; write(2) may do less when a disk fills up or a signal comes."""
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count


def _open_regular(path):
    """A descriptor for reading, None when there is no regular file."""
    try:
        return files.open_file(path)
    except (Failed, OSError):
        return None


def _copy_whole(paths, target, entry):
    """Copies the first of the files whose content is what the entry says; returns whether there was one.

    One that isn't leaves its bytes: its good chunks are found in place.
    """
    if entry["size"] == 0:
        return True
    for path in paths:
        source = _open_regular(path)
        if source is not None:
            try:
                if os.fstat(source).st_size == entry["size"] and _copy(source, target) == entry["sha256"]:
                    return True
            finally:
                os.close(source)
    return False


def _copy(source, target):
    """Copies a file to the beginning of another, and returns the SHA-256 of what was copied."""
    total, offset = hashlib.sha256(), 0
    for block in iter(lambda: os.read(source, tree.CHUNK), b""):
        total.update(block)
        _write(target, block, offset)
        offset += len(block)
    return total.hexdigest()


class _Sources(object):
    """Files that chunks are read from: those of the last places stay open, and what follows a chunk is read with it."""

    MANY = 16
    AHEAD = 1024 * 1024  # neighbours of a chunk are mostly wanted next

    def __init__(self):
        self._open = {}
        self._read = (None, 0, memoryview(b""))  # path, offset, what's there

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._close()

    def _close(self):
        for descriptor in self._open.values():
            if descriptor is not None:
                os.close(descriptor)
        self._open = {}

    def find(self, places, digest, size):
        """The chunk, from the first place that has it; None when none does."""
        for path, offset in places:
            data = self._at(path, offset, size)
            if data is not None and hashlib.sha256(data).digest() == digest:
                return data
        return None

    def _at(self, path, offset, size):
        """What a file holds there; None when it can't be read."""
        known, start, data = self._read
        if path == known and start <= offset and offset + size <= start + len(data):
            return data[offset - start : offset - start + size]
        if path not in self._open:
            if len(self._open) >= self.MANY:
                self._close()
            self._open[path] = _open_regular(path)
        if self._open[path] is None:
            return None
        try:
            data = memoryview(os.pread(self._open[path], max(size, self.AHEAD), offset))
        except OSError:
            return None  # a bad block of an old release is no reason to fail
        self._read = (path, offset, data)
        return data[:size]


class _Writer(object):
    """Writes to one file, neighbours together, and has the disk begin with them at once.

    What is written ends up on the disk before the release counts; a disk that begins late makes everybody wait then.
    """

    MANY = 1024 * 1024
    BEGIN = 8 * MANY  # bytes after which the disk begins with them

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._parts, self._offset, self._size = [], 0, 0
        self._begun = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        if kind is None:
            self._flush()

    def write(self, data, offset):
        """Takes a part of the file."""
        if offset != self._offset + self._size or self._size >= self.MANY:
            self._flush()
            self._offset = offset
        self._parts.append(data)
        self._size += len(data)

    def _flush(self):
        _write(self._descriptor, b"".join(self._parts), self._offset)
        end = self._offset + self._size
        self._parts, self._offset, self._size = [], end, 0
        if not self._begun <= end < self._begun + self.BEGIN:
            kernel.begin_writing(self._descriptor)
            self._begun = end


class _Targets(object):
    """The staged files that are written to; the last one stays open."""

    def __init__(self, top):
        self._inside = trees.Inside(top)
        self._path = None
        self._descriptor = None

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._close()
        self._inside.__exit__()

    def _close(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def write(self, path, offset, data):
        """Writes a part of a file."""
        if path != self._path:
            self._close()
            self._descriptor = _open_own(*self._inside.at(path), flags=os.O_WRONLY)
            self._path = path
        _write(self._descriptor, data, offset)
