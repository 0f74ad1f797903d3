"""Observes and applies files of /etc/security/limits.d (limits.conf(5))."""

from cdconf.agent.files import whole_file

PATH = "/etc/security/limits.d/{}.conf"


def observe(fields):
    """Content and mode; None when there's no such file. Raises `Missing` without pam_limits."""
    return whole_file.observe(PATH.format(fields["name"]))


def apply(fields, difference):
    """Writes or removes the file; PAM reads it at each login."""
    path = PATH.format(fields["name"])
    if difference.get("exists") == (True, False):
        whole_file.remove(path)
    else:
        whole_file.write(path, fields["content"], fields["mode"], fields.get("validate"))
