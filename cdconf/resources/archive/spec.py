"""The `archive` type."""

import hashlib

from cdconf.agent.files import sources
from cdconf.agent.files.protected import is_systems
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_FROM = ("source", "url", "file")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The source's bytes, or the checked URL; and one SHA-256."""
    checksum = fields.pop("checksum", None) or fields.get("sha256")
    given_away = any(name in fields for name in ("owner", "group", "mode"))
    if is_systems(fields["path"]) and (fields["absent"] or given_away):
        raise context.error(f"'{fields['path']}' belongs to the whole system, so it's neither given away nor removed")
    if fields["absent"]:
        return fields
    if not any(name in fields for name in _FROM):
        raise context.error("an archive needs a `source`, a `url` or a `file`")
    if fields["strip"] < 0:
        raise context.error("`strip` can't be below 0")
    digits = sources.sha256_of(checksum) if checksum else None
    if checksum and digits is None:
        raise context.error(f"'{checksum}' isn't a SHA-256")
    fields["sha256"] = _sha256(fields, digits, context)
    return fields


def _sha256(fields: Fields, given: str | None, context: Context) -> str:
    if "source" in fields:
        fields["data"] = context.source_file(fields["source"])
        found = hashlib.sha256(fields["data"]).hexdigest()
        if given and given != found:
            raise context.error(f"the SHA-256 of '{fields['source']}' is {found}, not {given}")
        return found
    if "file" in fields:
        # What the archive on the host is, only the host can say.
        return given or f"that of {fields['file']}"
    why = sources.problem_of_url(fields["url"])
    if why:
        raise context.error(f"'url' can't be used: {why}")
    if given is None:
        raise context.error("an archive that is fetched needs its `sha256`")
    return given


TYPE = ResourceType(
    name="archive",
    purpose="Files",
    doc=(
        "A directory with what an archive holds: zip, or tar with or without gzip, bzip2, xz or zstd (if the "
        "host has the program zstd). It's unpacked again only when the archive's content changes; cdconf "
        "remembers the content in its own directory. Files of the previous archive that the new one lacks are "
        "removed. Other files are left alone. Unpacked files that are missing or have another size are drift. An "
        "archive with a member outside the directory is refused, and so is a symbolic link that leads out, "
        "unless `links` is `any`. Of a member that is there twice, the last one counts. Owners and setuid bits in "
        "the archive are ignored. Others can't write to what's unpacked, except in directories with a sticky bit. "
        "`absent` removes what was unpacked, and the directory if nothing else is in it."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory. It's created; its parent must exist."),
        "source": Field("string", "The archive, in the role's or project's files/.", compare=False),
        "url": Field(
            "string",
            "The URL from which the host fetches the archive: http, https or file. Needs `sha256`.",
            compare=False,
        ),
        "file": Field("path", "The archive, on the host.", compare=False),
        "sha256": Field("string", "The archive's SHA-256, in hexadecimal."),
        "checksum": Field("string", "The same as `sha256:HEX`.", compare=False),
        "headers": Field("map", "HTTP headers for `url`.", compare=False, sensitive=True),
        "proxy": Field("string", "The URL of an HTTP proxy for `url`.", compare=False),
        "timeout": Field("integer", "Seconds that fetching may take.", default=600, compare=False),
        "strip": Field("integer", "How many leading directories of each path are left out.", default=0, compare=False),
        "links": Field(
            "string",
            "`any`: symbolic links may also be absolute or lead out of the directory. cdconf never follows them.",
            default="inside",
            choices=("inside", "any"),
            compare=False,
        ),
        "creates": Field(
            "path", "If this path exists, the archive counts as unpacked, whatever it contained.", compare=False
        ),
        "owner": Field("string", "The owner of the directory and of everything that is unpacked; root if not given."),
        "group": Field("string", "The group of the directory and of everything that is unpacked; root if not given."),
        "mode": Field("mode", "Permission bits of the directory itself."),
    },
    exclusive=(_FROM, ("sha256", "checksum")),
    holds=(),
    normalise=_normalise,
    owns_tree=True,
    example="archive: /opt/tool\nsource: tool-1.2.tar.gz\nstrip: 1\nowner: root\n",
)
