"""dnf (version 4, RHEL 8's yum included): packages observed with one rpm process and changed in one transaction."""

import glob
import os
import re
import time

from cdconf.agent import texts
from cdconf.agent.commands import locks
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed
from cdconf.agent.packages import common, rpm

CACHE = "/var/cache/dnf"
SOURCES = ("/etc/dnf/dnf.conf", "/etc/yum.repos.d", "/etc/pki/rpm-gpg")
PIDFILES = (
    CACHE + "/metadata_lock.pid",
    CACHE + "/download_lock.pid",
    "/var/lib/dnf/rpmdb_lock.pid",
)
OPTIONS = ["-y", "--setopt=exit_on_lock=True", "--setopt=clean_requirements_on_remove=False", "--setopt=retries=3"]
# What dnf could read as more than a name: `name-version`, `name.architecture`.
_LONG_NAME = re.compile(r"[^@/(]*(?:-[0-9]|\.)[^(]*\Z")
_NO_MATCH = re.compile(r"(?:No match for argument|Unable to find a match): (.+)$", re.MULTILINE)


def observe(many):
    """The states of packages: version and hold; None for what isn't installed."""
    known = rpm.installed()
    absent = [fields["name"] for fields in many if not known.find(fields["name"]) and fields.get("virtual", True)]
    provided = rpm.provided(absent) if absent else set()
    latest = [
        fields["name"] for fields in many if fields.get("version") == common.LATEST and known.find(fields["name"])
    ]
    upgrades, index = _upgrades(latest) if latest else ({}, None)
    locked = rpm.locked() if any(set(fields) & {"hold", "version", "file", "absent"} for fields in many) else set()
    return [_state(fields, known, provided, upgrades, index, locked) for fields in many]


def _state(fields, known, provided, upgrades, index, locked):
    name = fields["name"]
    found = known.find(name)
    inside = rpm.archive(fields["file"]) if "file" in fields else None
    if not found:
        version = fields.get("version")
        stands_in = name in provided and version in (None, common.LATEST) and "file" not in fields
        return {"version": version} if stands_in else None
    package = found[-1]
    state = {"hold": package.name in locked}
    if fields.get("version") == common.LATEST:
        state.update(common.latest_state(package.version, upgrades.get(package.name), index))
    else:
        fitting = [one for one in found if common.fits(fields.get("version", "*"), one.spellings)]
        package = fitting[-1] if fitting else package
        state["version"] = common.installed_version(fields, package.version, package.spellings)
    if inside is not None:
        state["file"] = common.file_state(fields, inside.name, [inside.version], package.version)
    common.refuse_held(fields, package.version, state["hold"], state, "dnf versionlock delete")
    return state


def _upgrades(names):
    """({name: newer version}, age of the index in words), by the host's own cache, in one process."""
    argv = [common.program("dnf"), "-q", "-C", "repoquery", "--upgrades", "--latest-limit=1"]
    result = run(argv + ["--qf", rpm.FORMAT.replace("\\n", "").lower()] + [rpm.argument(name) for name in names])
    stamp = _fetched()
    if result.status != 0 or stamp is None or _newest(_members(SOURCES)) > stamp:
        return {}, None
    upgrades = rpm.parse(result.out)
    return {upgrade.name: upgrade.version for upgrade in upgrades}, common.age_text(max(0.0, time.time() - stamp))


def _members(paths):
    return list(paths) + [path for folder in paths for path in glob.glob(os.path.join(folder, "*"))]


def _newest(paths):
    return max([0.0] + [os.stat(path).st_mtime for path in paths if os.path.exists(path)])


def _fetched():
    """When the newest metadata came (dnf renews the times of files that are still current); None without any."""
    return _newest(glob.glob(os.path.join(CACHE, "*", "repodata", "*"))) or None


def apply(changes):
    """Installs, downgrades and removes in one transaction; locks and frees versions around it.

    Raises:
        Failed: With dnf's own reason, which names the package.
    """
    locks.wait_for_pids(PIDFILES, common.LOCK_WAIT)
    gone = [fields for fields, difference in changes if difference.get("exists") == (True, False)]
    wanted = [fields for fields, difference in changes if common.is_install(difference)]
    known = rpm.installed()
    locked = rpm.locked()
    freed = [fields["name"] for fields, _ in changes if "hold" in fields and fields["name"] in locked]
    kept = [fields["name"] for fields in gone if fields["name"] in locked]
    if kept:
        raise Failed("{} is held at its version; `dnf versionlock delete` it first".format(", ".join(kept)))
    if not any(fields.get("force") for fields in gone):
        rpm.refuse_dependents([fields["name"] for fields in gone])
    _versionlock("delete", freed, known)
    try:
        for recommends in (False, True):
            some = [fields for fields in wanted if bool(fields.get("recommends")) is recommends]
            if some or (gone and not recommends):
                _transaction(some, [] if recommends else gone, recommends)
    except BaseException:
        _versionlock("add", freed, known)
        raise
    held = [fields["name"] for fields, _ in changes if fields.get("hold")]
    _versionlock("add", held, rpm.installed() if held else known)


def _versionlock(verb, names, known):
    """Adds or deletes locks (dnf-versionlock(8)), which is a plugin's work."""
    if not names:
        return
    found = [known.find(name) for name in names]
    exact = [one[-1].name + "-" + one[-1].full if verb == "add" and one else name for name, one in zip(names, found)]
    result = run([common.program("dnf"), "-q", "versionlock", verb] + exact, timeout=120)
    if "No such command" in result.err + result.out:
        raise Failed("`hold` needs dnf's versionlock plugin: package python3-dnf-plugin-versionlock")
    if result.status != 0 and verb == "add":
        raise _failure("versionlock", result)


def _transaction(wanted, gone, recommends):
    options = OPTIONS + ["--setopt=install_weak_deps={}".format(recommends)]
    stamp = _fetched()
    if wanted and (stamp is None or time.time() - stamp > common.INDEX_AGE or _newest(_members(SOURCES)) > stamp):
        options.append("--refresh")
    if any(fields.get("version") == common.LATEST for fields in wanted):
        options.append("--best")  # `install` of what's there already upgrades it then
    _refuse_more_than_names([fields["name"].partition(":")[0] for fields in wanted if "file" not in fields], options)
    installs = [_argument(fields) for fields in wanted]
    removals = [rpm.argument(fields["name"]) for fields in gone]
    if not removals:
        _dnf(options + ["install", "--"] + installs, "install")
    elif not installs:
        _dnf(options + ["remove", "--"] + removals, "remove")
    else:
        script = ["remove " + name for name in removals] + ["install " + name for name in installs]
        # The shell would run without what it doesn't know: it's asked first, and then told to run.
        _dnf(options + ["shell"], "shell", "\n".join(script + ["exit", ""]))
        _dnf(options + ["shell"], "shell", "\n".join(script + ["run", "exit", ""]))


def _refuse_more_than_names(names, options):
    """Raises `Failed` for `name-version` and `name.architecture`, by which dnf installs something of another name."""
    doubted = [name for name in names if _LONG_NAME.match(name)]
    if not doubted:
        return
    argv = (
        [common.program("dnf"), "-q"]
        + [option for option in options if option != "-y"]
        + ["repoquery", "--qf", "%{name}"]
    )
    found = set(texts.words(run(argv + ["--"] + doubted, timeout=1800).out))
    for name in doubted:
        if name not in found and not texts.strip(run(argv + ["--whatprovides", name], timeout=1800).out):
            raise Failed(
                "there is no package '{}' in the host's repositories".format(name),
                details={"hint": "a version goes into `version`, an architecture behind a colon: `name:i686`"},
            )


def _argument(fields):
    if "file" in fields:
        return fields["file"]
    pin = fields.get("version", common.LATEST)
    name, _, architecture = fields["name"].partition(":")
    if pin == common.LATEST:
        return rpm.argument(fields["name"])
    if not architecture:
        return "{}-{}".format(name, pin)
    # Name and version can be followed by an architecture only with the release between them.
    return "{}-{}.{}".format(name, pin if "-" in pin else pin + "-*", architecture)


def _dnf(arguments, verb, script=None):
    result = run([common.program("dnf")] + arguments, input=script, timeout=3600)
    # The shell's status says nothing of a name that it doesn't know.
    if result.status != 0 or (script is not None and _NO_MATCH.search(result.out + result.err)):
        raise _failure(verb, result)


def _failure(verb, result):
    said = result.err + "\n" + result.out
    unknown = _NO_MATCH.search(said)
    reason = re.search(r"^Error: *\n? *(.*)$", said, re.MULTILINE)
    why = "no package {}".format(unknown.group(1)) if unknown else texts.strip(reason.group(1)) if reason else ""
    if result.status == 200:
        why = "another process holds its lock"
    return Failed(
        "dnf {} failed{}".format(verb, ": " + why if why else ""),
        status=result.status,
        output=last_lines(said),
        kind="disk_full" if "No space left on device" in said or "more space needed" in said else "failed",
    )
