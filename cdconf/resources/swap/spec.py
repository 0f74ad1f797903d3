"""The `swap` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_SIZE = re.compile(r"(\d+)\s*([KMGT])(i?B?)\Z", re.IGNORECASE)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def _normalise(fields: Fields, context: Context) -> Fields:
    """The size in bytes, the priority as fstab's option."""
    if re.search(r"\s", fields["path"]):
        raise context.error("the path of a swap file can't hold blanks")
    if fields["absent"]:
        return {"path": fields["path"]}
    priority = fields.pop("priority", None)
    if priority is not None and not 0 <= priority <= 32767:
        raise context.error(f"the priority of swap can't be {priority}: 0 to 32767")
    fields["options"] = "sw" if priority is None else f"sw,pri={priority}"
    if "size" in fields:
        found = _SIZE.match(fields["size"])
        if found is None:
            raise context.error(f"'{fields['size']}' can't be a size", "such as 512M or 2G")
        size = int(found[1]) * _UNITS[found[2].upper()]
        if size < 2**20:
            raise context.error("a swap file of less than 1M is of no use")
        fields["size"] = str(size)
    elif not fields["path"].startswith("/dev/"):
        raise context.error(f"swap '{fields['path']}' has no size", "only a device needs none")
    return fields


TYPE = ResourceType(
    name="swap",
    purpose="Kernel, disks and locale",
    doc=(
        "Swap space: a file of a size, or a device; formatted, in /etc/fstab, and in use. A device that "
        "holds something else is refused. A file whose size changes is created again; meanwhile its contents "
        "must fit into memory. Removal deletes a file, and leaves a device as it is. A path that users other "
        "than root could replace is refused."
    ),
    title="path",
    fields={
        "path": Field("path", "The file or device."),
        "size": Field("string", "A file's size: 512M, 2G."),
        "priority": Field("integer", "0 to 32767; higher ones are used first.", compare=False, public=True),
        "options": Field("string", "fstab's options, which are made of the priority.", public=True),
        "formatted": Field("boolean", "It has a swap signature.", default=True, choices=(True,)),
        "active": Field("boolean", "In use now. At boot it always is.", default=True),
    },
    normalise=_normalise,
    example="swap: /swapfile\nsize: 2G\n",
)
