"""Observes kernel parameters in /proc/sys and sysctl's files, and sets both."""

import errno
import os

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file
from cdconf.agent.system import sysctl

FILE, LEGACY = "/etc/sysctl.d/zz-cdconf.conf", "/etc/sysctl.conf"


def observe(fields):
    """See `observe_many`."""
    state = observe_many([fields])[0]
    if isinstance(state, Failed):
        raise state
    return state


def observe_many(many):
    """The kernel's value, and whether boot sets the same; for a parameter that isn't there its `Missing`."""
    ours, legacy = (sysctl.read(whole_file.read_or_empty(path)) for path in (FILE, LEGACY))
    return [_observe(fields, ours, legacy) for fields in many]


def _observe(fields, ours, legacy):
    path = sysctl.path_of(fields["key"])
    if fields.get("absent") or "value" not in fields:
        return {"value": ours[path]} if path in ours else None
    try:
        value = _kernel(path)
    except Failed as error:
        return error
    if fields["at_boot"]:
        at_boot = ours.get(path) == fields["value"] == legacy.get(path, fields["value"])
    else:
        at_boot = path in ours
    same = sysctl.is_same(path, fields["value"], value)
    return {"value": fields["value"] if same else value, "at_boot": at_boot}


def _kernel(path):
    try:
        with open(sysctl.ROOT + path, newline="\n") as stream:
            return sysctl.value_of(stream.read())
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("kernel parameter", sysctl.key_of(path))
    except OSError as error:
        raise Failed("kernel parameter '{}' can't be read: {}".format(sysctl.key_of(path), error.strerror))


def apply(fields, difference):
    """The kernel first: a value that it refuses is never written for the next boot."""
    key = fields["key"]
    path = sysctl.path_of(key)
    if difference.get("exists") == (True, False):
        _put(FILE, key, None)
        return
    if not sysctl.is_same(path, fields["value"], _kernel(path)):
        _set(path, key, fields["value"])
    if not fields["at_boot"]:
        _put(FILE, key, None)
        return
    _put(FILE, key, fields["value"])
    if path in sysctl.read(whole_file.read_or_empty(LEGACY)):
        _put(LEGACY, key, fields["value"])


def _set(path, key, value):
    try:
        with open(sysctl.ROOT + path, "w", newline="\n") as stream:
            stream.write(value + "\n")  # an empty value is a line, too
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Failed("kernel parameter '{}' is read-only here ({})".format(key, error.strerror))
        raise Failed("the kernel refuses '{}' for '{}': {}".format(value, key, error.strerror))


def unmet(fields):
    """What to say when the kernel took a value and shows another one."""
    live = _kernel(sysctl.path_of(fields["key"]))
    text = "the kernel was given '{}' for '{}', and made '{}' of it; give it a value that it keeps as it is"
    return Failed(text.format(fields["value"], fields["key"], live))


def _put(file, key, value):
    text = whole_file.read_or_empty(file)
    changed = sysctl.put(text, key, value)
    if changed == text:
        return
    if file == FILE and not sysctl.read(changed):
        whole_file.remove(file)
        return
    files.make_directory(os.path.dirname(file))
    if os.path.exists(file):
        files.write_atomic(file, whole_file.to_bytes(changed), follow=True)
    else:
        whole_file.write(file, changed, "0644")
