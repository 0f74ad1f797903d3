"""The `block` type."""

import re

from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

_NAME = re.compile(r"[^\s\x00-\x1f](?:[^\r\n\x00-\x1f]*[^\s\x00-\x1f])?\Z")
_MARKER = re.compile(r"\b(?:BEGIN|END) cdconf ")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The template becomes text, the text whole lines."""
    if not _NAME.match(fields.get("name", "")):
        raise context.error("a block needs a `name` of one line", "it stands in the markers around the block")
    if not fields["comment"].strip() or "\n" in fields["comment"]:
        raise context.error("`comment` must be what starts a comment in the file", 'such as "#", "//" or "<!--"')
    for name in ("after", "before"):
        try:
            re.compile(fields.get(name, ""))
        except re.error as error:
            raise context.error(f"'{name}' isn't a regular expression: {error}") from error
    if "template" in fields:
        fields["text"] = context.template(fields.pop("template"))
    if "text" not in fields:
        if not fields["absent"]:
            raise context.error("a block needs `text` or `template`")
        return fields
    if _MARKER.search(fields["text"]):
        raise context.error("a block's text can't hold the markers of a block")
    if fields["text"] and not fields["text"].endswith("\n"):
        # `+` would make plain text of a secret
        fields["text"] = type(fields["text"])(fields["text"] + "\n")
    return fields


TYPE = ResourceType(
    name="block",
    purpose="Files",
    doc=(
        "Lines of a text file between two comments that name them (`# BEGIN cdconf NAME`, `# END cdconf "
        "NAME`); everything else in the file stays as it is. An existing block stays at its place. Damaged "
        "markers are an error. If the file is a link, its target is changed. `absent` removes the lines with "
        "their markers."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "name": Field("string", "The block's name, unique in the file.", compare=False),
        "text": Field(
            "string",
            "The lines. They get the file's line endings, unless the text itself has CRLF line endings.",
        ),
        "template": Field("string", "A Jinja2 template in the role's or project's templates/.", compare=False),
        "comment": Field(
            "string", 'What starts a comment: "#", "//", ";", "--". `<!--` and `/*` are closed as well.', default="#"
        ),
        "after": Field(
            "string", "A new block is inserted after the last line that matches this pattern.", compare=False
        ),
        "before": Field(
            "string",
            "A new block is inserted before the first line that matches this pattern; `^` is the top of the file.",
            compare=False,
        ),
        "create": Field("boolean", "Create the file if it doesn't exist.", compare=False),
        "validate": VALIDATE,
    },
    exclusive=(("text", "template"),),
    identity=("name",),
    holds=("text", "template"),
    normalise=_normalise,
    example="block: /etc/hosts\nname: databases\ntext: |\n  10.0.0.1 db1\n  10.0.0.2 db2\n",
)
