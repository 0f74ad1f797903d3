"""The `kernel_module` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[a-z0-9A-Z_]+\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """To the kernel - and _ are the same; what's loaded now is loaded at boot, unless that's said otherwise."""
    name = fields["name"].replace("-", "_")
    if not _NAME.match(name):
        raise context.error(f"'{fields['name']}' can't be a kernel module's name")
    if fields["absent"]:
        return {"name": name}
    fields["name"] = name
    if fields.get("blacklisted") and fields.get("loaded"):
        raise context.error("a blacklisted module can't be loaded")
    if "loaded" not in fields and not fields.get("blacklisted"):
        fields["loaded"] = True
    fields.setdefault("at_boot", fields.get("loaded", False))
    if "options" in fields:
        fields["options"] = " ".join(fields["options"].split())
    return fields


TYPE = ResourceType(
    name="kernel_module",
    purpose="Kernel, disks and locale",
    doc=(
        "A kernel module: whether it's loaded now and at boot (/etc/modules-load.d), and its options and "
        "blacklist (/etc/modprobe.d). New options take effect when the module is next loaded. Removal "
        "deletes cdconf's files; it doesn't unload the module."
    ),
    title="name",
    fields={
        "name": Field("string", "The module."),
        "loaded": Field("boolean", "Whether it's loaded now; true unless it's blacklisted."),
        "at_boot": Field("boolean", "Loaded at boot: as `loaded`."),
        "options": Field(
            "string", "Options for it, such as `nf_conntrack hashsize=131072` has after its name.", public=True
        ),
        "blacklisted": Field("boolean", "Whether the kernel must not load it by itself for a device."),
    },
    normalise=_normalise,
    paths=lambda fields: [
        f"/etc/modules-load.d/cdconf-{fields['name']}.conf",
        f"/etc/modprobe.d/cdconf-{fields['name']}.conf",
    ],
    portrayed=("loaded",),
    example="kernel_module: br_netfilter\n",
)
