"""The `reboot` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="reboot",
    purpose="Commands, checks and order",
    doc=(
        "Reboots the host and waits for it; then the run continues. As a handler, it runs after all other "
        "handlers that were notified before it. As a resource, it needs `if_exists`, such as "
        "/run/reboot-required, and reboots at its place in the catalog if that path exists. Hosts of an app "
        "are rebooted batch by batch."
    ),
    title="reason",
    fields={
        "reason": Field("string", "The reason, shown in output."),
        "if_exists": Field("path", "Reboot if this path exists. The reboot must remove it.", compare=False),
        "within": Field("integer", "The time limit in seconds until the host is back.", default=600, compare=False),
    },
    absent=False,
    guards=("if_exists",),
    actions={"reboot": "reboot the host"},
    default_action="reboot",
    example="reboot: for packages that need it\nif_exists: /run/reboot-required\n",
)
