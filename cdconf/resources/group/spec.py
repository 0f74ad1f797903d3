"""The `group` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="group",
    doc="A local group.",
    title="name",
    fields={
        "name": Field("string", "The group's name."),
        "gid": Field("integer", "Its number."),
        "system": Field("boolean", "Make it with a number of the system's range.", compare=False),
    },
    example="group: shop\nsystem: true\n",
)
