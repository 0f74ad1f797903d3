"""The `directory` type."""

import re

from cdconf.agent.files.protected import is_systems
from cdconf.resources.must_exist import MUST_EXIST, check_must_exist
from cdconf.resources.spec import Context, Field, Fields, ResourceType, text_or_bytes

_DEEP = ("recursive", "purge", "source")
# What may be done to all programs of a host: that others than root can't change them.
_CLOSES = re.compile(r"(g|o|go|og)-w\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """What concerns everything below becomes the list of paths that aren't as wanted, which is to be empty."""
    _check(fields, context)
    if fields["absent"]:
        return {name: value for name, value in fields.items() if name not in (*_DEEP, "file_mode")}
    if "source" in fields:
        tree = context.source_directory(fields["source"])
        fields["source"] = []
        fields["tree"] = {path: {"data": text_or_bytes(data), "executable": x} for path, (data, x) in tree.items()}
    for name in ("recursive", "purge"):
        if fields.pop(name, False):
            fields[name] = []
    return fields


def _check(fields: Fields, context: Context) -> None:
    path = fields["path"]
    deep = [name for name in ("recursive", "purge", "force") if fields.get(name)]
    check_must_exist(fields, ("source", "purge"), context)
    if deep and is_systems(path) and not _only_closes(fields, deep):
        raise context.error(f"'{deep[0]}' isn't allowed for '{path}', which belongs to the whole system")
    if fields.get("force") and not fields["absent"]:
        raise context.error("`force` goes with `absent: true`", "`purge: true` removes what isn't managed")
    if "file_mode" in fields and not (fields.get("recursive") or "source" in fields):
        raise context.error("`file_mode` needs `recursive: true` or `source`")
    if fields.get("recursive") and not {"owner", "group", "mode", "file_mode"} & set(fields):
        raise context.error("`recursive` needs an owner, a group, a mode or a file_mode")


def _only_closes(fields: Fields, deep: list[str]) -> bool:
    modes = [fields[name] for name in ("mode", "file_mode") if name in fields]
    return deep == ["recursive"] and not {"owner", "group"} & set(fields) and all(map(_CLOSES.match, modes))


TYPE = ResourceType(
    name="directory",
    purpose="Files",
    doc=(
        "A directory. Missing parents are created, with owner root and mode 0755. `absent` removes an empty "
        "directory; with `force` it removes the whole tree, unless something is mounted in it. `recursive`, "
        "`purge` and `source` never follow links and never leave the directory's file system. The plan shows "
        "each path that they would change or remove."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory."),
        "owner": Field("string", "The owner; a new directory is root's."),
        "group": Field("string", "The group; a new directory is root's."),
        "mode": Field(
            "mode",
            'Permission bits, quoted: "0750", or changes to them: `go-w`, `u=rwX`. A new directory is 0755.',
            relative=True,
        ),
        "must_exist": MUST_EXIST,
        "source": Field(
            "string",
            "A directory in the role's or project's files/ whose files are copied, with owner and group if they're "
            'given; their mode is `file_mode`, or "0755" for executables and "0644" for the rest.',
        ),
        "recursive": Field(
            "boolean",
            "Also apply owner and group to everything below, `mode` to all directories, and `file_mode` to all files.",
        ),
        "file_mode": Field(
            "mode", "The mode of files below, with `recursive` or `source`.", compare=False, relative=True
        ),
        "purge": Field(
            "boolean",
            "Remove everything below that neither `source` nor another resource of the host manages. With "
            "`--role`, nothing is purged, because the other roles' resources aren't known.",
        ),
        "force": Field("boolean", "With `absent`: also remove its contents.", compare=False),
    },
    holds=(),
    normalise=_normalise,
    needs_managed="purge",
    example='directory: /srv/shop/shared\nowner: shop\nmode: "0750"\n',
)
