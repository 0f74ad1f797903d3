"""The `mount` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_BLANK = re.compile(r"\s")
KEEP = "keep"
_SINGLE = ("bind", "rbind")
_INSTEAD = "name a `file` that holds it, such as `credentials=/etc/share.cred` of cifs"


def _normalise(fields: Fields, context: Context) -> Fields:
    """Options become one text, as fstab has them."""
    if fields["absent"]:
        return {"path": fields["path"]}
    if not isinstance(fields["mounted"], bool) and fields["mounted"] != KEEP:
        raise context.error(f"'mounted' must be true, false or {KEEP}, not '{fields['mounted']}'")
    for name in ("device", "type"):
        if name not in fields:
            raise context.error(f"mount '{fields['path']}' has no {name}")
    options = [one.strip() for text in fields["options"] for one in text.split(",") if one.strip()]
    if any(_BLANK.search(option) for option in options):
        raise context.error("an option of a mount can't hold blanks")
    if any(one in options for one in _SINGLE):
        fields["type"] = "none"
    fields["options"] = ",".join(options) or "defaults"
    if _BLANK.search(fields["type"]) or not fields["type"]:
        raise context.error(f"'{fields['type']}' can't be a file system's type")
    if "bind" in options and not fields["device"].startswith("/"):
        raise context.error("a bind mount's device is the absolute path of a directory")
    return fields


TYPE = ResourceType(
    name="mount",
    purpose="Kernel, disks and locale",
    doc=(
        "A file system: its line in /etc/fstab, and whether it's mounted. If options differ, also after a "
        "change by hand, the file system is remounted. If the device differs, it is unmounted first. A "
        "missing mount point is created. Removing the mount leaves the mount point."
    ),
    title="path",
    fields={
        "path": Field("path", "The mount point."),
        "device": Field(
            "string",
            "A device, UUID=…, LABEL=…, server:/export, tmpfs, or the directory to bind.",
            public=True,
            instead=_INSTEAD,
        ),
        "type": Field(
            "string", "The file system: ext4, xfs, nfs, tmpfs; `none` for bind.", public=True, instead=_INSTEAD
        ),
        "options": Field(
            "list",
            "Mount options, such as [noatime, nofail], or one text.",
            default=["defaults"],
            public=True,
            instead=_INSTEAD,
        ),
        "dump": Field("integer", "fstab's fifth field.", default=0, public=True, instead=_INSTEAD),
        "pass": Field(
            "integer",
            "When fsck checks it at boot: 0 never, 1 the root, 2 others.",
            default=0,
            public=True,
            instead=_INSTEAD,
        ),
        "mounted": Field(
            "any",
            "Whether it's mounted now: `true`; `false` to unmount it; or `keep` to manage only the line in "
            "fstab. At boot it's mounted unless `options` contains `noauto`.",
            default=True,
        ),
    },
    normalise=_normalise,
    example="mount: /srv/data\ndevice: LABEL=data\ntype: ext4\noptions: [noatime, nofail]\n",
)
