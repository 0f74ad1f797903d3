"""Observes and applies the keys of a user's .ssh/authorized_keys."""

import contextlib
import pwd

from cdconf.agent import files, texts
from cdconf.agent.crypto import ssh_keys
from cdconf.agent.errors import Failed
from cdconf.agent.files import home_files

NEEDED = ("keys",)
FOLDER, FILE = ".ssh", "authorized_keys"


def observe(fields):
    """The keys that matter, and the modes; None when none of the wanted keys is there."""
    exclusive = fields.get("exclusive") and not fields.get("absent")
    wanted = _wanted(fields)
    with _place(fields) as (directory, entry, name):
        data, status = home_files.read(directory, entry, name)
        folder_status = None if directory is None else directory.status()
    if status is None and exclusive and not fields["keys"]:
        return dict(fields)  # no file is as good as an empty one
    lines = _lines(data)
    present = _matching(lines, wanted)
    if not present and not (exclusive and status is not None):
        return None
    state = {"keys": _shown(lines, present, fields), "key": fields.get("key")}
    state["mode"] = _mode(status, entry)
    if "path" not in fields:
        state["directory_mode"] = _mode(folder_status, entry)
    return state


@contextlib.contextmanager
def _place(fields, directory_mode=None):
    """(directory, passwd entry of the file's owner, file name): below the user's home, or root's own at `path`."""
    entry = home_files.account(fields["user"])
    if "path" not in fields:
        with home_files.folder(entry, FOLDER, directory_mode) as directory:
            yield directory, entry, FILE
        return
    with files.parent(fields["path"]) as (directory, name):
        if not files.on_roots_alone(fields["path"]):
            raise Failed("others than root can exchange '{}'".format(fields["path"]))
        yield directory, pwd.getpwuid(0), name


def _mode(status, entry):
    """The permission bits, with the owner when it isn't the user, as whom sshd reads the file."""
    mode = files.mode_text(status.st_mode)
    return mode if status.st_uid == entry.pw_uid else "{} {}".format(mode, files.owner_name(status.st_uid))


def _lines(data):
    return texts.lines(data.decode("utf-8", "surrogateescape"))


def _wanted(fields):
    """`{fingerprint: the wanted line, or None when any will do}`."""
    if "keys" in fields:
        return {ssh_keys.parse(line).fingerprint(): line for line in fields["keys"]}
    if "key" in fields:
        return {fields["key"]: None}
    raise Failed("it isn't known which keys of '{}' these were; remove them by hand".format(fields["user"]))


def _fingerprint(line):
    key = ssh_keys.parsed(line)
    return None if key is None else key.fingerprint()


def _matching(lines, wanted):
    """The file's lines that hold a wanted key, by fingerprint."""
    found = {}
    for line in lines:
        fingerprint = _fingerprint(line)
        if fingerprint in wanted:
            found.setdefault(fingerprint, []).append(line)
    return found


def _same(line, wanted):
    """Whether a line says what's wanted; a comment only counts when one is wanted."""
    there, asked = ssh_keys.parsed(line), ssh_keys.parse(wanted)
    return there.options == asked.options and (not asked.comment or there.comment == asked.comment)


def _shown(lines, present, fields):
    """The wanted keys in their order where they're right, the file's own lines where they aren't."""
    shown = []
    for fingerprint, line in _wanted(fields).items():
        found = present.get(fingerprint, [])
        right = len(found) == 1 and line is not None and _same(found[0], line)
        shown.extend([line] if right else [texts.strip(one) for one in found])
    if fields.get("exclusive"):
        shown.extend(texts.strip(line) for line in lines if _is_entry(line) and _fingerprint(line) not in present)
    return shown


def _is_entry(line):
    return bool(texts.strip(line)) and not line.lstrip(" \t").startswith("#")


def apply(fields, difference):
    """Rewrites the file: wanted keys stay where they are or come at the end, comments and others' keys stay."""
    removal = difference.get("exists") == (True, False)
    with _place(fields, fields.get("directory_mode", "0700")) as (directory, entry, name):
        data, _ = home_files.read(directory, entry, name)
        lines = _rewritten(_lines(data), fields, removal)
        text = "".join(line + "\n" for line in lines)
        home_files.write(directory, entry, name, text.encode("utf-8", "surrogateescape"), fields.get("mode", "0600"))


def _rewritten(lines, fields, removal):
    wanted = _wanted(fields)
    result, done = [], set()
    for line in lines:
        fingerprint = _fingerprint(line)
        if fingerprint not in wanted:
            if removal or not fields.get("exclusive") or not _is_entry(line):
                result.append(line)
        elif not removal and fingerprint not in done:
            done.add(fingerprint)
            result.append(line if _same(line, wanted[fingerprint]) else wanted[fingerprint])
    if not removal:
        result.extend(line for fingerprint, line in wanted.items() if fingerprint not in done)
    return result
