"""The `group` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Members are a set: sorted, so that their order never differs."""
    if not _NAME.match(fields["name"]):
        raise context.error(f"'{fields['name']}' can't be a group's name", "letters, digits, _ - . and 32 of them")
    if not 0 <= fields.get("gid", 0) < 2**32 - 1:
        raise context.error(f"gid {fields['gid']} is out of range")
    if fields["absent"]:
        return {"name": fields["name"]}
    if "members" in fields:
        fields["members"] = sorted(set(fields["members"]))
    elif fields["exclusive_members"]:
        raise context.error("'exclusive_members' needs 'members'")
    return fields


TYPE = ResourceType(
    name="group",
    purpose="Users and access",
    doc="A local group. Removing it fails while it's some user's primary group.",
    title="name",
    fields={
        "name": Field("string", "The group's name."),
        "gid": Field("integer", "The group's number. Files with the old number keep it.", public=True),
        "members": Field("list", "Users in the group. Other members stay.", public=True),
        "exclusive_members": Field(
            "boolean", "Remove all members that `members` doesn't name.", default=False, compare=False
        ),
        "system": Field("boolean", "Create it with a number from the system's range.", compare=False),
    },
    normalise=_normalise,
    example="group: shop\nsystem: true\n",
)
