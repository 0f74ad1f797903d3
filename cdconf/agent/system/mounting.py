"""Mounts and unmounts, also at places that somebody else can change.

mount(8) and umount(8) go along a path once more by themselves. Where others could put a link on the way, they're
started in the directory that's held open, and told not to look for its real path; fstab's line is then told by words.
"""

import os

from cdconf.agent import files
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.values import Fields
    from cdconf.agent.files.folder import Folder

TIMEOUT = 120


def mount(fields: "Fields", options: "list[str]") -> "None":
    """Mounts by fstab's line, or with `remount` among the options changes how it's mounted.

    Args:
        fields: The resource's `path`, `device` and `type`.
        options: The options, a list.
    """
    path, remounts = fields["path"], options[0] == "remount"
    if files.on_roots_alone(path):
        words = ["-o", ",".join(options)] if remounts else []
        run_ok(["mount"] + words + ["--", path], timeout=TIMEOUT)
        return
    if not remounts and set(options) & {"bind", "rbind"}:
        # The other options need a second call, in the directory as it's mounted then; see the resource.
        options = [option for option in options if option in ("bind", "rbind")]
    with files.hold(path) as folder:
        words = ["-t", fields["type"], "-o", ",".join(options), "--", fields["device"], "."]
        _run("mount", words, folder)


def umount(path: "str") -> "None":
    """Unmounts what's mounted at a path."""
    if files.on_roots_alone(path):
        run_ok(["umount", "--", path], timeout=TIMEOUT)
        return
    with files.parent(path) as (folder, name):
        with folder.down(name) as mounted:
            if mounted.mount() == folder.mount():
                raise Failed("nothing is mounted at '{}' any more".format(path))
        _run("umount", ["--", "./" + name], folder)


def _run(program: "str", words: "list[str]", folder: "Folder") -> "None":
    plain = os.path.basename(os.path.realpath(programs.need(program))) == "busybox"  # it never looks for real paths
    here = "/proc/self/fd/{}".format(folder.descriptor)
    run_ok([program] + ([] if plain else ["-c"]) + words, timeout=TIMEOUT, cwd=here)
