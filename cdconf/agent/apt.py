"""apt and dpkg: what's installed is read from dpkg's status file, since asking dpkg-query takes ten times as long."""

import glob
import os
import re

from cdconf.agent.base import Failed, last_lines, run

STATUS = "/var/lib/dpkg/status"
LISTS = "/var/lib/apt/lists"
INDEX_AGE = 24 * 3600
LOCK_WAIT = 300
OPTIONS = [
    "-y",
    "-q",
    "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold",
    "-o", "DPkg::Lock::Timeout={}".format(LOCK_WAIT),
    "-o", "Dpkg::Use-Pty=0",
    "-o", "APT::Install-Suggests=false",
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


def parse(text):
    """Reads deb-status text (dpkg-query(1), deb822(5)).

    Returns:
        ({name: version}, {names provided}) of what is properly installed; `name:arch` is there as well.
    """
    installed, provided = {}, set()
    for paragraph in text.split("\n\n"):
        if "\nStatus: install ok installed" not in paragraph and "\nStatus: hold ok installed" not in paragraph:
            continue
        fields = {}
        for line in paragraph.split("\n"):
            if line.startswith(("Package: ", "Version: ", "Architecture: ", "Provides: ")):
                name, _, value = line.partition(": ")
                fields[name] = value
        if "Package" not in fields:
            continue
        version = fields.get("Version", "")
        installed[fields["Package"]] = version
        installed["{}:{}".format(fields["Package"], fields.get("Architecture", ""))] = version
        if "Provides" in fields:
            provided.update(part.split()[0] for part in fields["Provides"].split(",") if part.strip())
    return installed, provided


def installed():
    """`parse` of this host's status file; empty when there is none."""
    try:
        with open(STATUS, encoding="utf-8", errors="replace") as stream:
            return parse(stream.read())
    except FileNotFoundError:
        return {}, set()


def index_age(now):
    """Seconds since the package index was fetched, None when there is none."""
    if not glob.glob(os.path.join(LISTS, "*_Packages*")):
        return None
    stamp = max(os.stat(path).st_mtime for path in (LISTS, os.path.join(LISTS, "partial")) if os.path.exists(path))
    return max(0.0, now - stamp)


def install(names, recommends, now):
    """Installs; the index is fetched first when it's old, and again when a package can't be found in it."""
    age = index_age(now)
    fresh = age is None or age > INDEX_AGE
    if fresh:
        apt_get(["update"])
    arguments = ["install", "--allow-downgrades"]
    arguments += ["--install-recommends" if recommends else "--no-install-recommends"] + names
    try:
        apt_get(arguments)
    except Failed as error:
        stale = re.search(r"Unable to locate|404 +Not Found|has no installation candidate|was not found", error.output)
        if fresh or not stale:
            raise
        apt_get(["update"])
        apt_get(arguments)


def apt_get(arguments):
    """Runs apt-get so that it never asks and never hangs; `Failed` names who holds the lock.

    An interrupted earlier dpkg run is finished first when apt-get asks for that.
    """
    result = _run(arguments)
    if result.status != 0 and "dpkg --configure -a" in result.err:
        run(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], env=ENV, timeout=1800)
        result = _run(arguments)
    if result.status == 0:
        return
    message = "apt-get {} failed".format(arguments[0])
    if "Could not get lock" in result.err:
        holder = re.search(r"held by process (\d+) \(([^)]*)\)", result.err)
        who = "{} (process {})".format(holder.group(2), holder.group(1)) if holder else "another process"
        message = "the apt lock is held by {} for more than {} s".format(who, LOCK_WAIT)
    raise Failed(
        message,
        command=" ".join(["apt-get"] + arguments),
        status=result.status,
        output=last_lines(result.err or result.out),
        kind="disk_full" if "No space left on device" in result.err else "failed",
    )


def _run(arguments):
    return run(["apt-get"] + OPTIONS + arguments, env=ENV, timeout=3600)
