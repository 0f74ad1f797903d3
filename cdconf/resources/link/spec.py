"""The `link` type."""

from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """A hard link needs an absolute target."""
    target = fields.get("target")
    if target is not None and not target and not fields["absent"]:
        raise context.error("a link's target can't be empty")
    if target and "\0" in target:
        raise context.error("a target can't hold a NUL")
    if fields.get("hard") and target and not target.startswith("/"):
        raise context.error("the target of a hard link must be an absolute path")
    return fields


TYPE = ResourceType(
    name="link",
    purpose="Files",
    doc=(
        "A symbolic link, or a hard link, switched atomically. A file in its place is replaced only with `force`; a "
        "directory never. The target of a symbolic link needn't exist."
    ),
    title="path",
    fields={
        "path": Field("path", "The link."),
        "target": Field(
            "string", "What it points to, absolute or relative to its directory.", default=REQUIRED, public=True
        ),
        "hard": Field("boolean", "Another name of the target, which must be on the same file system.", compare=False),
        "force": Field("boolean", "Replace a file at this path.", compare=False),
    },
    normalise=_normalise,
    example="link: /etc/nginx/sites-enabled/shop\ntarget: ../sites-available/shop\n",
)
