"""What an app's releases share: links in each release into PATH/shared/, which stays when releases go.

A link's own text tells that it's one: `releases/NAME/P` leads to `../../shared/P`, with one more `../` for each folder
of P. No artifact can bring such a link, since it leaves the tree; so a release on disk is its manifest, these links,
and the folders that are there for them alone. Links are made before a release has its name, and are the release's own:
going back to an older one goes back to its links as well. What's in shared/ is never changed or removed, only made.
"""

import os
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed


def target(path):
    """Where the link for a shared path leads."""
    return "../" * (path.count("/") + 2) + "shared/" + path


def paths_of(app):
    """The paths that an app's releases share, sorted.

    Raises:
        Failed: One would leave its directory.
    """
    shared = app.get("shared") or {}
    paths = sorted(list(shared.get("directories", ())) + list(shared.get("files", ())))
    for path in paths:
        if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
            raise Failed("the shared path '{}' would leave its directory".format(path))
    return paths


def above(path):
    """The folders that a relative path lies in, the nearest first."""
    found = []
    while os.path.dirname(path):
        path = os.path.dirname(path)
        found.append(path)
    return found


def folders(paths, manifest):
    """The folders that a release has for its links alone."""
    return {folder for path in paths for folder in above(path)} - {one["path"] for one in manifest}


def without(entries, manifest):
    """A release's entries as they are on disk, without its links into shared/ and the folders made for them."""
    links = {one["path"] for one in entries if one["kind"] == "link" and one["target"] == target(one["path"])}
    links -= {one["path"] for one in manifest}
    made = folders(links, manifest) if links else ()
    return [one for one in entries if one["path"] not in links and not (one["path"] in made and _is_folder(one))]


def _is_folder(one):
    return one["kind"] == "directory"


def conflict(manifest, paths):
    """The first (path of the tree, shared path) that can't both be there; None when all can."""
    kinds = {one["path"]: one["kind"] for one in manifest}
    wanted = set(paths)
    for path in kinds:
        inside = next((one for one in [path] + above(path) if one in wanted), None)
        if inside is not None:
            return path, inside
    for path in paths:
        for folder in above(path):
            if kinds.get(folder, "directory") != "directory":
                return folder, path
    return None


def check(app, releases, name):
    """Finds what would keep a release from its shared paths; changes nothing.

    Args:
        app: The app.
        releases: Its `Releases`.
        name: The release.

    Raises:
        Failed: A shared file isn't there; something else is where a directory or a link is to be.
        Missing: The user who is to have the directories doesn't exist.
    """
    paths_of(app)
    shared = app.get("shared") or {}
    root = os.path.join(app["path"], "shared")
    for path in shared.get("directories", ()):
        place = os.path.join(root, path)
        if os.path.lexists(place) and not os.path.isdir(place):
            raise Failed("'{}' is to be a shared directory, and isn't a directory".format(place))
        if app.get("user"):
            files.uid_of(app["user"])
    made_here = (app.get("toggles") or {}).get("path")
    for path in shared.get("files", ()):
        place = os.path.join(root, path)
        if os.path.isdir(place):
            raise Failed("'{}' is to be a shared file, and is a directory".format(place))
        if not os.path.exists(place) and place != made_here:
            raise Failed("the shared file '{}' isn't there; let a role make it, or put it there".format(place))
    for path in releases.shared(name):
        place = os.path.join(releases.where(name), path)
        if os.path.lexists(place) and not os.path.islink(place):
            text = "'{}' isn't the link to shared/ any more; move what's in it to '{}', and remove it"
            raise Failed(text.format(place, os.path.join(root, path)))


def make(app):
    """Makes the shared directories that are missing, for the app's user; the folders above them are root's."""
    shared = app.get("shared") or {}
    for path in shared.get("directories", ()):
        _make(app, path, own=True)
    for path in shared.get("files", ()):
        if os.path.dirname(path):
            _make(app, os.path.dirname(path), own=False)


def _make(app, path, own):
    """One directory, step by step: somebody else's link isn't followed, since root would make and give away its end."""
    user = app.get("user")
    os.makedirs(app["path"], 0o755, exist_ok=True)
    here = os.open(app["path"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    place = app["path"]
    parts = ["shared"] + path.split("/")
    try:
        for number, part in enumerate(parts):
            place = os.path.join(place, part)
            is_new = _step(here, part, place)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
            if is_new:
                _dress(here, user, own and number + 1 == len(parts))
    finally:
        os.close(here)


def _step(here, part, place):
    """Makes a directory if there's none; whether it did."""
    try:
        os.mkdir(part, 0o755, dir_fd=here)
        return True
    except FileExistsError:
        status = os.stat(part, dir_fd=here, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in (0, os.geteuid()):
        text = "'{}' is a link that belongs to {}: root doesn't follow it"
        raise Failed(text.format(place, files.owner_name(status.st_uid)))
    return False


def _dress(descriptor, user, own):
    """A new directory's owner and mode: the app's own is for its user and group alone, one above it for everybody."""
    is_private = own and user and os.geteuid() == 0
    if is_private:
        os.fchown(descriptor, files.uid_of(user), files.primary_group(user))
    os.fchmod(descriptor, 0o750 if is_private else 0o755)
    os.fsync(descriptor)


def lay(root, before, paths, manifest=()):
    """Puts a release's links right.

    Args:
        root: The release's directory.
        before: The shared paths that it may have links for.
        paths: Those that it is to have.
        manifest: Its tree, whose folders stay.

    Raises:
        Failed: Something else is in a link's place.
    """
    for path in before:
        place = os.path.join(root, path)
        if path not in paths and os.path.islink(place) and os.readlink(place) == target(path):
            os.unlink(place)
    for folder in sorted(folders(before, manifest) - folders(paths, manifest), key=len, reverse=True):
        try:
            os.rmdir(os.path.join(root, folder))
        except OSError:
            pass  # something else is in it, which `changes` tells
    for path in paths:
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        if os.path.islink(place) and os.readlink(place) == target(path):
            continue
        if os.path.lexists(place):
            raise Failed("'{}' is to be a link to shared/, and something else is there".format(place))
        os.symlink(target(path), place)
        files.fsync_directory(os.path.dirname(place))


def problems(app_path, root, paths):
    """What of a release's links isn't as it should be: pairs of `changed` or `missing` and a path."""
    found = []
    for path in paths:
        place, there = os.path.join(root, path), os.path.join(app_path, "shared", path)
        if not os.path.lexists(place):
            found.append(("missing", path))
        elif not os.path.islink(place) or os.readlink(place) != target(path):
            found.append(("changed", path))
        elif not os.path.exists(there):
            found.append(("missing", there))
    return found
