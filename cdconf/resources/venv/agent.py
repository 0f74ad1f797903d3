"""Observes and makes virtual environments that lock files describe."""

import json
import os
import re

from cdconf.agent import files, texts
from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines, run, run_ok
from cdconf.agent.errors import Failed, Missing, in_the_way
from cdconf.agent.files import walk
from cdconf.agent.packages import locked

LOCK, RECORD = "requirements.lock", "cdconf.json"  # in the environment: what it was made from, and of what
OWN = ("pip", "setuptools", "wheel")  # a fresh environment has them
INFO = re.compile(r"(.+)-([^-]+)\.dist-info\Z")
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def observe(fields):
    """What it was made from, with what has changed by hand since; None when there's nothing."""
    path = fields["path"]
    if files.lstat(path) is None:
        return None
    if not files.is_directory(path):
        raise in_the_way(path, "no directory")
    config = locked.read(path, "pyvenv.cfg")
    if config is None:
        if files.names(path):
            raise in_the_way(path, "a directory that has files in it, but no virtual environment")
        return None
    if fields.get("absent"):
        return {}
    try:
        made = json.loads(locked.read(path, RECORD) or "{}")
        lock, was = made["lock"], dict(made["installed"])
        lock.encode
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        lock, was = "", {}
    return {"lock": lock + _by_hand(was, _installed(path)), "python": _python(fields, config)}


def _installed(path):
    found = {}
    for folder in ("lib", "lib64"):
        for python in files.names(os.path.join(path, folder)):
            for name in files.names(os.path.join(path, folder, python, "site-packages")):
                match = INFO.match(name)
                if match:
                    found[_plain(match.group(1))] = match.group(2)
    return found


def _plain(name):
    return re.sub("[-_.]+", "-", name).lower()


def _by_hand(was, now):
    """Lines that say what isn't as it was installed."""
    names = sorted(name for name in set(was) | set(now) if was.get(name) != now.get(name) and name not in OWN)
    return "".join("# by hand: {} {}\n".format(name, now.get(name, "removed")) for name in names)


def _python(fields, config):
    """The wanted interpreter's name, where the environment is of its version; else the version that it's of."""
    python = fields["python"]
    try:
        wanted = texts.strip(run_ok([python, "-c", VERSION], timeout=60, user=fields.get("user")).out)
    except Missing:  # the user, or the interpreter, that a role brings before this
        return "python unknown"
    match = re.search(r"^version(?:_info)? *= *([0-9]+[.][0-9]+)", config, re.MULTILINE)
    here = match.group(1) if match else "unknown"
    return python if here == wanted and os.path.exists(fields["path"] + "/bin/python") else "python " + here


def apply(fields, difference):
    """Removes it; or installs what's missing, and takes away what isn't in the lock file."""
    path, user = fields["path"], fields.get("user")
    if difference.get("exists") == (True, False):
        walk.check_removal(path)
        files.remove_tree(path)
        return
    locked.check_roots(path, user)
    locked.programs("venv", fields["python"], user)
    if "python" in difference and "exists" not in difference:
        walk.check_removal(path)
        files.remove_tree(path)
    with files.parent(path) as (folder, name):
        if folder.lstat(name) is None:
            files.new_directory(folder, name, {"owner": user} if user else {})
    locked.check_roots(path, user)
    files.remove(os.path.join(path, RECORD))
    lock = os.path.join(path, LOCK)
    wanted = locked.requirements(fields["lock"], LOCK)
    files.write_atomic(lock, wanted.encode("utf-8"), owner=user, mode="0644")
    line = locked.line("venv", path, dict(fields, lock=lock))
    _must(shell.run(line, fields["timeout"], user=user, cwd=path), line)
    names = re.findall(r"^([A-Za-z0-9][\w.-]*)", wanted, re.MULTILINE)
    more = sorted(set(_installed(path)).difference(OWN, [_plain(one) for one in names]))
    if more:
        words = [path + "/bin/python", "-I", "-m", "pip", "uninstall", "-q", "-y", "--disable-pip-version-check", "--"]
        words += more
        _must(run(words, timeout=fields["timeout"], user=user, cwd=path), " ".join(words))
    made = json.dumps({"lock": fields["lock"], "installed": _installed(path)})
    files.write_atomic(os.path.join(path, RECORD), made.encode("utf-8"), owner=user, mode="0644")


def _must(result, line):
    if result.status != 0:
        text = "what the lock file names can't be installed"
        raise Failed(text, command=line, status=result.status, output=last_lines(result.err or result.out))
