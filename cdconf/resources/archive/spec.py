"""The `archive` type."""

import hashlib

from cdconf.agent import sources
from cdconf.agent.danger import is_systems
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_FROM = ("source", "url", "file")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The source's bytes, or the checked URL; and one SHA-256."""
    checksum = fields.pop("checksum", None) or fields.get("sha256")
    if is_systems(fields["path"]) and (fields["absent"] or "owner" in fields or "group" in fields or "mode" in fields):
        raise context.error(f"'{fields['path']}' belongs to the whole system, so it's neither given away nor removed")
    if fields["absent"]:
        return fields
    if not any(name in fields for name in _FROM):
        raise context.error("an archive needs a `source`, a `url` or a `file`")
    if fields["strip"] < 0:
        raise context.error("`strip` can't be below 0")
    if "source" in fields:
        fields["data"] = context.source_file(fields["source"])
        found = hashlib.sha256(fields["data"]).hexdigest()
        if checksum and sources.sha256_of(checksum) != found:
            raise context.error(f"the SHA-256 of '{fields['source']}' is {found}, not {checksum}")
        fields["sha256"] = found
        return fields
    if "url" in fields:
        why = sources.problem_of_url(fields["url"])
        if why:
            raise context.error(f"'url' can't be used: {why}")
        if not checksum:
            raise context.error("an archive that is fetched needs its `sha256`")
    if checksum:
        digits = sources.sha256_of(checksum)
        if digits is None:
            raise context.error(f"'{checksum}' isn't a SHA-256")
        fields["sha256"] = digits
    else:
        fields["sha256"] = f"that of {fields['file']}"  # the host finds out which that is
    return fields


TYPE = ResourceType(
    name="archive",
    doc=(
        "A directory with what an archive holds: zip, or tar with or without gzip, bzip2 or xz. It's unpacked once for "
        "each content of the archive, which is kept in mind in `.cdconf-archive` in the directory; what an earlier one "
        "held and the new one doesn't is removed, other files are left alone. Unpacked files that are gone or have "
        "another size are drift. Members that would leave the directory are refused, owners and setuid bits not kept. "
        "`absent` removes what was unpacked, and the directory if nothing else is in it."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory; it's made, but not the one that it is in."),
        "source": Field("string", "The archive, in the role's or project's files/.", compare=False),
        "url": Field("string", "Where the host fetches it: http, https or file. It needs `sha256`.", compare=False),
        "file": Field("path", "The archive, on the host.", compare=False),
        "sha256": Field("string", "The archive's SHA-256, in hexadecimal."),
        "checksum": Field("string", "The same as `sha256:HEX`.", compare=False),
        "headers": Field("map", "HTTP headers for `url`.", compare=False, sensitive=True),
        "proxy": Field("string", "The URL of an HTTP proxy for `url`.", compare=False),
        "timeout": Field("integer", "Seconds that fetching may take.", default=600, compare=False),
        "strip": Field("integer", "How many leading directories of each path are left out.", default=0, compare=False),
        "creates": Field(
            "path", "When this path exists it counts as unpacked, whatever was unpacked.", compare=False
        ),
        "owner": Field("string", "The owner of the directory and of all that is unpacked; else root."),
        "group": Field("string", "The group of the directory and of all that is unpacked; else root."),
        "mode": Field("mode", "Permission bits of the directory itself."),
    },
    exclusive=(_FROM, ("sha256", "checksum")),
    normalise=_normalise,
    owns_tree=True,
    example="archive: /opt/tool\nsource: tool-1.2.tar.gz\nstrip: 1\nowner: root\n",
)
