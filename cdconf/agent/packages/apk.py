"""apk (Alpine): packages observed in its installed database and changed by apk, which asks nothing by itself.

The database's format is that of apk-package(5) and apk-installed: paragraphs of `K:value` lines; /etc/apk/world, what
was asked for, is one `name`, `name=version` or `name@repository` a line (apk-world(5)).
"""

import glob
import os
import re
import time

from cdconf.agent import texts
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed
from cdconf.agent.packages import common

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
WORLD = "/etc/apk/world"
SOURCES = ("/etc/apk/repositories", "/etc/apk/repositories.d", "/etc/apk/keys")
INDEXES = "/var/cache/apk/APKINDEX.*.tar.gz"
_OPERATOR = re.compile(r"[=<>~@]")
_UPGRADE = re.compile(r"^(\S+)-([0-9]\S*) +< +([0-9]\S*)", re.MULTILINE)


def parse(text):
    """Reads the installed database.

    Returns:
        ({name: version}, {names provided}), without the shared libraries, commands and pkg-config files provided.
    """
    versions, provided = {}, set()
    for paragraph in text.split("\n\n"):
        fields = {line[:1]: line[2:] for line in paragraph.split("\n") if line[1:2] == ":"}
        if "P" in fields and "V" in fields:
            versions[fields["P"]] = fields["V"]
            names = [re.split(_OPERATOR, name)[0] for name in texts.words(fields.get("p", ""))]
            provided.update(name for name in names if ":" not in name)
    return versions, provided


def pinned(text):
    """The names that /etc/apk/world keeps at exactly one version."""
    return {word.partition("=")[0] for word in texts.words(text) if re.match(r"[^=<>~@!]+=[^~]", word)}


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def observe(many):
    """The states of packages: version and hold; None for what isn't installed."""
    versions, provided = parse("\n\n".join(_read(path) for path in DATABASES))
    held = pinned(_read(WORLD))
    latest = [
        fields["name"] for fields in many if fields.get("version") == common.LATEST and fields["name"] in versions
    ]
    newer, index = _upgrades(latest) if latest else ({}, None)
    return [_state(fields, versions, provided, held, newer, index) for fields in many]


def _state(fields, versions, provided, held, newer, index):
    name = fields["name"]
    _refuse(fields)
    if name not in versions:
        version = fields.get("version")
        stands_in = fields.get("virtual", True) and name in provided and version in (None, common.LATEST)
        return {"version": version} if stands_in else None
    version = versions[name]
    state = {"hold": name in held}
    if fields.get("version") == common.LATEST:
        state.update(common.latest_state(version, newer.get(name), index))
    else:
        state["version"] = common.installed_version(fields, version, [version, version.rpartition("-r")[0]])
    return state


def _refuse(fields):
    if _OPERATOR.search(fields["name"]):
        raise Failed("'{}' is no package's name: a version goes into `version`".format(fields["name"]))
    for name, why in (("file", "apk packages are installed by name here"), ("debconf", "apk has no debconf")):
        if name in fields:
            raise Failed("'{}' can't be used with apk: {}".format(name, why))


def _upgrades(names):
    """({name: newer version}, age of the index in words), by the host's own cache: without the network."""
    stamp = max([0.0] + [os.stat(path).st_mtime for path in glob.glob(INDEXES)])
    if not stamp or _sources() > stamp:
        return {}, None
    argv = [common.program("apk"), "--no-network", "version", "-l", "<"] + names
    return parse_upgrades(run(argv, timeout=120).out), common.age_text(max(0.0, time.time() - stamp))


def parse_upgrades(text):
    """Reads the output of `apk version -l '<'`: `name-1.0-r0  < 1.1-r0`."""
    return {match.group(1): match.group(3) for match in _UPGRADE.finditer(text)}


def _sources():
    paths = list(SOURCES) + [path for folder in SOURCES[1:] for path in glob.glob(os.path.join(folder, "*"))]
    return max([0.0] + [os.stat(path).st_mtime for path in paths if os.path.exists(path)])


def apply(changes):
    """One transaction for removals and one for everything else.

    Raises:
        Failed: With apk's own reason, which names the package.
    """
    gone = [fields for fields, difference in changes if difference.get("exists") == (True, False)]
    kinds = {}
    for one in gone:
        kinds.setdefault((bool(one.get("purge")), bool(one.get("force"))), []).append(one["name"])
    for (purge, force), names in sorted(kinds.items()):
        _delete(names, purge, force)
    wanted = [fields for fields, difference in changes if difference.get("exists") != (True, False)]
    if not wanted:
        return
    versions, _ = parse("\n\n".join(_read(path) for path in DATABASES))
    arguments = ["add", "--cache-max-age", str(common.INDEX_AGE // 60)]
    stamp = max([0.0] + [os.stat(path).st_mtime for path in glob.glob(INDEXES)])
    if _sources() > stamp:
        arguments.append("--update-cache")
    if any(fields.get("version") == common.LATEST for fields in wanted):
        arguments.append("--upgrade")
    _apk(arguments + [argument(fields, versions) for fields in wanted])
    pins = [fields for fields in wanted if fields.get("hold") and "=" not in argument(fields, versions)]
    if pins:
        versions, _ = parse("\n\n".join(_read(path) for path in DATABASES))
        _apk(["add"] + [argument(fields, versions) for fields in pins])


def argument(fields, versions):
    """A package as `apk add` takes it: `name`, `name=1.0-r0`, or `name~1.0` for a version that's only begun.

    Args:
        fields: The resource's.
        versions: The installed ones, at which a package is held that isn't given a version.
    """
    name, pin = fields["name"], fields.get("version", common.LATEST)
    if pin == common.LATEST:
        return "{}={}".format(name, versions[name]) if fields.get("hold") and name in versions else name
    bare = pin[:-2] if pin.endswith(".*") else pin
    if re.search(r"[*?\[]", bare):
        raise Failed("apk can't install {} {}: a pattern must be a version's beginning, as 1.24.*".format(name, pin))
    return "{}{}{}".format(name, "=" if re.search(r"-r[0-9]+\Z", bare) else "~", bare)


def _delete(names, purge, force):
    options = (["--purge"] if purge else []) + (["--rdepends"] if force else [])
    said = _apk(["del"] + options + names)
    if "are not removed due to" in said:
        raise Failed(
            "removing {} would remove more; say `absent` of that as well, or `force: true`".format(", ".join(names)),
            output=last_lines(said),
        )


def _apk(arguments):
    options = ["--no-progress", "--wait", str(common.LOCK_WAIT)]
    result = run([common.program("apk")] + options + arguments, timeout=3600)
    said = result.err + result.out
    if result.status != 0:
        # "ERROR: unable to select packages:" is followed by the reasons, such as "  nope (no such package):".
        reason = re.search(r"^ERROR: unable to select packages:\n +(.*)$|^ERROR: (.*)$", said, re.MULTILINE)
        why = (reason.group(1) or reason.group(2)).rstrip(":") if reason else ""
        raise Failed(
            "apk {} failed{}".format(arguments[0], ": " + why if why else ""),
            command=" ".join(["apk"] + arguments),
            status=result.status,
            output=last_lines(said),
            kind="disk_full" if "No space left on device" in said else "failed",
        )
    return said
