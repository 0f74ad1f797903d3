"""The `service` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="service",
    doc="A systemd service (or other unit, named in full). Starting one waits until it's up, and says why if it isn't.",
    title="name",
    fields={
        "name": Field("string", "The unit; `.service` may be left out."),
        "enabled": Field("boolean", "Started at boot."),
        "running": Field("boolean", "Running now. An app's service can't have this: deployments start and stop it."),
    },
    absent=False,
    actions={
        "restart": "restart it, start it if it's stopped",
        "reload": "reload it if it runs; restart it when it can't reload",
        "start": "start it",
        "stop": "stop it",
    },
    default_action="restart",
    example="service: nginx\nenabled: true\nrunning: true\n",
)
