"""The `hostname` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

# RFC 1123; Linux has 64 bytes for it.
_NAME = re.compile(r"(?=.{1,64}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The one name is wanted in both places."""
    name = fields["name"].lower()
    if not _NAME.match(name):
        raise context.error(f"'{fields['name']}' can't be a host's name", "letters, digits and -, parts joined by dots")
    if "kernel" in fields or "at_boot" in fields:
        raise context.error("the title is the name, now and at boot")
    return {**fields, "name": name, "kernel": name, "at_boot": name}


TYPE = ResourceType(
    name="hostname",
    purpose="Network",
    doc=(
        "The host's own name: the kernel's, and that of the next boot in /etc/hostname. A `hosts_entry` for 127.0.1.1 "
        "(as Debian has it) or the host's address lets the name be resolved as well."
    ),
    title="name",
    fields={
        "name": Field("string", "The name, short or with its domain."),
        "kernel": Field("string", "The kernel's name now: the title."),
        "at_boot": Field("string", "What /etc/hostname says: the title."),
    },
    absent=False,
    normalise=_normalise,
    example="hostname: web1.example.com\n",
)
