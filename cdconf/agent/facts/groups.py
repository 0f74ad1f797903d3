"""Read-only data of this host, in groups, from files and the kernel; no process is started but `rpm`.

None of them changes from one minute to the next: no time, uptime, load or free memory. What each fact means, its
type and an example stand in the controller's `cdconf.facts.table`; a test holds the two together.
"""

import sys

from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# group -> the module and the function that gather it: from the root directory to {fact: value}. A module is imported
# when one of its groups is asked for.
GROUPS = {
    "os": ("system", "operating_system"),
    "system": ("system", "system"),
    "virtualisation": ("system", "virtualisation"),
    "cpu": ("machine", "cpu"),
    "memory": ("machine", "memory"),
    "disks": ("machine", "disks"),
    "mounts": ("machine", "mounts"),
    "network": ("network", "network"),
    "users": ("existing", "users"),
    "packages": ("existing", "packages"),
    "paths": ("existing", "paths"),
}


def gather(groups: "Iterable[str]", root: "str" = "/") -> "dict[str, Any]":
    """The facts of some groups as plain data, `{fact: value}`.

    Args:
        groups: Keys of `GROUPS`; `paths:PATTERN` for the paths that match a pattern.
        root: Where /proc, /sys and /etc are.

    Raises:
        Failed: There is no such group, or the kernel doesn't tell.
    """
    result: "dict[str, Any]" = {}
    for group in groups:
        key, _, pattern = group.partition(":")
        if key not in GROUPS:
            raise Failed("this agent knows no group of facts '{}'".format(group), kind="protocol")
        module, function = GROUPS[key]
        name = "cdconf.agent.facts." + module
        __import__(name)
        found = getattr(sys.modules[name], function)(*([root, pattern] if pattern else [root]))
        if key in result:  # the paths of another pattern
            result[key].update(found[key])
        else:
            result.update(found)
    return result
