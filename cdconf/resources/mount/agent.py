"""Observes /etc/fstab and what is mounted, and changes both."""

import os

from cdconf.agent import files, fstab, mounting, mounts, owned, programs, services
from cdconf.agent.base import Failed, Missing

LINE = ("device", "type", "options", "dump", "pass")


def observe(fields):
    """The line of fstab, and what is mounted; None when there's neither.

    Raises:
        Missing: The device, or the directory to bind, isn't there.
    """
    path = fields["path"]
    entry = fstab.find(owned.read_or_empty(fstab.FILE), "path", path)
    live = mounts.current().get(path)
    if fields.get("absent") or "device" not in fields:
        return None if entry is None and live is None else {}
    _check_device(fields)
    if entry is None and live is None:
        return None
    state = {name: entry[name] if entry else None for name in LINE}
    state["mounted"] = live is not None
    if live is not None and fields["mounted"]:
        state["mounted"] = _judged(fields, live)
    return state


def _judged(fields, live):
    """True when the right thing is mounted in the right way, else words that say what's wrong."""
    options = fields["options"].split(",")
    if not mounts.same_source(fields["device"], fields["type"], options, fields["path"], live):
        return "{} ({}) is mounted".format(live["source"], live["type"])
    wrong = mounts.wrong_options(options, live["options"])
    return "not {}".format(",".join(wrong)) if wrong else True


def _check_device(fields):
    device = mounts.device_path(fields["device"])
    bind = "bind" in fields["options"].split(",")
    if fields["mounted"] and device.startswith("/") and not os.path.exists(device):
        raise Missing("directory" if bind else "device", fields["device"])


def apply(fields, difference):
    """The line of fstab first, so that mount and systemd find it there."""
    path = fields["path"]
    programs.need("mount")
    if difference.get("exists") == (True, False):
        if path in mounts.current():
            mounting.umount(path)
        _change(path, None)
        return
    _check_device(fields)
    before = fstab.find(owned.read_or_empty(fstab.FILE), "path", path)
    _change(path, {name: fields[name] for name in ("path",) + LINE})
    try:
        _mount(fields, before)
    except Failed:
        _change(path, before)  # a line of fstab that doesn't work may keep the host from booting
        raise


def _mount(fields, before):
    path = fields["path"]
    live = mounts.current().get(path)
    if not fields["mounted"]:
        if live is not None:
            mounting.umount(path)
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
    elif (before or {}).get("options") != fields["options"] or mounts.wrong_options(options, live["options"]):
        _remount(fields, options)
    if "bind" in options and mounts.wrong_options(options, mounts.current()[path]["options"]):
        _remount(fields, options)  # the kernel takes a bind mount's own options by a second call only


def _remount(fields, options):
    kept = [one for one in options if one not in ("defaults", "bind")] or ["rw"]
    mounting.mount(fields, ["remount"] + (["bind"] if "bind" in options else []) + kept)


def _change(path, entry):
    """Edits fstab; systemd makes units of its lines, and has to be told."""
    if fstab.change("path", path, entry) and os.path.isdir("/run/systemd/system"):
        services.daemon_reload()
