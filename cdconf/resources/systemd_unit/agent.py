"""Observes and applies unit files."""

import os

from cdconf.agent import files, services
from cdconf.agent.base import run

FOLDER = "/etc/systemd/system"


def _path(fields):
    return os.path.join(FOLDER, fields["name"])


def observe(fields):
    """The content; None when there's no such file."""
    try:
        with open(_path(fields), encoding="utf-8", errors="surrogateescape") as stream:
            return {"content": stream.read()}
    except FileNotFoundError:
        return None


def apply(fields, difference):
    """Writes or removes it, and has systemd read its files again."""
    path = _path(fields)
    if difference.get("exists") == (True, False):
        if not fields["name"].endswith(".conf"):
            run(["systemctl", "disable", "--now", "--", fields["name"]], timeout=120)
        os.unlink(path)
    else:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        files.write_atomic(path, fields["content"].encode("utf-8"), "root", "root", "0644", fields.get("validate"))
    services.daemon_reload()
