"""apt's package index: how old it is, and what it offers."""

import glob
import os
import time

from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed
from cdconf.agent.packages import common, dpkg

LISTS = "/var/lib/apt/lists"
CACHES = ("/var/cache/apt/pkgcache.bin", "/var/cache/apt/srcpkgcache.bin")
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d", "/etc/apt/keyrings", "/etc/apt/trusted.gpg.d")


def fetched():
    """When the index was last fetched (seconds since 1970); None when there is none."""
    if not glob.glob(os.path.join(LISTS, "*_Packages*")):
        return None
    # apt-get update empties and refills `partial`, also when nothing new came.
    return _newest((LISTS, os.path.join(LISTS, "partial")))


def sources_changed(since):
    """Whether a source or key is newer than that; a directory is when a file in it came or went."""
    return _newest(SOURCES + tuple(_members())) > since


def _members():
    for folder in SOURCES[1:]:
        for path in glob.glob(os.path.join(folder, "*")):
            yield path


def _newest(paths):
    stamps = [0.0]
    for path in paths:
        try:
            stamps.append(os.stat(path).st_mtime)
        except OSError:
            pass
    return max(stamps)


def is_old():
    """Whether it must be fetched before something is installed: none, a day old, or older than the sources."""
    stamp = fetched()
    return stamp is None or time.time() - stamp > common.INDEX_AGE or sources_changed(stamp)


def age():
    """How old the index is, in words; None when there's none, or the sources have changed since."""
    stamp = fetched()
    if stamp is None or sources_changed(stamp):
        return None
    return common.age_text(max(0.0, time.time() - stamp))


def candidates(names):
    """`{name: version}` that apt would install now."""
    return parse_policy(_policy(names))


def refuse_unknown(names, native):
    """Raises `Failed` for what's no name: apt-get takes it for a pattern, and acts on every package that it's found in.

    Args:
        names: Of packages, or of what packages provide; `name:architecture` too.
        native: The host's own architecture.
    """
    unknown = sorted(set(names) - known(names, native, parse_headings(_policy(names)))) if names else []
    if not unknown:
        return
    hint = "look for its name by `apt-cache search`, or declare the `repository` that has it"
    architectures = {name.partition(":")[2] for name in unknown} - {""} - _own(native)
    if architectures:
        hint = "`dpkg --add-architecture {}` makes the host take packages of another architecture".format(
            " ".join(sorted(architectures))
        )
    raise Failed(
        "there is no package '{}' in the host's index".format("', '".join(unknown)),
        output="\n".join("Unable to locate package {}".format(name) for name in unknown),
        details={"hint": hint},
    )


def known(names, native, headings):
    """Those of the names for which `apt-cache policy` has a heading of exactly this name."""
    found = set()
    for name in names:
        bare, _, architecture = name.partition(":")
        # What's of the host's own architecture has a heading without it.
        if name in headings or (architecture in _own(native) and bare in headings):
            found.add(name)
    return found


def _own(native):
    return {native, "all", "any", "native"}


def _policy(names):
    """What `apt-cache policy` says of names, asked in one process that writes nothing."""
    # With a stale cache apt-cache would write a new one; without a cache file it works in memory, which takes longer.
    inputs = _newest([dpkg.STATUS, LISTS, "/etc/apt/preferences", "/etc/apt/preferences.d"] + list(SOURCES))
    stale = min(_newest([path]) for path in CACHES) < inputs
    options = ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="] if stale else []
    return run_ok(["apt-cache"] + options + ["policy", "--"] + list(names), timeout=120).out


def parse_headings(text):
    """The names of which the output of `apt-cache policy` tells: each stands at the beginning of a line."""
    return {line.rstrip(":") for line in text.split("\n") if line and not line.startswith(" ")}


def parse_policy(text):
    """Reads the output of `apt-cache policy NAME...` (apt-cache(8)): the candidates, those that have one."""
    found, name = {}, None
    for line in text.split("\n"):
        if line and not line.startswith(" "):
            name = line.rstrip(":")
        elif line.startswith("  Candidate: ") and name is not None:
            version = line[len("  Candidate: ") :]
            if version != "(none)":
                found[name] = version
    return found
