"""Observes and applies single values in configuration files."""

from cdconf.agent.edit import dotted, lines, settings
from cdconf.agent.errors import Failed


def observe(fields):
    """The value; None when there's no such key."""
    text = lines.read_for(fields)
    found = _explained(settings.get, fields, text)
    if found is settings.MISSING:
        return None
    if fields.get("absent"):
        return {}
    wanted = fields["value"]
    if dotted.same(found, wanted):
        return {"value": wanted}
    if isinstance(found, (str, list)) and type(found) is type(wanted) and found != wanted:
        return {"value": found}
    shown = dotted.shown(found)
    return {"value": shown if shown != wanted else shown + " (of another type)"}


def apply(fields, difference):
    """Sets or removes it."""
    change = settings.remove if difference.get("exists") == (True, False) else settings.put
    lines.write(fields, _explained(change, fields, lines.read_for(fields)))


def _explained(action, fields, text):
    try:
        return action(fields, text)
    except dotted.NotEditable as error:
        raise Failed("can't edit '{}': {}".format(fields["path"], error.message))
