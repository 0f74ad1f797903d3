"""What an app's releases share: links in each release into PATH/shared/, which stays when releases go.

A link's own text tells that it's one: `releases/NAME/P` leads to `../../shared/P`, with one more `../` for each folder
of P. No artifact can bring such a link, since it leaves the tree; so a release on disk is its manifest, these links,
and the folders that are there for them alone. Links are made before a release has its name, and are the release's own:
going back to an older one goes back to its links as well. What's in shared/ is never changed or removed, only made.
"""

import os

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees
from cdconf.agent.release import app_packages


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
    """A release's entries as they are on disk, without its links into shared/ and to packages, and their folders."""
    links = {entry["path"] for entry in entries if entry["kind"] == "link" and entry["target"] == target(entry["path"])}
    links |= app_packages.links(entries)
    links -= {one["path"] for one in manifest}
    made = folders(links, manifest) if links else ()
    return [
        entry for entry in entries if entry["path"] not in links and not (entry["path"] in made and _is_folder(entry))
    ]


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
    place, parts = app["path"], ["shared"] + path.split("/")
    files.make_directory(place)
    for number, part in enumerate(parts):
        place = os.path.join(place, part)
        with files.parent(place) as (folder, name):
            if folder.lstat(name) is None:
                folder.check_mounts()
            try:
                files.new_directory(folder, name, _dress(app.get("user"), own and number + 1 == len(parts)))
                folder.sync()
            except FileExistsError:
                pass
    files.need_directory(place)


def _dress(user, own):
    """A new directory's owner and mode: the app's own is for its user and group alone, one above it for everybody."""
    if own and user and os.geteuid() == 0:
        return {"owner": user, "group": str(files.primary_group(user)), "mode": "0750"}
    return {"mode": "0755"}


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
    with files.hold(root) as top, trees.Inside(top) as inside:
        top.check_mounts()
        for path in before:
            if path not in paths:
                _take_away(inside, path)
        for folder in sorted(folders(before, manifest) - folders(paths, manifest), key=len, reverse=True):
            try:
                above, name = inside.at(folder)
                os.rmdir(name, dir_fd=above.descriptor)
            except OSError:
                pass  # something else is in it, which `changes` tells
        for path in paths:
            above, name = inside.at(path, make=True)
            if above.readlink(name) == target(path):
                continue
            if above.lstat(name) is not None:
                text = "'{}' is to be a link to shared/, and something else is there"
                raise Failed(text.format(above.place(name)))
            os.symlink(target(path), name, dir_fd=above.descriptor)
            above.sync()


def _take_away(inside, path):
    try:
        above, name = inside.at(path)
    except OSError:
        return
    if above.readlink(name) == target(path):
        above.unlink(name)


def problems(app, root, paths):
    """What of a release's links isn't as it should be: pairs of a word and a path.

    `missing` and `changed` are put right by a deployment. `replaced`, something else in a link's or a shared path's
    place, isn't: it may be somebody's.

    Args:
        app: The app; what kind its shared paths are may lack.
        root: The release's directory.
        paths: The shared paths that it has links for.
    """
    found = []
    kinds = app.get("shared") or {}
    for path in paths:
        place, there = os.path.join(root, path), os.path.join(app["path"], "shared", path)
        if not os.path.lexists(place):
            found.append(("missing", path))
        elif not os.path.islink(place):
            found.append(("replaced", path))
        elif os.readlink(place) != target(path):
            found.append(("changed", path))
        if not os.path.exists(there):
            found.append(("missing", there))
        elif path in kinds.get("files" if os.path.isdir(there) else "directories", ()):
            found.append(("replaced", there))
    return found
