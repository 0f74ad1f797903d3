"""The way to a directory: the one place of the agent that walks along a path.

See the package for the rule.
"""

import contextlib
import errno
import os
import stat

from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files.folder import STEP, Folder, is_kept, is_root, is_roots_alone, step
from cdconf.agent.files.owners import owner_name

LINKS = 40  # as many as the kernel follows on one way (path_resolution(7))
NOTHING = (errno.ENOENT, errno.ENOTDIR)


def hold(path):
    """The `Folder` of a path.

    Raises:
        FileNotFoundError, NotADirectoryError: There's no such directory.
        Failed: A link on the way isn't root's alone.
    """
    if not is_root():
        return Folder(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), path)
    try:
        descriptor = os.open(path, STEP)
    except OSError:
        return Folder(_walk(path, True, False)[0], path)
    # The kernel tells where it is: at this very path, so that no link was on the way. Else it's walked, by the rule.
    if _where(descriptor) == path:
        return Folder(descriptor, path)
    os.close(descriptor)
    return Folder(_walk(path, True, False)[0], path)


@contextlib.contextmanager
def parent(path, follow=False):
    """(`Folder`, name) of a path; the entry itself may be missing.

    Args:
        path: Absolute.
        follow: Go on where the entry is a link, and the rule allows it.

    Raises:
        Missing: The directory isn't there.
        Failed: A link on the way isn't root's alone.
    """
    above, name = os.path.split(path.rstrip("/"))
    try:
        folder = hold(above or "/")
    except OSError as error:
        if error.errno in NOTHING:
            raise Missing("directory", above)
        raise
    try:
        if follow and folder.readlink(name or ".") is not None:
            folder.close()
            folder, name = _followed(path)
        yield folder, name or "."
    finally:
        folder.close()


def _followed(path):
    if not is_root():
        above, name = os.path.split(os.path.realpath(path))
        return hold(above), name
    try:
        descriptor, name = _walk(path, False, True)
    except OSError as error:
        if error.errno in NOTHING:
            raise Missing("directory", os.path.dirname(os.path.realpath(path)))
        raise
    return Folder(descriptor, _where(descriptor)), name


def _where(descriptor):
    try:
        return os.readlink("/proc/self/fd/{}".format(descriptor))
    except OSError:
        return "?"


def _names(path):
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def on_roots_alone(path, sticky=False):
    """Whether only root can change what a path leads to: every directory on the way there is root's alone.

    With `sticky`, for what's root's itself and no link, root's directories with a sticky bit count as well: nobody else
    can rename or remove it there.
    """
    if not is_root():
        return True
    way = []
    try:
        os.close(_walk(path, False, False, way)[0])
    except OSError:
        return False
    return all(
        is_roots_alone(status) or (sticky and status.st_uid == 0 and status.st_mode & stat.S_ISVTX) for status in way
    )


def _walk(path, whole, follow, way=None):
    """Goes along a path by root's rule, one name after the other.

    Args:
        path: Absolute.
        whole: Go to its end, which is a directory; else to the directory that it's in.
        follow: Follow a link at the end.
        way: A list that gets the status of each directory on the way.

    Returns:
        A descriptor of the directory, and the name in it.
    """
    here, left, links = os.open("/", STEP), (["."] if whole else []) + _names(path), 0
    above, kept = None, True  # what was moved there by somebody else can have root's links in it
    try:
        while True:
            name, status = left.pop() if left else ".", os.fstat(here)
            kept = kept and (above is None or is_kept(above, status))
            above = status
            if way is not None:
                way.append(status)
            if not left and not follow:
                return here, name
            text = _link(here, name, path, kept)
            if text is None:
                if not left:
                    return here, name
                here = step(here, name, path)
                continue
            links += 1
            if links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            left += _names(text)
            if text.startswith("/"):
                here = step(here, "/", path)
    except BaseException:
        os.close(here)
        raise


def _link(here, name, path, kept):
    """The text of a link that may be followed; None for what isn't a link.

    Args:
        here: A descriptor of the directory.
        name: The entry.
        path: The whole way, for messages.
        kept: Nobody but root can have put this directory there.
    """
    try:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(status.st_mode):
        return None
    if status.st_uid != 0 or not kept or not is_roots_alone(os.fstat(here)):
        whose = "is a link of {}".format(owner_name(status.st_uid))
        if status.st_uid == 0:
            whose = "is a link {} a directory that others can write to".format("in" if kept else "below")
        raise Failed(
            "'{}' {}, so root doesn't follow it; if that's meant, name the real path: '{}'".format(
                os.path.join(_where(here), name), whose, os.path.realpath(path)
            )
        )
    return os.readlink(name, dir_fd=here)
