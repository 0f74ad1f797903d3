"""Installs what a lock file names, with its hashes: by pip into a virtual environment, by npm into node_modules."""

import os
import re
import shlex
import stat

from cdconf.agent import files
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import trees
from cdconf.agent.files.folder import is_roots_alone

FILES = {"npm": ("package-lock.json", "package.json", ".npmrc")}  # what npm reads, the last where it's there
LIMIT = 16 * 1024 * 1024  # bytes of a file
LOOKS = {
    "venv": "import ensurepip, venv, sys, sysconfig; print(sys.version, sysconfig.get_platform())",
    "npm": "process.version + process.arch",
}
LONGEST = 65536  # characters of a requirement with its hashes
# Of pip's options, which may be abbreviated, those that lead nowhere else; and a requirement with nothing but hashes.
OPTION = re.compile(r"--(?:require-hashes|no-index|prefer-binary|pre|(?:no|only)-binary[= ][\w.:,-]+)", re.ASCII)
HASHED = re.compile(r"[^\s-](?:(?!\s-).)*(?:\s+--hash[= ]sha(?:256|384|512):[0-9a-fA-F]+)+")


def read(path, name):
    """The text of a file in a directory of packages; None where there's none, or none that may be read."""
    try:
        data = files.read(os.path.join(path, name), limit=LIMIT)
    except (Failed, OSError):
        return None
    return None if data is None else data.decode("utf-8", "replace")


def joined_lines(text):
    """What pip reads of a requirements file, without comments.

    A backslash at the end of a line takes the next line in; on the last line it stays.

    Yields:
        (number of the first line, the text of the lines that belong together).
    """
    begun, joined = 1, ""
    lines = text.lstrip("\ufeff").splitlines()  # texts: as pip does
    for number, line in enumerate(lines, 1):
        begun = begun if joined else number
        joined += re.sub(r"(^|\s)#.*", "", line).strip()  # texts: as pip does
        if joined.endswith("\\") and number < len(lines):
            joined = joined[:-1] + " "
            continue
        if joined:
            yield begun, joined
        joined = ""


def requirements(text, name):
    """A lock file of pip's as pip is to read it: one requirement a line, and no comment, which could name an encoding.

    Args:
        text: The file's.
        name: What an error calls the file.

    Raises:
        Failed: It leads to something else, or a requirement has no hash.
    """
    found = []
    for number, joined in joined_lines(text):
        why = None
        if len(joined) > LONGEST or not joined.isprintable() or "${" in joined or ord(max(joined)) > 126:
            why = "is too long, or has characters that pip would replace, in"
        elif joined[0] == "-" and not OPTION.fullmatch(joined):
            why = "leads to something else with"
        elif joined[0] != "-" and not HASHED.fullmatch(joined):
            why = "has no hash, or options besides hashes, for"
        if why:  # without what follows, such as a URL with a password
            shown = re.split("[ =]" if joined[0] == "-" else " ", joined)[0][:80]
            raise Failed("line {} of '{}' {} '{}'".format(number, name, why, shown))
        found.append(joined + "\n")
    return "".join(found)


def check_roots(path, user):
    """Raises `Failed` where root would install packages into a directory that's partly somebody else's."""
    if user not in (None, "root"):
        return
    text = "root would run what's in '{}', and '{}' can be changed by others: give `user`, or another path"
    there = files.lstat(path) is not None
    if not files.on_roots_alone(os.path.join(path, "x") if there else path, sticky=True):
        raise Failed(text.format(path, path if there else os.path.dirname(path)))
    if not there:
        return
    with files.hold(path) as folder:
        for name, status, _, _ in trees.walk(folder):
            if status.st_uid != 0 or not (stat.S_ISLNK(status.st_mode) or is_roots_alone(status)):
                raise Failed(text.format(path, os.path.join(path, name)))


def programs(kind, python=None, user=None):
    """What the packages are for, as text that changes with it: the interpreter's version and the machine's kind.

    Raises:
        Failed: A program that installs them isn't here.
    """
    python = python or "python3"
    words = [python, "-c", LOOKS[kind]] if kind == "venv" else ["node", "-p", LOOKS[kind]]
    wants = "python3-venv" if kind == "venv" else "nodejs and npm"
    try:
        result = run(words, timeout=60, user=user)
        if result.status == 0 and kind == "npm":
            run(["npm", "--version"], timeout=60, user=user)
    except Missing as error:
        text = "{}, which is to install packages, isn't on this host; a role installs {}"
        raise Failed(text.format(error.name, wants))
    if result.status != 0:
        text = "'{}' can't make a virtual environment; a role installs {}"
        raise Failed(text.format(python, wants), command=" ".join(words), output=last_lines(result.err))
    return " ".join(result.out.split())  # texts: only compared


def line(kind, place, fields):
    """The command line that installs the packages into a directory.

    Args:
        kind: `venv` or `npm`.
        place: The directory; npm's has its files in it already.
        fields: `lock` (the file), `python`, `index`, `wheels` (a directory), `registry`, `scripts`; all but the first
            may be missing.
    """
    if kind == "npm":
        words = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"]
        words += ["--registry", fields["registry"]] if fields.get("registry") else []
        words += [] if fields.get("scripts", True) else ["--ignore-scripts"]
        cache = "c=$(mktemp -d) && trap 'rm -rf \"$c\"' EXIT"
        line = 'umask 022; {} && cd {} && {} --cache "$c" && mkdir -p node_modules'
        return line.format(cache, shlex.quote(place), _joined(words))
    words = [place + "/bin/python", "-I", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    words += ["--no-cache-dir", "--require-hashes", "-r", fields["lock"]]
    words += ["--find-links", fields["wheels"]] if fields.get("wheels") else []
    words += ["--index-url", fields["index"]] if fields.get("index") else []
    words += ["--no-index"] if fields.get("wheels") and not fields.get("index") else []
    make = _joined([fields.get("python") or "python3", "-I", "-m", "venv", place])
    return "umask 022; {} && {}".format(make, _joined(words))


def _joined(words):
    return " ".join(shlex.quote(word) for word in words)
