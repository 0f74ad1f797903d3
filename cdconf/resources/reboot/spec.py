"""The `reboot` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="reboot",
    doc=(
        "Reboots the host and waits until it's back; the run then goes on by itself. As a handler it's done last of "
        "what was notified before it. As a resource it needs `if_exists`, such as /run/reboot-required, and is done at "
        "its place in the catalog when that path exists. Hosts that serve an app are rebooted batch by batch."
    ),
    title="reason",
    fields={
        "reason": Field("string", "Why, for people."),
        "if_exists": Field("path", "Reboot when this path exists; a reboot must make it go away.", compare=False),
        "within": Field("integer", "Seconds that the host may take to come back.", default=600, compare=False),
    },
    absent=False,
    guards=("if_exists",),
    actions={"reboot": "reboot the host"},
    default_action="reboot",
    example="reboot: for packages that need it\nif_exists: /run/reboot-required\n",
)
