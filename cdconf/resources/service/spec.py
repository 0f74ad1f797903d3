"""The `service` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\Z")  # systemd.unit(5)


def _normalise(fields: Fields, context: Context) -> Fields:
    """What's masked can't be started in any way; `shop` and `shop.service` are one unit, with one state."""
    name = fields["name"]
    if not _NAME.match(name) or name.startswith("-"):
        raise context.error(f"'{name}' can't be a unit's name", "such as nginx, shop@1, or backup.timer")
    if name.removesuffix(".service").endswith("@"):
        raise context.error(f"'{name}' is a template, which can't run", f"name an instance: {name.split('@')[0]}@one")
    for other in ("enabled", "running"):
        if fields.get("masked") and fields.get(other):
            raise context.error(f"a masked service can't be {other}")
    return {**fields, "name": name.removesuffix(".service")}


TYPE = ResourceType(
    name="service",
    purpose="Services and jobs",
    doc=(
        "A systemd service, or another unit named in full (shop@1, backup.timer, shop.socket). A start waits "
        "until the service runs, and reports why if it doesn't. On hosts with OpenRC (Alpine) it's a service "
        "of OpenRC."
    ),
    title="name",
    fields={
        "name": Field("string", "The unit; `.service` may be left out."),
        "enabled": Field("boolean", "Started at boot."),
        "running": Field("boolean", "Running now. An app's service can't have this: deployments start and stop it."),
        "masked": Field(
            "boolean",
            "Whether it's linked to /dev/null, so that nothing can start it. Masking doesn't stop a running service.",
        ),
    },
    absent=False,
    actions={
        "restart": "restart it, start it if it's stopped",
        "reload": "reload it if it runs; restart it when it can't reload",
        "start": "start it",
        "stop": "stop it",
    },
    default_action="restart",
    normalise=_normalise,
    portrayed=("running", "enabled"),
    example="service: nginx\nenabled: true\nrunning: true\n",
)
