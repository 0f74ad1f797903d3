"""Observes and applies files of /etc/sudoers.d."""

from cdconf.agent import owned, programs

FOLDER = "/etc/sudoers.d/"


def observe(fields):
    """Content and mode; None when there's no rule. Raises `Missing` without sudo."""
    return owned.observe(FOLDER + fields["name"])


def apply(fields, difference):
    """A rule that visudo refuses never goes live: one bad file locks everybody out of sudo."""
    path = FOLDER + fields["name"]
    if difference.get("exists") == (True, False):
        owned.remove(path)
        return
    owned.write(path, fields["content"], fields["mode"], programs.need("visudo") + " -cf {}")
