"""Observes and applies files of /etc/cron.d."""

import os
import re

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import whole_file

NEEDED = ("content",)
FOLDER = "/etc/cron.d/"
# What runs the jobs there: cron of Debian, cronie, bcron, systemd-cron. BusyBox's crond never looks there.
DAEMONS = ("cron", "crond", "bcron-start")
GENERATORS = tuple(
    folder + "/systemd/system-generators/systemd-crontab-generator" for folder in ("/usr/lib", "/lib", "/usr/local/lib")
)
# Bytes of a command, and of a variable with its name: cron counts the new line and the NUL at the end, too.
VIXIE, CRONIE = 998, 131070
CRONIE_SINCE = (1, 5)  # earlier ones had the old limit


def observe(fields):
    """Content and mode; None when there's no job.

    Raises:
        Missing: There's no cron that reads the directory, or no such user.
        Failed: Cron would ignore the file, because a line is too long for it.
    """
    if "user" in fields and not fields.get("absent"):
        _check_user(fields["user"])
        _check_length(fields, _daemon())
    return whole_file.observe(FOLDER + fields["name"])


def _check_user(user):
    if texts.is_number(user):
        raise Failed("cron wants a user's name, not the number {}".format(user))
    files.uid_of(user)


def _daemon():
    """The program that runs the jobs.

    Raises:
        Missing: There's none.
    """
    for name in DAEMONS:
        path = programs.find(name)
        if path is not None and os.path.basename(os.path.realpath(path)) != "busybox":
            return path
    for path in GENERATORS:
        if os.path.exists(path):
            return path
    raise Missing("program that runs the jobs in /etc/cron.d, such as", "cron")


def _check_length(fields, daemon):
    if os.path.basename(daemon) not in ("cron", "crond"):
        return
    *variables, job = fields["content"].split("\n")[:-1]
    command = job[job.index(" {} ".format(fields["user"])) + len(fields["user"]) + 2 :]
    for what, text in [("variable", text) for text in variables] + [("command", command)]:
        size = len(text.encode("utf-8"))
        if size > VIXIE and size > _limit(daemon):
            problem = "the {} of the job '{}' has {} bytes, and this host's cron takes {} at most; put it into a script"
            raise Failed(problem.format(what, fields["name"], size, _limit(daemon)))


def _limit(daemon):
    said = run([daemon, "-V"], timeout=10)
    found = re.search(r"cronie ([0-9]+)\.([0-9]+)", said.out + said.err)
    is_long = found is not None and (int(found.group(1)), int(found.group(2))) >= CRONIE_SINCE
    return CRONIE if is_long else VIXIE


def apply(fields, difference):
    """Cron sees by itself that the directory has changed."""
    path = FOLDER + fields["name"]
    if difference.get("exists") == (True, False):
        whole_file.remove(path)
        return
    _check_user(fields["user"])
    _check_length(fields, _daemon())
    whole_file.write(path, fields["content"], fields["mode"], fields.get("validate"))
