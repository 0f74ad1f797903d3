"""The `command` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="command",
    doc=(
        "A command line, run by /bin/sh as it's written. As a resource it needs a guard that says when there's "
        "nothing to do; without one it can only be a handler. Guards run in check mode too: they must only read."
    ),
    title="command",
    fields={
        "command": Field("string", "The command line."),
        "unless": Field("string", "A command line whose status 0 means: nothing to do.", compare=False),
        "creates": Field("path", "A path whose existence means: nothing to do.", compare=False),
        "user": Field("string", "Who runs it; root if not given.", compare=False),
        "cwd": Field("path", "Where it's run; / if not given.", compare=False),
        "env": Field("map", "Environment variables.", compare=False),
        "timeout": Field("integer", "Seconds after which it's killed.", default=600, compare=False),
    },
    absent=False,
    guards=("unless", "creates"),
    actions={"run": "run the command"},
    default_action="run",
    example="command: a2enmod proxy\ncreates: /etc/apache2/mods-enabled/proxy.load\n",
)
