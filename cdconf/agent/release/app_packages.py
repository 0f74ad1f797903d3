"""What pip and npm install for a release, before it's activated: made by the app's user, kept as root's.

PATH/packages/NAME/          one installation, never changed; releases with the same lock file have it in common
PATH/releases/RELEASE/.venv  -> ../../packages/NAME

An app's `packages` are `[{"kind", "path", "lock", "within", ...}]`, see `locked.line`. A release's are `{path: what the
link there leads to, below packages/}`. `packages-APP.json` has of each installation what it was made of, and its tree.
"""

import hashlib
import json
import os
import stat
import time

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees
from cdconf.agent.packages import locked
from cdconf.agent.release import tree
from cdconf.agent.system import kernel

FOLDER = "packages"
LOCK = "requirements.lock"  # what pip reads, in its home: what was checked
BLOCK = 1024 * 1024  # bytes
LARGEST = 8 * 1024 * 1024 * 1024  # bytes of one installation
ENTRY = 4096  # bytes that a name counts for: nothing but names could fill a disk, too
DEEPEST = 200  # levels; two descriptors are open for each


def target(path, there):
    """The text of a release's link at a path."""
    return "../" * (path.count("/") + 2) + FOLDER + "/" + there


def check(app):
    """Raises `Failed` where a program is missing that installs the app's packages."""
    for one in app.get("packages") or ():
        locked.programs(one["kind"], one.get("python"), app.get("user"))


def install(app, releases, release, proceed):
    """Gives a staged release its packages, and takes away those that it isn't to have any more.

    Args:
        app: The app.
        releases: Its `Releases`.
        release: The release's name.
        proceed: Called now and then; what it raises ends the installation.

    Returns:
        `[{"path", "made", "seconds"}]`: `made` is false where it was here already.

    Raises:
        Failed: They can't be installed; what the release had, it still has.
    """
    told, wanted = [], {}
    clean(releases)  # before, since what is made now has no link yet
    for one in app.get("packages") or ():
        began = time.monotonic()
        name, made = _have(app, one, releases, release, proceed)
        wanted[one["path"]] = name + ("/node_modules" if one["kind"] == "npm" else "")
        told.append({"path": one["path"], "made": made, "seconds": round(time.monotonic() - began, 1)})
    before = releases.packages(release)
    releases.ledger.packages(release, dict(before, **wanted))
    root = releases.where(release)
    for path in set(before).difference(wanted):
        if _leads_to_packages(files.readlink(os.path.join(root, path)), path):
            files.remove(os.path.join(root, path))
            _remove_folders(root, path, {one["path"] for one in releases.manifest(release) or ()})
    lay(root, wanted)
    releases.ledger.packages(release, wanted)
    return told


def _remove_folders(root, path, known):
    """Removes those that were made for a link alone."""
    folder = os.path.dirname(path)
    while folder and folder not in known:
        try:
            files.remove_directory(os.path.join(root, folder))
        except (Failed, OSError):
            return  # something else is in it
        folder = os.path.dirname(folder)


def lay(root, wanted):
    """Puts a release's links to its packages in place."""
    for path, there in wanted.items():
        place = os.path.join(root, path)
        if files.lstat(place) is not None and files.readlink(place) is None:
            raise Failed("'{}' is to be a link to {}/, and something else is there".format(place, FOLDER))
        if files.readlink(place) != target(path, there):
            files.make_directory(os.path.dirname(place))
            files.put_link(place, target(path, there), fresh=".packages-new")


def _leads_to_packages(text, path):
    return text is not None and text.startswith(target(path, ""))


def links(entries):
    """The paths of a tree's entries that are such links; no artifact can bring one, since it leaves the tree."""
    return {
        entry["path"]
        for entry in entries
        if entry["kind"] == "link" and _leads_to_packages(entry["target"], entry["path"])
    }


def problems(releases, name):
    """What of a release's packages isn't as it was installed: pairs of a word and a path."""
    found, known = [], _record(releases)
    for path, there in releases.packages(name).items():
        place, made = os.path.join(releases.where(name), path), there.split("/")[0]
        if files.lstat(place) is None:
            found.append(("missing", path))
        elif files.readlink(place) != target(path, there):
            found.append(("replaced" if files.readlink(place) is None else "changed", path))
        if known.get(made, {}).get("tree") != _tree(_place(releases, made)):
            found.append(("changed", _place(releases, made)))
    return found


def clean(releases):
    """Removes what no release has a link to, and what a killed run left."""
    if not files.is_directory(os.path.join(releases.path, FOLDER)):
        return
    page = releases.ledger.page["releases"]
    used = {there.split("/")[0] for name in page for there in releases.packages(name).values()}
    known = _record(releases)
    if set(known) - used:
        known = {name: about for name, about in known.items() if name in used}
        _write(releases, known)
    with files.hold(os.path.join(releases.path, FOLDER)) as folder:
        for name in folder.names():
            if name not in known and name not in used:
                trees.remove(folder, name)


def _file(releases):
    return "packages-{}.json".format(releases.ledger.app)


def _record(releases):
    return releases.ledger.store.read(_file(releases), {})


def _write(releases, known):
    releases.ledger.store.write(_file(releases), known)


def _place(releases, name):
    return os.path.join(releases.path, FOLDER, name)


def _tree(place):
    """The digest of an installation, without bytecode that an app of root's may leave there; None: there's none."""
    try:
        found = tree.scan(place)
    except (Failed, OSError, ValueError):
        return None
    return tree.digest([one for one in found if "__pycache__" not in one["path"].split("/")])


def _inputs(one, root):
    """Of the files that say what is installed: name -> path in the release."""
    lock = os.path.join(root, one["lock"])
    if one["kind"] == "venv":
        return {"lock": lock}
    found = {name: os.path.join(os.path.dirname(lock), name) for name in locked.FILES["npm"]}
    found["package-lock.json"] = lock
    return {name: path for name, path in found.items() if name != ".npmrc" or files.lstat(path) is not None}


def _have(app, one, releases, release, proceed):
    """(the name of an installation, whether it had to be made)."""
    inputs = _inputs(one, releases.where(release))
    version = locked.programs(one["kind"], one.get("python"), app.get("user"))
    try:
        digests = {name: tree.sha256_file(path) for name, path in inputs.items()}
    except OSError as error:
        raise Failed("the release has no '{}': {}".format(one["lock"], error.strerror))
    about = [one["kind"], version, one.get("python"), one.get("scripts"), digests]
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    known = _record(releases)
    for name, made in known.items():
        if made["key"] == key and made["tree"] == _tree(_place(releases, name)):
            return name, False
    name = "{}-{}".format(one["kind"], key[:12])
    if name in known:
        name += "-" + os.urandom(2).hex()  # the other one was changed by hand, and may be at work
    made = _make(app, one, _place(releases, name), releases.where(release), inputs, proceed)
    _write(releases, dict(known, **{name: {"key": key, "tree": made}}))
    return name, True


def _make(app, one, place, release, inputs, proceed):
    """Installs packages; returns the digest of what came of it.

    The app's user does so, in a directory of that user. What stays is a copy of it: nobody has a file of that open.
    """
    user = app.get("user")
    uid, gid = (files.uid_of(user), files.primary_group(user)) if user else (os.geteuid(), os.getegid())
    above, name = os.path.split(place)
    files.make_directory(above)
    with files.hold(above) as folder, trees.work(folder) as home, trees.work(folder) as fresh:
        files.new_directory(folder, name, {"mode": "0755"})
        deadline = time.monotonic() + one["within"]
        try:
            with folder.down(name) as made:
                if one["kind"] == "npm":
                    _write_inputs(made, inputs)
                else:
                    _put(home, LOCK, locked.requirements(_text(inputs["lock"], one["lock"]), one["lock"]).encode())
                for own in (made, home):
                    os.fchown(own.descriptor, uid, gid)
            _install(app, one, place, release, home.path, proceed)
            with folder.down(name) as made:
                os.fchown(made.descriptor, os.geteuid(), os.getegid())
                os.fchmod(made.descriptor, 0o700)
                Taking(uid, proceed, deadline).all_of(made, fresh)
            os.fchmod(fresh.descriptor, 0o755)
            kernel.sync_file_system(fresh)
            proceed()
            trees.remove(folder, name)
            folder.rename(os.path.basename(fresh.path), name)
            folder.sync()
            digest = _tree(place)
            if digest is None:
                raise Failed("what '{}' names left something else than files in '{}'".format(one["lock"], place))
            return digest
        except BaseException:
            trees.remove(folder, name)
            raise


class Taking(object):
    """Copies what a user has installed, as root's own: whatever its modes were, nobody else can change it.

    Args:
        uid: The user.
        proceed: Called for each name and block; what it raises ends the copy.
        deadline: Until when, by `time.monotonic`.
    """

    def __init__(self, uid, proceed, deadline):
        self._uid, self._proceed, self._deadline, self._left = uid, proceed, deadline, LARGEST

    def all_of(self, source, made, depth=0):
        """All of a `Folder`, into another one that's root's alone."""
        if depth > DEEPEST:
            raise Failed("'{}' has directories in directories, more than {} deep".format(source.path, DEEPEST))
        for name in source.names():
            status = source.lstat(name)
            if status is None:
                continue
            self._step(ENTRY)
            if stat.S_ISDIR(status.st_mode):
                os.mkdir(name, 0o700, dir_fd=made.descriptor)
                with source.down(name) as inner, made.down(name) as below:
                    inner.check_mount(source)
                    self.all_of(inner, below, depth + 1)
                os.chmod(name, 0o755, dir_fd=made.descriptor)
            elif stat.S_ISREG(status.st_mode):
                self._file(source, made, name)
            elif stat.S_ISLNK(status.st_mode):
                os.symlink(source.readlink(name), name, dir_fd=made.descriptor)
            else:
                raise Failed("'{}' is no file, directory or link".format(source.place(name)))

    def _file(self, source, made, name):
        descriptor = source.open(name, str(self._uid))
        if descriptor is None:
            return
        with os.fdopen(descriptor, "rb") as old, trees.create(made, name) as fresh:
            for block in iter(lambda: old.read(BLOCK), b""):
                self._step(len(block))
                fresh.write(block)
            is_program = os.fstat(descriptor).st_mode & stat.S_IXUSR
            os.fchmod(fresh.fileno(), 0o755 if is_program else 0o644)

    def _step(self, size):
        self._left -= size
        self._proceed()
        if self._left < 0 or time.monotonic() > self._deadline:
            raise Failed("packages of more than {} bytes, or that took too long".format(LARGEST))


def _install(app, one, place, release, home, proceed):
    from cdconf.agent.commands import limited
    from cdconf.agent.edit import env_file

    variables = env_file.read(app["env_file"]) if app.get("env_file") else {}
    variables.update({"HOME": home, "TMPDIR": home})
    within = {"wheels": os.path.join(release, one["wheels"])} if one.get("wheels") else {}
    line = locked.line(one["kind"], place, dict(one, lock=os.path.join(home, LOCK), **within))
    about = {"env": variables, "user": app.get("user"), "cwd": release}
    problem, output, _ = limited.run(line, one["within"], proceed, **about)
    if problem:
        raise Failed("installing what '{}' names {}".format(one["lock"], problem), command=line, output=output)


def _write_inputs(made, inputs):
    """What npm reads; the project's own scripts are of its build, and aren't run."""
    for name, path in inputs.items():
        data = files.read(path) or b""
        if name == "package.json":
            try:
                about = json.loads(data.decode("utf-8"))
                about.pop("scripts", None)
            except (AttributeError, RecursionError, TypeError, ValueError):
                raise Failed("'{}' isn't a JSON object".format(path))
            data = json.dumps(about).encode()
        _put(made, name, data)


def _put(folder, name, data):
    with trees.create(folder, name) as stream:
        stream.write(data)
        os.fchmod(stream.fileno(), 0o644)


def _text(path, name):
    try:
        return (files.read(path, limit=locked.LIMIT) or b"").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Failed("the release's '{}' can't be read, or isn't UTF-8".format(name))
