"""What the package managers share: which one a host has, pins, and how old an index is."""

import fnmatch
import os

from cdconf.agent.errors import Failed, Missing, Obstacle

LATEST = "latest"
INDEX_AGE = 24 * 3600  # an older index is fetched anew before something is installed
LOCK_WAIT = 300
# In the order in which they're looked for: Debian has dnf as a package, Fedora has apt as one.
PROGRAMS = (
    ("apk", ("/sbin/apk", "/usr/sbin/apk")),
    ("dnf", ("/usr/bin/dnf", "/usr/bin/dnf-3")),
    ("apt", ("/usr/bin/apt-get",)),
)
_DEBIAN = "/var/lib/dpkg/status"


def name_of(wanted=None):
    """The host's package manager: `apt`, `dnf` or `apk`.

    Args:
        wanted: The one that the resource asks for, if it does.

    Raises:
        Missing: The host doesn't have it, or has none.
    """
    there = [name for name, paths in PROGRAMS if any(os.path.exists(path) for path in paths)]
    if wanted is not None:
        if wanted not in there:
            raise Missing("package manager", wanted)
        return wanted
    if "apt" in there and _size(_DEBIAN) > 0:
        return "apt"
    if not there:
        raise Missing("package manager", "apt, dnf or apk")
    return there[0]


def program(name):
    """The path of a manager's program."""
    paths = dict(PROGRAMS)[name]
    for path in paths:
        if os.path.exists(path):
            return path
    raise Missing("program", paths[0])


def _size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def fits(pin, spellings):
    """Whether one of a version's spellings is what a pin asks for: exactly, or as a glob such as `1.24.*`."""
    return any(pin == spelling or (_is_glob(pin) and fnmatch.fnmatchcase(spelling, pin)) for spelling in spellings)


def _is_glob(pin):
    return "*" in pin or "?" in pin or "[" in pin


def installed_version(fields, version, spellings):
    """What a state says of the version: the pin when it's met, else what's there."""
    pin = fields.get("version")
    return pin if pin is not None and fits(pin, spellings) else version


def latest_state(version, candidate, index):
    """The state of a package of which the latest version is wanted.

    Args:
        version: The installed one.
        candidate: The newest that the host's index has; None when it has none.
        index: How old the index is, in words; None when the sources have changed since it was fetched.

    Returns:
        `version` is `latest` when it is; `note` says what that is worth.
    """
    if index is None:
        return {"version": "{} (the sources have changed since the index was fetched)".format(version)}
    if candidate is None or candidate == version:
        return {"version": LATEST, "note": "{} is the latest in the host's index, {}".format(version, index)}
    return {"version": "{} ({} is in the host's index, {})".format(version, candidate, index)}


def age_text(seconds):
    """How long ago something was, for people."""
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return "fetched {:d} {} ago".format(int(seconds // size), word)
    return "fetched just now" if seconds < 60 else "fetched a minute ago"


def file_state(fields, name, spellings, installed):
    """What a state says of `file`: its path when its version is installed, else the version that is.

    Args:
        fields: The resource's.
        name: The package in the file.
        spellings: Those of the version in the file.
        installed: The installed version.

    Raises:
        Failed: The file holds another package.
    """
    if name != fields["name"].partition(":")[0]:
        raise Failed("'{}' holds the package '{}', not '{}'".format(fields["file"], name, fields["name"]))
    return fields["file"] if installed in spellings else "version {}".format(installed)


def refuse_held(fields, version, held, state, free):
    """A hold that someone else set is never overruled silently.

    Args:
        fields: The resource's.
        version: The installed one.
        held: Whether it's held.
        state: What's observed.
        free: The command that frees it.

    Raises:
        Obstacle: The package is held, and is to be removed.
        Failed: The package is held, the hold isn't managed, and version or file differ.
    """
    if held and fields.get("absent"):
        problem = "package '{0}' is held at {1}, and removing it would change what's held: {0}"
        raise Obstacle(problem.format(fields["name"], version), "`{} {}` frees it".format(free, fields["name"]))
    differs = any(name in fields and state.get(name) != fields[name] for name in ("version", "file"))
    if held and "hold" not in fields and differs:
        raise Failed(
            "package '{}' is held at {}; `hold: true` keeps it held at the version that you give, "
            "`hold: false` frees it".format(fields["name"], version)
        )


def is_install(difference):
    """Whether a package must be installed, at another version perhaps, rather than removed or held."""
    return difference.get("exists") == (False, True) or "version" in difference or "file" in difference
