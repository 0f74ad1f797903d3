"""Observes packages in the package manager's own database and changes them in its transactions."""

from cdconf.agent.errors import Failed
from cdconf.agent.packages import common


def _agent(name):
    """The module of a package manager."""
    if name == "apt":
        from cdconf.agent.packages import apt as module
    elif name == "dnf":
        from cdconf.agent.packages import dnf as module
    elif name == "apk":
        from cdconf.agent.packages import apk as module
    else:
        raise Failed("there's no package manager '{}'".format(name))
    return module


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """The states of packages, one look at each manager's database for all of them."""
    states = [None] * len(many)
    for name, numbers in _by_manager(many).items():
        for number, state in zip(numbers, _agent(name).observe([many[number] for number in numbers])):
            states[number] = state
    return states


def portray(fields):
    """The version that is installed, where observing says only whether it's the wanted one."""
    return {name: value for name, value in fields.items() if name != "version"}


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """As few transactions as the manager can do it in."""
    for name, numbers in _by_manager([fields for fields, _ in changes]).items():
        _agent(name).apply([changes[number] for number in numbers])


def _by_manager(many):
    """Manager -> positions of its packages, in their order."""
    groups = {}
    for number, fields in enumerate(many):
        groups.setdefault(common.name_of(fields.get("manager")), []).append(number)
    return groups
