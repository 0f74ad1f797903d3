"""Observes and sets the kernel's and the next boot's host name."""

import os
import socket

from cdconf.agent import texts
from cdconf.agent.errors import Failed
from cdconf.agent.files import whole_file

FILE = "/etc/hostname"
ONE_PER_HOST = True


def observe(fields):
    """The kernel's name, and the first line of /etc/hostname that says something (hostname(5))."""
    lines = [texts.strip(line) for line in texts.lines(whole_file.read_or_empty(FILE))]
    names = [line for line in lines if line and not line.startswith("#")]
    return {"kernel": os.uname().nodename, "at_boot": names[0] if names else None}


def apply(fields, difference):
    """The file first: it's what stays."""
    if "at_boot" in difference:
        whole_file.write(FILE, fields["name"] + "\n", "0644")
    if "kernel" in difference:
        try:
            socket.sethostname(fields["name"])
        except OSError as error:
            raise Failed("the kernel doesn't let this host be renamed: {}".format(error.strerror))
