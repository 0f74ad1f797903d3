"""The `user` type."""

from cdconf.resources.spec import Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """The supplementary groups are a set: sorted, so that their order never differs."""
    if "groups" in fields:
        fields["groups"] = sorted(set(fields["groups"]))
    return fields


TYPE = ResourceType(
    name="user",
    doc="A local user. A new user has no password and can't log in with one.",
    title="name",
    fields={
        "name": Field("string", "The user's name."),
        "uid": Field("integer", "Its number."),
        "group": Field("string", "The primary group; a new user gets one of its own name."),
        "groups": Field("list", "Supplementary groups. Others that the user is in are kept."),
        "shell": Field("path", "The login shell."),
        "home": Field("path", "The home directory."),
        "comment": Field("string", "The GECOS field."),
        "system": Field("boolean", "Make it with a number of the system's range.", compare=False),
        "create_home": Field("boolean", "Make the home directory of a new user.", compare=False),
    },
    normalise=_normalise,
    example="user: shop\ngroup: shop\nshell: /usr/sbin/nologin\nsystem: true\n",
)
