"""Observes and applies files of /etc/cron.d."""

from cdconf.agent import files, owned
from cdconf.agent.base import Failed

FOLDER = "/etc/cron.d/"


def observe(fields):
    """Content and mode; None when there's no job. Raises `Missing` without cron or the user."""
    if "user" in fields and not fields.get("absent"):
        _check_user(fields["user"])
    return owned.observe(FOLDER + fields["name"])


def _check_user(user):
    if user.isdigit():
        raise Failed("cron wants a user's name, not the number {}".format(user))
    files.uid_of(user)


def apply(fields, difference):
    """Cron sees by itself that the directory has changed."""
    path = FOLDER + fields["name"]
    if difference.get("exists") == (True, False):
        owned.remove(path)
        return
    _check_user(fields["user"])
    owned.write(path, fields["content"], fields["mode"], fields.get("validate"))
