"""Observes and applies unit files; however many are changed together, systemd is reloaded once."""

import os

from cdconf.agent import files
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file
from cdconf.agent.release import app_services
from cdconf.agent.system import units

FOLDER = "/etc/systemd/system"


def _path(fields):
    return os.path.join(FOLDER, fields["name"])


def observe(fields):
    """Content and mode; None when there's no such file."""
    programs.need("systemctl")
    try:
        return whole_file.observe(_path(fields))
    except Missing:
        return None  # the directory of its drop-ins


def observe_many(many):
    """See `observe`."""
    return [observe(fields) for fields in many]


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """Writes and removes them, and has systemd read its files again.

    Raises:
        Failed: systemd can't load one of them, so all have their old content again.
    """
    before = [(fields, _content(fields)) for fields, _ in changes]
    for fields, difference in changes:
        if difference.get("exists") == (True, False):
            _remove(fields)
        else:
            _write(fields, fields["content"], fields["mode"], fields.get("validate"))
    app_services.daemon_reload()
    problem = _problem([fields for fields, difference in changes if difference.get("exists") != (True, False)])
    if problem is not None:
        for fields, content in before:
            if content is None:
                whole_file.remove(_path(fields))
            else:
                _write(fields, content)
        app_services.daemon_reload()
        raise problem


def _content(fields):
    try:
        return whole_file.read_text(_path(fields))
    except FileNotFoundError:
        return None


def _write(fields, content, mode="0644", validate=None):
    path = _path(fields)
    files.make_directory(os.path.dirname(path))
    whole_file.write(path, content, mode, validate)


def _remove(fields):
    """A unit is stopped and disabled first, a template with all its instances."""
    name = fields["name"]
    if not name.endswith(".conf") and (units.resolve(name) == name or not os.path.islink(_path(fields))):
        stem, at, suffix = name.partition("@.")
        if at:
            run(["systemctl", "stop", "--", "{}@*.{}".format(stem, suffix)], timeout=120)
        run(["systemctl", "disable"] + ([] if at else ["--now"]) + ["--", name], timeout=120)
    whole_file.remove(_path(fields))


def _units(many):
    """The units that the files belong to; templates can't be loaded themselves."""
    names = [fields["name"].partition(".d/")[0] for fields in many]
    return sorted({name for name in names if "@." not in name and name.endswith(units.SUFFIXES)})


def _problem(many):
    """What systemd has against one of the units, as a `Failed`; None when it can load all."""
    names = _units(many)
    for name, shown in app_services.show(names).items() if names else ():
        if shown["LoadState"] in ("bad-setting", "error"):
            reason = shown.get("LoadError", "").partition(" ")[2].strip('" ') or shown["LoadState"]
            return Failed(
                "systemd can't load '{}', so it stays as it was: {}".format(name, reason),
                output=app_services.journal(name, 5),
            )
    return None
