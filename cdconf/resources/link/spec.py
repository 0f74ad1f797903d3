"""The `link` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="link",
    doc="A symbolic link, switched atomically. A file in its place is replaced only with `force`; a directory never.",
    title="path",
    fields={
        "path": Field("path", "The link."),
        "target": Field("string", "What it points to, absolute or relative to its directory."),
        "force": Field("boolean", "Replace a file that's in its place.", compare=False),
    },
    example="link: /etc/nginx/sites-enabled/shop\ntarget: ../sites-available/shop\n",
)
