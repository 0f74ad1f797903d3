"""Observes and applies lines of /etc/hosts."""

from cdconf.agent.files import whole_file
from cdconf.agent.system import hosts_file

FILE = "/etc/hosts"


def observe(fields):
    """See `observe_many`."""
    return observe_many([fields])[0]


def observe_many(many):
    """The names of each address; None when it has none. The file is read once."""
    text = whole_file.read_or_empty(FILE)
    found = [hosts_file.names(text, fields["address"]) for fields in many]
    return [None if names is None else {"names": names} for names in found]


def apply(fields, difference):
    """See `apply_many`."""
    apply_many([(fields, difference)])


def apply_many(changes):
    """The file is written once."""
    text = whole_file.read_or_empty(FILE)
    for fields, difference in changes:
        removal = difference.get("exists") == (True, False)
        text = hosts_file.put(text, fields["address"], None if removal else fields["names"])
    whole_file.edit(FILE, text)
