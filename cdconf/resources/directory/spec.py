"""The `directory` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="directory",
    doc="A directory. Missing parents are made, root's and 0755. `absent` removes an empty one, or all with `force`.",
    title="path",
    fields={
        "path": Field("path", "The directory."),
        "owner": Field("string", "The owner; a new directory is root's."),
        "group": Field("string", "The group; a new directory is root's."),
        "mode": Field("mode", 'Permission bits, quoted: "0750". A new directory is 0755.'),
        "force": Field("boolean", "With `absent`: remove what's in it too.", compare=False),
    },
    example='directory: /srv/shop/shared\nowner: shop\nmode: "0750"\n',
)
