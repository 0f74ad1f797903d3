"""In which releases the processes of a service work."""

import os

from cdconf.agent import texts
from cdconf.agent.system import processes, units


def told_wrong(name, folder):
    """What's wrong with a service that was told of a release and goes on by itself; None for nothing.

    A program that's none of the app's own, such as a web server, works in no release: that it's active must do.
    """
    where = places(name, os.path.dirname(folder))
    release = os.path.basename(folder)
    if not where or release in where:
        return None
    return "still works in {} alone".format(", ".join(where))


def pids_of(full):
    """The processes of a unit, by its full name."""
    return [int(pid) for pid in os.listdir("/proc") if texts.is_number(pid) and processes.unit(int(pid)) == full]


def places(name, releases):
    """The names of the releases that a service's processes work in or were started from; None where nobody can tell.

    Args:
        name: The service.
        releases: The directory of the app's releases.
    """
    prefix = os.path.realpath(releases) + "/"
    seen = processes.seen(pids_of(units.resolve(name)), processes.links)
    if any(links is None for links in seen.values()):
        return None
    found = [path[len(prefix) :].split("/")[0] for links in seen.values() for path in links if path.startswith(prefix)]
    return sorted(set(found))
