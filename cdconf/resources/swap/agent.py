"""Observes and applies swap files and devices."""

import os
import stat

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import trees, whole_file
from cdconf.agent.release import app_services
from cdconf.agent.system import fstab

SIGNATURES = (b"SWAPSPACE2", b"SWAP-SPACE")
PAGE = os.sysconf("SC_PAGE_SIZE")


def observe(fields):
    """Size and signature, fstab's options and whether it's in use; None when there's nothing of it."""
    path = fields["path"]
    removing = fields.get("absent") or "formatted" not in fields
    entry = fstab.find(whole_file.read_or_empty(fstab.FILE), "device", path)
    status = files.lstat(path)
    if status is None:
        if not removing and "size" not in fields:
            raise Missing("device", path)
        return None if entry is None else {}
    if removing and stat.S_ISBLK(status.st_mode):
        return None if entry is None and not is_active(path) else {}
    files.need_roots_alone(path, "swap")
    _check(path, status, "size" in fields or removing)
    if not removing and "size" not in fields:
        _check_blank(path)
    return {
        "size": str(status.st_size) if _private(status) else "not root's alone",
        "options": entry["options"] if entry and entry["type"] == "swap" else None,
        "formatted": has_signature(path),
        "active": is_active(path),
    }


def _private(status):
    return stat.S_ISBLK(status.st_mode) or (status.st_uid == 0 and stat.S_IMODE(status.st_mode) & 0o077 == 0)


def _check(path, status, wants_file):
    if wants_file and not stat.S_ISREG(status.st_mode):
        raise Failed("'{}' isn't a plain file; a device has no `size`".format(path))
    if not wants_file and not stat.S_ISBLK(os.stat(path).st_mode):
        raise Failed("'{}' is neither a device nor a file with a `size`".format(path))


def has_signature(path):
    """Whether mkswap has been here: the last ten bytes of the first page (linux/swap.h)."""
    with open(path, "rb") as stream:
        stream.seek(PAGE - 10)
        return stream.read(10) in SIGNATURES


def _check_blank(path):
    with open(path, "rb") as stream:
        blank = not stream.read(1024 * 1024).strip(b"\0")
    if not blank and not has_signature(path):
        raise Failed("'{}' holds something else than swap; wipe it by hand if that can go (wipefs)".format(path))


def is_active(path, table="/proc/swaps"):
    """Whether the kernel swaps there (proc(5))."""
    with open(table, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        used = [fstab.decode(texts.words(line)[0]) for line in texts.lines(stream.read())[1:] if texts.strip(line)]
    return os.path.realpath(path) in [os.path.realpath(one) for one in used]


def apply(fields, difference):
    """Made under another name and renamed, then in use, then in fstab."""
    path = fields["path"]
    removal = difference.get("exists") == (True, False)
    files.need_roots_alone(path, "swap")
    remade = not removal and _must_be_made(fields)
    if (removal or remade or not fields["active"]) and os.path.lexists(path) and is_active(path):
        run_ok(["swapoff", "--", path], timeout=600)
    if removal:
        _change(path, None)
        if os.path.isfile(path) and not os.path.islink(path):
            whole_file.remove(path)
        return
    if remade:
        _make(fields)
    elif "size" in fields:
        files.set_ownership(path, {"owner": (None, "0"), "group": (None, "0"), "mode": (None, "0600")}, "0")
    if fields["active"]:
        if is_active(path) and "options" in difference:
            run_ok(["swapoff", "--", path], timeout=600)
        if not is_active(path):
            priority = fields["options"].partition("pri=")[2]
            run_ok(["swapon"] + (["-p", priority] if priority else []) + ["--", path], timeout=60)
    # Last: what can't be used isn't for the next boot either.
    _change(path, {"device": path, "path": "none", "type": "swap", "options": fields["options"], "dump": 0, "pass": 0})


def _must_be_made(fields):
    path = fields["path"]
    status = files.lstat(path)
    if status is None or not has_signature(path):
        return True
    # Whoever made a file may still have it open, and would read what's swapped out.
    return "size" in fields and (str(status.st_size) != fields["size"] or status.st_uid != 0)


def _make(fields):
    path, make = fields["path"], programs.need("mkswap")
    if "size" not in fields:
        if not os.path.exists(path):
            raise Missing("device", path)
        _check_blank(path)
        run_ok([make, "--", path], timeout=60)
        return
    with files.parent(path) as (folder, name):
        fresh = files.TEMPORARY_PREFIX + "swap"
        folder.unlink(fresh)
        try:
            with trees.create(folder, fresh) as stream:
                os.posix_fallocate(stream.fileno(), 0, int(fields["size"]))
            run_ok([make, "--", folder.place(fresh)], timeout=60)
            folder.rename(fresh, name)
        except OSError as error:
            raise Failed("can't make the swap file '{}': {}".format(path, error.strerror))
        finally:
            folder.unlink(fresh)
        folder.sync()


def _change(path, entry):
    if fstab.change("device", path, entry) and os.path.isdir("/run/systemd/system"):
        app_services.daemon_reload()
