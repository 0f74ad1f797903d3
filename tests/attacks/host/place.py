"""Where an attack is tried: a directory that the attacker owns, and one of root's that must stay as it is.

All of it is in a file system in memory, in a mount namespace of its own with its own /etc: the host is never harmed.

    /attack/place      the attacker's; what the agent is told to make, change or remove is below
    /attack/stash      the attacker's; what is put in the place of something
    /attack/victim     root's alone; it has what the place has, and stands for /etc
    /attack/sources    root's; what's downloaded, unpacked, cloned
"""

import ctypes
import hashlib
import os
import shutil
import stat
import struct
import subprocess

from attacker import UID

ROOT = "/attack"
PLACE, STASH, VICTIM, SOURCES = (os.path.join(ROOT, name) for name in ("place", "stash", "victim", "sources"))
ELSEWHERE = "/mnt/attacks"  # where rows mount what's in the place
CANARY = "CANARY=0badcafe0badcafe\n"
COPIED = ("/etc", "/var/lib/cdconf")
ACCOUNTS = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid", "fstab", "hosts")

_PRIVATE, _REC, _BIND, _NEWNS, _DETACH = 1 << 18, 1 << 14, 1 << 12, 1 << 17, 2
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind=None, flags=0):
    """mount(2)."""
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    if _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def bind(source, target):
    """Shows a file or a directory at another path as well."""
    mount(source, target, flags=_BIND)


def mounts():
    """The mount points below the place, the deepest first."""
    with open("/proc/self/mountinfo") as stream:
        points = [line.split()[4].encode().decode("unicode_escape") for line in stream]
    return sorted((point for point in points if point.startswith((ROOT + "/", ELSEWHERE))), key=len, reverse=True)


def unmount_all():
    """Ends every mount below the place."""
    for point in mounts():
        _libc.umount2(os.fsencode(point), _DETACH)


def enter():
    """A mount namespace of this process's own, in which only copies can be changed."""
    if _libc.unshare(_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    mount("none", "/", flags=_PRIVATE | _REC)
    for path in COPIED + (ROOT, "/run/cdconf-attacks"):
        os.makedirs(path, 0o755, exist_ok=True)
    mount("tmpfs", "/run/cdconf-attacks", "tmpfs")
    for path in COPIED:
        copy = "/run/cdconf-attacks/" + path.strip("/").replace("/", "-")
        subprocess.run(["cp", "-a", path, copy], check=True)
        bind(copy, path)
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group, open("/etc/shadow", "a") as shadow:
        passwd.write("app1:x:{0}:{0}::{1}/dir:/bin/sh\n".format(UID, PLACE))
        group.write("app1:x:{}:\n".format(UID))
        shadow.write("app1:!:19000:0:99999:7:::\n")
    shutil.copytree("/etc", "/run/cdconf-attacks/accounts", ignore=lambda _, names: set(names) - set(ACCOUNTS))
    mount("tmpfs", ROOT, "tmpfs")
    os.chmod(ROOT, 0o755)


def restore_accounts():
    """Users and groups as they were at first."""
    for name in ACCOUNTS:
        saved, path = os.path.join("/run/cdconf-attacks/accounts", name), os.path.join("/etc", name)
        if os.path.exists(saved):
            shutil.copy2(saved, path + ".saved")
            os.rename(path + ".saved", path)
        elif os.path.exists(path):
            os.unlink(path)


def make(row):
    """Makes the place anew, as a row has it."""
    unmount_all()
    for name in os.listdir(ROOT):
        path = os.path.join(ROOT, name)
        if path != SOURCES:
            try:
                shutil.rmtree(path)
            except RecursionError:
                subprocess.run(["rm", "-rf", path], check=True)
    for path in (PLACE, STASH):
        os.mkdir(path, 0o755)
        os.chown(path, UID, UID)
    os.makedirs(os.path.join(VICTIM, "empty"), 0o755)
    for path, text in sorted(row["has"].items()):
        _put(os.path.join(PLACE, path), text, UID, 0o644)
    secret = row.get("victim_text", CANARY)
    mirrored = dict({path: None if kind == "directory" else "" for path, kind in row["points"].items()}, **row["has"])
    for path, text in sorted(dict(mirrored, **row["victim_has"]).items()):
        _put(os.path.join(VICTIM, path.lstrip("/")), None if text is None else secret, 0, 0o600)
    for path in ("shadow", os.path.dirname(row["target"]) + "/gshadow"):
        _put(os.path.join(VICTIM, path), secret, 0, 0o600)
    for path in row.get("roots", ()):
        os.chown(os.path.join(PLACE, path), 0, 0, follow_symlinks=False)
    _share_out(row)


def _put(path, text, owner, mode):
    """A file, or where there's no text a directory, with what it lies in."""
    missing = []
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for one in reversed(missing):
        os.mkdir(one, 0o755)
        os.chown(one, owner, owner)
    if text is None:
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
    elif text.startswith("-> "):
        os.symlink(text[3:], path)
    elif text.startswith("@file "):
        shutil.copyfile(os.path.join(SOURCES, text[6:]), path)
    else:
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, mode)
        if owner == 0:
            os.setxattr(path, "trusted.canary", b"1")
    os.chown(path, owner, owner, follow_symlinks=False)


def _share_out(row):
    """Who may write to the place besides its owner: nobody, everybody, a group, a user of its ACL."""
    kind, folder = row.get("writable", "owner"), os.path.join(PLACE, os.path.dirname(row["target"]))
    if kind == "owner":
        return
    os.chown(PLACE, 0, 0)
    if kind == "sticky":
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o1777)
    elif kind == "group":
        os.chown(folder, 0, UID)
        os.chmod(folder, 0o775)
    elif kind == "acl":
        os.chown(folder, 0, 0)
        allow(folder, 7)


def allow(path, bits, kind="access"):
    """An entry for the attacker in a path's ACL (acl(5)); `kind` is `access` or `default`."""
    entries = [(1, 7, -1), (2, bits, UID), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in entries)
    os.setxattr(path, "system.posix_acl_" + kind, value)


def deep(folder, levels):
    """Directories in directories, deeper than a path can be long."""
    here = os.open("/", os.O_RDONLY)
    os.chdir(folder)
    for _ in range(levels):
        os.mkdir("deep", 0o755)
        os.chown("deep", UID, UID)
        os.chdir("deep")
    os.fchdir(here)
    os.close(here)


def portrait():
    """Everything that must stay: of each path of the victim kind, mode, owner, xattrs and content."""
    found = {}
    for folder, names, others in os.walk(VICTIM):
        for path in [folder] + [os.path.join(folder, name) for name in names + others]:
            found[path] = _about(path)
    found["mounts"] = [point for point in mounts() if point.startswith(VICTIM)]
    return found


def _about(path):
    status = os.lstat(path)
    content = None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            content = hashlib.md5(stream.read(1 << 20)).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    names = [
        (name, os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False)
    ]
    return oct(status.st_mode), status.st_uid, status.st_gid, content, sorted(names)


def changes(before, after):
    """What happened to the victim, in words; empty when it's unharmed."""
    words = []
    for path in sorted(set(before) | set(after)):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        if one is None:
            words.append("made {}".format(path))
        elif other is None:
            words.append("removed {}".format(path))
        elif path == "mounts":
            words.append("mounted over {}".format(other))
        else:
            names = ("mode", "owner", "group", "content", "xattrs")
            what = [name for place, name in enumerate(names) if one[place] != other[place]]
            words.append("changed {} of {}".format(", ".join(what), path))
    return words


def misplaced():
    """What of root's is where the attacker can use it: programs that run as root, cdconf's own records."""
    found = []
    for folder, _, names in os.walk(PLACE):
        for name in names:
            status = _status(os.path.join(folder, name))
            if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and status.st_mode & stat.S_ISUID:
                found.append("a program of the attacker's is setuid root: {}".format(os.path.join(folder, name)))
    records = "/var/lib/cdconf/attacks"
    if os.path.exists(records + "/key.json") and os.stat(os.path.dirname(records)).st_uid == UID:
        found.append("records are kept in a directory of the attacker's: {}".format(records))
    return found


def leaks(secret, attacker):
    """Files, the victim's own aside, that hold the victim's secret and that the attacker can read."""
    secret = secret.strip()
    own = {os.lstat(os.path.join(folder, name)).st_ino for folder, _, names in os.walk(VICTIM) for name in names}
    found = []
    for top in (PLACE, STASH):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                status = _status(path)
                if not stat.S_ISREG(status.st_mode) or status.st_ino in own or status.st_size > 1 << 20:
                    continue
                if _holds(path, secret) and attacker.reads(path, secret):
                    found.append("readable in {}".format(path))
    return found


def _status(path):
    try:
        return os.lstat(path)
    except OSError:  # deeper than a path can be long
        return os.stat("/")


def _holds(path, secret):
    with open(path, "rb") as stream:
        return secret.encode() in stream.read()
