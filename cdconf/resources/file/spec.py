"""The `file` type."""

from cdconf.resources.must_exist import MUST_EXIST, check_must_exist
from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType, text_or_bytes


def _normalise(fields: Fields, context: Context) -> Fields:
    """Template and source become content, so that the agent needs neither."""
    check_must_exist(fields, ("content", "template", "source", "create_only"), context)
    if "template" in fields:
        fields["content"] = context.template(fields.pop("template"))
    elif "source" in fields:
        fields["content"] = text_or_bytes(context.source_file(fields.pop("source")))
    if "content" not in fields and not fields["absent"]:
        fields.setdefault("must_exist", True)  # who only gives it a mode didn't make it, and never removes it
    return fields


TYPE = ResourceType(
    name="file",
    purpose="Files",
    doc=(
        "A regular file, replaced atomically. Without `content`, `template` or `source`, only owner, group "
        "and mode are managed, and a missing file is an error, unless `must_exist` is `false`. "
        "A link at the path is replaced. Other hard "
        "links to the old file keep the old content. A directory, device, pipe or socket is an error. ACLs, "
        "xattrs and the SELinux context stay as they are."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "content": Field("string", "Its whole content."),
        "template": Field("string", "A Jinja2 template in the role's or project's templates/.", compare=False),
        "source": Field(
            "string", "A file in the role's or project's files/, copied as it is; 8 MiB at most.", compare=False
        ),
        "create_only": Field(
            "boolean",
            "Write the content only if the file doesn't exist. Owner, group and mode are always managed.",
            compare=False,
        ),
        "owner": Field("string", "The owner; a new file is root's."),
        "group": Field("string", "The group; a new file is root's."),
        "mode": Field(
            "mode",
            'Permission bits, quoted: "0640", or changes to them: `go-w`, `a-s`, `u=rwX`. A new file is 0644.',
            relative=True,
        ),
        "must_exist": MUST_EXIST,
        "validate": VALIDATE,
    },
    exclusive=(("content", "template", "source"),),
    holds=("content", "template"),
    normalise=_normalise,
    example='file: /etc/motd\ncontent: "Be careful.\\n"\nmode: "0644"\n',
)
