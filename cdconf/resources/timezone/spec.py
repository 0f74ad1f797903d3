"""The `timezone` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The one zone is wanted in both places."""
    zone = fields["zone"]
    if not _ZONE.match(zone):
        raise context.error(f"'{zone}' can't be a time zone", "such as Europe/Berlin, or UTC")
    if "localtime" in fields or "file" in fields:
        raise context.error("the title is the zone")
    return {**fields, "localtime": zone, "file": zone}


TYPE = ResourceType(
    name="timezone",
    purpose="Kernel, disks and locale",
    doc=(
        "The host's time zone: the link /etc/localtime, and the text in /etc/timezone where there is such a file. "
        "Running services keep the old one until they're restarted."
    ),
    title="zone",
    fields={
        "zone": Field("string", "Such as Europe/Berlin. The host must know it: it's one of /usr/share/zoneinfo."),
        "localtime": Field("string", "Where /etc/localtime leads: the title."),
        "file": Field("string", "What /etc/timezone says: the title."),
    },
    absent=False,
    normalise=_normalise,
    example="timezone: Europe/Berlin\n",
)
