"""rpm's database, asked in one process for all packages: its format (bdb, ndb, sqlite) is rpm's own affair."""

import os
import re

from cdconf.agent import texts
from cdconf.agent.commands.execute import run, run_ok
from cdconf.agent.errors import Failed, Missing

FORMAT = "%{NAME}\\t%{EPOCH}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n"
EPOCHS = FORMAT.replace("%{EPOCH}", "%{EPOCHNUM}")
VERSIONLOCKS = "/etc/dnf/plugins/versionlock.list"
_LOCKED = re.compile(r"(.+)-([0-9]+:)?[^-:]+-[^-]+\Z")


class RpmPackage(object):
    """One package: `version` is [epoch:]version-release, `full` always has the epoch."""

    def __init__(self, name, epoch, version, release, architecture):
        self.name = name
        self.architecture = architecture
        epoch = "0" if epoch == "(none)" else epoch
        long = "{}-{}".format(version, release)
        self.full = "{}:{}".format(epoch, long)
        self.version = long if epoch == "0" else self.full
        # How people write it in a pin: with or without release, and without an epoch of 0.
        self.spellings = [self.full, "{}:{}".format(epoch, version)]
        if epoch == "0":
            self.spellings += [long, version]


def parse(text):
    """The packages of lines in `FORMAT`; others (warnings, of Debian's dnf for example) are passed over."""
    lines = [line.split("\t") for line in texts.lines(text)]
    return [RpmPackage(*parts) for parts in lines if len(parts) == 5]


def versions(text):
    """`{name: version}` of lines in `FORMAT` behind the time of installation: of several kernels, the latest one's."""
    lines = [line.split("\t") for line in texts.lines(text)]
    lines = [line for line in lines if len(line) == 6 and texts.is_number(line[0]) and line[1] != "gpg-pubkey"]
    return {line[1]: RpmPackage(*line[1:]).version for line in sorted(lines, key=lambda line: int(line[0]))}


class InstalledPackages(object):
    """The packages that are installed."""

    def __init__(self, text):
        self._by_name = {}
        for package in parse(text):
            self._by_name.setdefault(package.name, []).append(package)

    def find(self, name):
        """The packages of a name or of `name:architecture`: several versions of a kernel, several architectures."""
        name, _, architecture = name.partition(":")
        return [one for one in self._by_name.get(name, ()) if architecture in ("", one.architecture)]


def installed():
    """`InstalledPackages` of this host."""
    return InstalledPackages(run_ok(["rpm", "-qa", "--qf", EPOCHS], timeout=120).out)


def provided(names):
    """Those of the names that an installed package provides, files included."""
    argv = ["rpm", "-q", "--whatprovides", "--qf", "provided\\n"]
    answers = [line for line in texts.lines(run(argv + list(names), timeout=120).out) if line]
    if len(answers) == len(names):  # one line for each name, in order
        return {name for name, answer in zip(names, answers) if answer == "provided"}
    return {name for name in names if run(argv + [name], timeout=120).status == 0}


def archive(path):
    """The `RpmPackage` in an .rpm file.

    Raises:
        Missing: There's no such file.
        Failed: It isn't a package.
    """
    if not os.path.exists(path):
        raise Missing("file", path)
    found = parse(run_ok(["rpm", "-qp", "--qf", FORMAT.replace("%{EPOCH}", "%{EPOCHNUM}"), path], timeout=60).out)
    if not found:
        raise Failed("'{}' isn't an rpm package".format(path))
    return found[0]


def argument(name):
    """The name as dnf's command line has it: `name.architecture`."""
    return name.replace(":", ".") if re.match(r"[^:(/]+:[^:]+\Z", name) else name


def refuse_dependents(names):
    """Raises `Failed` when installed packages need those that are to be removed; rpm tests it and changes nothing."""
    if not names:
        return
    result = run(["rpm", "-e", "--test"] + [argument(name) for name in names], timeout=120)
    needed = sorted(set(re.findall(r"is needed by \(installed\) (\S+)", result.err + result.out)))
    if needed:
        raise Failed(
            "removing {} would remove {} too; say `absent` of those as well, or `force: true`".format(
                ", ".join(names), ", ".join(needed)
            )
        )


def locked(path=VERSIONLOCKS):
    """The names that dnf's versionlock plugin keeps at a version: `name-epoch:version-release.*` a line."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as stream:
            lines = [texts.strip(line.split("#")[0]) for line in stream]
    except FileNotFoundError:
        return set()
    matches = [_LOCKED.match(line) for line in lines if line and not line.startswith("!")]
    return {match.group(1) for match in matches if match}
