"""Whether a disk has room for what is about to be written, asked before anything is."""

import os

from cdconf.agent.errors import Failed

SPARE = 16 * 1024 * 1024  # bytes that stay free, since others write as well
RECORD = 256  # bytes that one file takes in a release's records


def check(folder, need_bytes, need_files, what):
    """Raises `Failed` (`disk_full`) unless there's room, with a tenth to spare.

    Args:
        folder: Where it's to be written; what of it isn't there yet is made in the nearest one that is.
        need_bytes: How much it takes.
        need_files: How many inodes.
        what: Names it: "the release".
    """
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    free, need = disk.f_bavail * disk.f_frsize, int(need_bytes * 1.1) + SPARE
    if free < need:
        text = "no room: {} has {:.1f} MB free, and {} needs {:.1f} MB ({:.1f} MB of them stay free)"
        raise Failed(text.format(folder, free / 1e6, what, need / 1e6, SPARE / 1e6), kind="disk_full")
    inodes = int(need_files * 1.1) + 16
    if disk.f_files and disk.f_favail < inodes:  # btrfs and others have no limit, and say 0
        text = "no room: {} has {} inodes free, and {} needs {}"
        raise Failed(text.format(folder, disk.f_favail, what, inodes), kind="disk_full")
