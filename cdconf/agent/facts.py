"""Read-only data of this host, in groups, from files and the kernel: no process is started.

None of them changes from one minute to the next: no time, uptime, load or free memory. What each fact means, its
type and an example stand in the controller's `cdconf.facts.table`; a test holds the two together.
"""

from cdconf.agent import facts_machine, facts_network, facts_system
from cdconf.agent.base import Failed

# group -> what gathers it: a function from the root directory to {fact: value}
GROUPS = {
    "os": facts_system.operating_system,
    "system": facts_system.system,
    "virtualisation": facts_system.virtualisation,
    "cpu": facts_machine.cpu,
    "memory": facts_machine.memory,
    "disks": facts_machine.disks,
    "mounts": facts_machine.mounts,
    "network": facts_network.network,
}


def gather(groups, root="/"):
    """The facts of some groups as plain data, `{fact: value}`.

    Args:
        groups: Keys of `GROUPS`.
        root: Where /proc, /sys and /etc are.

    Raises:
        Failed: There is no such group, or the kernel doesn't tell.
    """
    result = {}
    for group in groups:
        if group not in GROUPS:
            raise Failed("this agent knows no group of facts '{}'".format(group), kind="protocol")
        result.update(GROUPS[group](root))
    return result
