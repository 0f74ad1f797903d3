"""Observes /etc/fstab and what is mounted, and changes both."""

import os

from cdconf.agent import files
from cdconf.agent.commands import programs
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file
from cdconf.agent.release import app_services
from cdconf.agent.system import fstab, mounting, mounts

KEEP, STACKED = "keep", 32
LINE = ("device", "type", "options", "dump", "pass")


def observe(fields):
    """The line of fstab, and what is mounted; None when there's neither.

    Raises:
        Missing: The device, or the directory to bind, isn't there.
    """
    path = fields["path"]
    entry = fstab.find(whole_file.read_or_empty(fstab.FILE), "path", path)
    live = _live(path)
    if fields.get("absent") or "device" not in fields:
        return None if entry is None and live is None else {}
    _check_device(fields)
    keeps = fields["mounted"] == KEEP
    if entry is None and (live is None or keeps):
        return None
    state = {name: entry[name] if entry else None for name in LINE}
    state["mounted"] = KEEP if keeps else live is not None
    if live is not None and fields["mounted"] and not keeps:
        state["mounted"] = _judged(fields, live)
    return state


def _judged(fields, live):
    """True when the right thing is mounted in the right way, else words that say what's wrong."""
    options = fields["options"].split(",")
    if not mounts.same_source(fields["device"], fields["type"], options, fields["path"], live):
        return "{} ({}) is mounted".format(live["source"], live["type"])
    wrong = mounts.wrong_options(options, live["options"]) + _added(fields, options)
    return "not {}".format(",".join(wrong)) if wrong else True


def _live(path):
    """What's mounted on a path, which the kernel knows by its real name."""
    return mounts.current().get(os.path.realpath(path))


def _added(fields, options):
    """What would undo the flags that nobody asked for; a bind mount has those of what it binds."""
    inherited = mounts.flags_at(fields["device"]) if set(options) & {"bind", "rbind"} else ()
    return mounts.added_flags(options, mounts.flags_at(fields["path"]), inherited)


def _check_device(fields):
    device = mounts.device_path(fields["device"])
    bind = "bind" in fields["options"].split(",")
    if fields["mounted"] is True and device.startswith("/") and not os.path.exists(device):
        raise Missing("directory" if bind else "device", fields["device"])


def apply(fields, difference):
    """The line of fstab first, so that mount and systemd find it there."""
    path = fields["path"]
    programs.need("mount")
    if difference.get("exists") == (True, False):
        _umount(path)
        _change(path, None)
        return
    _check_device(fields)
    before = fstab.find(whole_file.read_or_empty(fstab.FILE), "path", path)
    _change(path, {name: fields[name] for name in ("path",) + LINE})
    try:
        _mount(fields, before)
    except Failed:
        _change(path, before)  # a line of fstab that doesn't work may keep the host from booting
        raise


def _umount(path):
    """All of it, where it's mounted several times on top of each other."""
    for _ in range(STACKED):
        if _live(path) is None:
            break
        mounting.umount(path)


def _mount(fields, before):
    path = fields["path"]
    live = _live(path)
    if fields["mounted"] == KEEP:
        return
    if not fields["mounted"]:
        _umount(path)
        return
    options = fields["options"].split(",")
    if live is not None and not mounts.same_source(fields["device"], fields["type"], options, path, live):
        if before is None:
            raise Failed("'{}' is in the way: {} is mounted there by hand".format(path, live["source"]))
        mounting.umount(path)
        live = None
    if live is None:
        files.make_directory(path)
        mounting.mount(fields, options)
    else:
        added = _added(fields, options)
        is_changed = (before or {}).get("options") != fields["options"]
        if is_changed or added or mounts.wrong_options(options, live["options"]):
            _remount(fields, options + added)
    if "bind" in options and mounts.wrong_options(options, _live(path)["options"]):
        _remount(fields, options)  # the kernel takes a bind mount's own options by a second call only


def _remount(fields, options):
    kept = [option for option in options if option not in ("defaults", "bind")] or ["rw"]
    mounting.mount(fields, ["remount"] + (["bind"] if "bind" in options else []) + kept)


def _change(path, entry):
    """Edits fstab; systemd makes units of its lines, and has to be told."""
    if fstab.change("path", path, entry) and os.path.isdir("/run/systemd/system"):
        app_services.daemon_reload()
