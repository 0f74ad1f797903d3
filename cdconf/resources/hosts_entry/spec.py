"""The `hosts_entry` type."""

import ipaddress
import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z"
)


def _normalise(fields: Fields, context: Context) -> Fields:
    """One spelling of an address; names in lower case, as they're compared."""
    try:
        fields["address"] = str(ipaddress.ip_address(fields["address"]))
    except ValueError:
        raise context.error(f"'{fields['address']}' isn't an IP address") from None
    if fields["absent"]:
        return {"address": fields["address"]}
    names = list(dict.fromkeys(fields.get("names", [])))
    if not names:
        raise context.error(f"hosts_entry '{fields['address']}' has no names")
    for name in names:
        if not isinstance(name, str) or not _NAME.match(name):
            raise context.error(f"'{name}' can't be a host's name")
    fields["names"] = names
    return fields


TYPE = ResourceType(
    name="hosts_entry",
    purpose="Network",
    doc=(
        "An address and its names in /etc/hosts. Several lines of the same address become one, at the place "
        "of the first. Lines of other addresses are left alone, even with the same name. In a container "
        "/etc/hosts is often a mount that can't be replaced; then the file is rewritten in place."
    ),
    title="address",
    fields={
        "address": Field("string", "IPv4 or IPv6."),
        "names": Field("list", "All its names, the canonical one first.", public=True),
    },
    normalise=_normalise,
    example="hosts_entry: 10.0.0.20\nnames: [db1.example.com, db1]\n",
)
