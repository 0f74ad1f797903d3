"""The `sysctl` type."""

import re

from cdconf.agent.system import sysctl
from cdconf.resources.spec import Context, Field, Fields, ResourceType

_KEY = re.compile(r"[A-Za-z0-9_./:@-]+\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """One spelling for keys and values."""
    key = fields["key"]
    parts = sysctl.path_of(key).split("/")
    if not _KEY.match(key) or len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise context.error(f"'{key}' can't be a kernel parameter", "such as net.ipv4.ip_forward")
    fields["key"] = sysctl.key_of("/".join(parts))
    if fields["absent"]:
        return {"key": fields["key"]}
    if "value" not in fields:
        raise context.error(f"sysctl '{key}' has no value")
    if "\n" in fields["value"]:
        raise context.error("a kernel parameter's value is one line")
    fields["value"] = sysctl.value_of(fields["value"])
    return fields


TYPE = ResourceType(
    name="sysctl",
    purpose="Kernel, disks and locale",
    doc=(
        "A kernel parameter: its value now and at boot. The value at boot stands in "
        "/etc/sysctl.d/zz-cdconf.conf, which is read after files named with numbers. A line for the "
        "parameter in /etc/sysctl.conf is changed too. Removal deletes it from cdconf's file; the running "
        "kernel keeps the value until the next boot."
    ),
    title="key",
    fields={
        "key": Field(
            "string", "The parameter. A dot in an interface's name is a slash: net.ipv4.conf.eth0/100.forwarding."
        ),
        "value": Field("string", "Its value, words separated by blanks.", public=True),
        "at_boot": Field("boolean", "Set it at boot too.", default=True),
    },
    normalise=_normalise,
    paths=lambda fields: ["/etc/sysctl.d/zz-cdconf.conf"],
    example='sysctl: net.ipv4.ip_forward\nvalue: "1"\n',
)
