"""Removes what was applied once and has gone from the files, by what an earlier version may have remembered of it."""

from cdconf.agent.errors import Failed, Missing

BY_HAND = "it was forgotten; remove it by hand if it's still there"


class Unremovable(Exception):
    """This version can't remove it, and no later run will; the text says why."""


class OrphanFields(dict):  # type: ignore[type-arg]
    """The fields of an orphan; what an earlier version didn't remember is None, as if it hadn't been given.

    Attributes:
        lacking: The keys that were asked for in vain.
    """

    def __init__(self, fields):
        dict.__init__(self, fields, absent=True)
        self.lacking = set()

    def __missing__(self, key):
        self.lacking.add(key)


def module_for(entry):
    """The module of an orphan's type.

    Raises:
        Unremovable: It can't be removed.
    """
    from cdconf.agent.converge import type_agents

    if not entry["removable"]:
        raise Unremovable("can't be removed")
    try:
        return type_agents.agent_of(entry["type"])
    except Failed:
        raise Unremovable("can't be removed: there's no resource type '{}' any more".format(entry["type"]))


def remove(module, entry):
    """Removes an orphan; whether it was still there.

    Args:
        module: Its type's, from `module_for`.
        entry: What is remembered of it.

    Raises:
        Failed: It couldn't be removed this time.
        Unremovable: Too little of it is remembered.
    """
    fields = OrphanFields(entry["fields"])
    try:
        if module.observe(fields) is None:
            return False
        module.apply(fields, {"exists": (True, False)})
        if module.observe(fields) is not None:
            raise Failed("it was removed, but is still there")
        return True
    except Missing:
        return False  # what it lived in is gone: a database whose server was removed
    except Failed:
        raise
    except OSError as error:
        raise Failed(str(error))
    except Exception as error:
        if isinstance(error, KeyError):
            fields.lacking.update(key for key in error.args if key not in fields)
        if fields.lacking:
            names = ", ".join("'{}'".format(key) for key in sorted(fields.lacking, key=str))
            raise Unremovable("can't be removed: an earlier cdconf didn't remember its {}".format(names))
        import traceback

        raise Failed("a bug in this resource type", output=traceback.format_exc(limit=-3))
