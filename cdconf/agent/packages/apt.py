"""apt: packages observed in dpkg's status, and changed by apt-get in transactions that never ask and never hang."""

import re

from cdconf.agent import texts
from cdconf.agent.commands import locks
from cdconf.agent.commands.execute import last_lines, run, run_ok
from cdconf.agent.errors import Failed
from cdconf.agent.packages import apt_index, common, dpkg

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
OPTIONS = [
    "-y",
    "-q",
    "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold",
    "-o", "DPkg::Lock::Timeout={}".format(common.LOCK_WAIT),
    "-o", "Dpkg::Use-Pty=0",
    "-o", "APT::Install-Suggests=false",
    "-o", "APT::Get::AutomaticRemove=false",
    "-o", "Acquire::Retries=3",
    "-o", "Acquire::http::Timeout=60",
]  # fmt: skip
ENV = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "1",
    "UCF_FORCE_CONFFOLD": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
}
_STALE = re.compile(r"Unable to locate|404 +Not Found|has no installation candidate|was not found")


def observe(many):
    """The states of packages: version and hold; None for what isn't installed."""
    known = dpkg.status()
    latest = [
        fields["name"] for fields in many if fields.get("version") == common.LATEST and known.installed(fields["name"])
    ]
    candidates = apt_index.candidates(latest) if latest else {}
    return [_state(fields, known, candidates) for fields in many]


def _state(fields, known, candidates):
    name = fields["name"]
    package = known.installed(name)
    inside = dpkg.archive(fields["file"]) if "file" in fields else None
    if package is None:
        left = known.package(name)
        if fields.get("purge") and left is not None and left.leftover:
            return {}
        return _provided(fields, known)
    state = {"hold": package.held}
    if fields.get("version") == common.LATEST:
        state.update(common.latest_state(package.version, candidates.get(name), apt_index.age()))
    else:
        state["version"] = common.installed_version(fields, package.version, [package.version])
    if inside is not None:
        state["file"] = common.file_state(fields, inside[0], [inside[1]], package.version)
    common.refuse_held(fields, package.version, package.held, state, "apt-mark unhold")
    return state


def _provided(fields, known):
    """The state of a name that's no installed package, but perhaps one that an installed package provides."""
    if not fields.get("virtual", True) or "file" in fields or not known.providers(fields["name"]):
        return None
    version = fields.get("version")
    return {"version": version} if version in (None, common.LATEST) else None


def apply(changes):
    """Changes packages: those that need no recommended packages, and all removals, are one transaction.

    Raises:
        Failed: With apt's own reason, which names the package.
    """
    known = dpkg.status()
    locks.wait(LOCKS, common.LOCK_WAIT)
    gone = [fields for fields, difference in changes if difference.get("exists") == (True, False)]
    freed = [fields["name"] for fields, _ in changes if "hold" in fields and _is_held(known, fields["name"])]
    _mark("unhold", freed)
    try:
        wanted = [fields for fields, difference in changes if common.is_install(difference)]
        _refuse_virtual([fields for fields, difference in changes if set(difference) == {"hold"}], known)
        _transactions(wanted, _removable(gone, known))
    except BaseException:
        _mark("hold", freed)
        raise
    _mark("hold", [fields["name"] for fields, _ in changes if fields.get("hold")])
    purged = [fields["name"] for fields in gone if fields.get("purge")]
    if purged:
        apt_get(["purge", "--"] + purged)


def _is_held(known, name):
    package = known.package(name)
    return package is not None and package.held


def _mark(verb, names):
    if names:
        run_ok(["apt-mark", verb, "--"] + names)


def _refuse_virtual(many, known):
    """What's only provided can't be removed or held; apt would do it to whatever has the name in its own."""
    for fields in many:
        if known.package(fields["name"]) is None:
            raise Failed(
                "'{}' is no package of its own: it's provided by {}".format(
                    fields["name"], ", ".join(known.providers(fields["name"])) or "nothing"
                )
            )


def _removable(gone, known):
    """Those that are to be removed and really are installed; what can't be removed is refused by name."""
    _refuse_virtual(gone, known)
    for fields in gone:
        package = known.package(fields["name"])
        if package.essential and package.installed:
            raise Failed("package '{}' is essential: this host can't do without it".format(fields["name"]))
    return [fields for fields in gone if known.installed(fields["name"])]


def _preseed(many):
    """Answers debconf's questions before they'd come up; by stdin, since an answer may be secret."""
    lines = []
    for fields in many:
        package = fields["name"].partition(":")[0]
        lines += ["{} {} {}\n".format(package, question, fields["debconf"][question]) for question in fields["debconf"]]
    if lines:
        run_ok(["debconf-set-selections"], input="".join(lines), timeout=60)


def _transactions(wanted, gone):
    """One transaction, or two when some want recommended packages and others don't."""
    for recommends in (False, True):
        some = [fields for fields in wanted if bool(fields.get("recommends")) is recommends]
        if some or (gone and not recommends):
            _transaction(some, [] if recommends else gone, recommends)


def _transaction(wanted, gone, recommends):
    arguments = ["install", "--allow-downgrades"]
    arguments += ["--install-recommends" if recommends else "--no-install-recommends"]
    names = [_argument(fields) for fields in wanted] + [fields["name"] + "-" for fields in gone]
    refreshed = bool(wanted) and apt_index.is_old()
    warnings = refresh() if refreshed else ""
    try:
        _install_known(wanted, arguments, names, gone)
    except Failed as error:
        if not refreshed and wanted and _STALE.search(error.output):
            warnings = refresh()
            _install_known(wanted, arguments, names, gone)
            return
        error.output = "\n".join(part for part in (warnings, error.output) if part)
        raise


def _install_known(wanted, arguments, names, gone):
    apt_index.refuse_unknown([fields["name"] for fields in wanted if "file" not in fields], dpkg.status().native())
    _preseed([fields for fields in wanted if "debconf" in fields])
    _install(arguments, names, gone)


def _argument(fields):
    if "file" in fields:
        return fields["file"]
    if fields.get("version", common.LATEST) == common.LATEST:
        return fields["name"]
    return "{}={}".format(fields["name"], fields["version"])


def _install(arguments, names, gone):
    """Installs and removes, but never what nobody asked to be removed."""
    if not any(fields.get("force") for fields in gone):
        if not gone:
            arguments = arguments + ["--no-remove"]
        else:
            _refuse_more(apt_get(arguments + ["-s", "--"] + names), {fields["name"] for fields in gone})
    apt_get(arguments + ["--"] + names)


def _refuse_more(simulated, asked):
    """Raises `Failed` when a simulated transaction (`Remv NAME [VERSION]`) removes more than was asked for."""
    bare = {name.partition(":")[0] for name in asked}
    removed = re.findall(r"^Remv (\S+)", simulated, re.MULTILINE)
    more = [name for name in removed if name not in asked and name.partition(":")[0] not in bare]
    if more:
        raise Failed(
            "removing {} would remove {} too; say `absent` of those as well, or `force: true`".format(
                ", ".join(sorted(asked)), ", ".join(more)
            )
        )


def refresh():
    """Fetches the index; returns apt's warnings, of sources that could not be reached for example."""
    result = run(["apt-get"] + OPTIONS + ["update"], env=ENV, timeout=1800)
    if result.status != 0:
        raise _failure(["update"], result)
    return last_lines(result.err)


def apt_get(arguments):
    """Runs apt-get so that it never asks and never hangs; returns what it printed.

    An interrupted earlier dpkg run is finished first when apt-get asks for that.

    Raises:
        Failed: With apt's reason; it names who holds the lock.
    """
    result = _run(arguments)
    if result.status != 0 and "dpkg --configure -a" in result.err:
        run(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], env=ENV, timeout=1800)
        result = _run(arguments)
    if result.status != 0:
        raise _failure(arguments, result)
    return result.out


def _run(arguments):
    return run(["apt-get"] + OPTIONS + arguments, env=ENV, timeout=3600)


def _failure(arguments, result):
    return Failed(
        _reason(arguments[0], result.out, result.err),
        command=" ".join(["apt-get"] + arguments),
        status=result.status,
        output=last_lines(result.err or result.out),
        kind="disk_full" if "No space left on device" in result.err else "failed",
    )


def _reason(verb, out, err):
    """One line that says why, of what apt-get printed."""
    if "Could not get lock" in err:
        found = re.search(r"held by process ([0-9]+) \(([^)]*)\)", err)
        who = "{} (process {})".format(found.group(2), found.group(1)) if found else "another process"
        return "the apt lock is held by {} for more than {} s".format(who, common.LOCK_WAIT)
    if "remove is disabled" in err:
        block = re.search(r"packages will be REMOVED:\n((?:  .*\n)+)", out)
        names = " ".join(texts.words(block.group(1))) if block else "other packages"
        return "this would remove {}; say `absent` of what may go".format(names)
    if "Held packages were changed" in err:
        block = re.search(r"held packages will be changed:\n((?:  .*\n)+)", out)
        names = " ".join(texts.words(block.group(1))) if block else "packages"
        return "this would change what's held: {0}; `apt-mark unhold {0}` frees it".format(names)
    first = re.search(r"^E: (.*)$", err, re.MULTILINE)
    return "apt-get {} failed{}".format(verb, ": " + first.group(1) if first else "")
