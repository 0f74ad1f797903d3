"""The `command` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="command",
    purpose="Commands, checks and order",
    doc=(
        "A command line, run by /bin/sh exactly as written. A resource needs a guard (`unless` or `creates`) "
        "that says when there's nothing to do. A handler needs none. Guards also run in check mode, so they "
        "must only read."
    ),
    title="command",
    fields={
        "command": Field("string", "The command line."),
        "unless": Field("string", "A guard: a command line; if it exits with 0, the command isn't run.", compare=False),
        "creates": Field("path", "A guard: if this path exists, the command isn't run.", compare=False),
        "user": Field("string", "The user who runs it; root if not given.", compare=False),
        "cwd": Field("path", "The working directory; / if not given.", compare=False),
        "env": Field("map", "Environment variables.", compare=False),
        "timeout": Field("integer", "The time limit in seconds; then it's killed.", default=600, compare=False),
    },
    absent=False,
    guards=("unless", "creates"),
    actions={"run": "run the command"},
    default_action="run",
    example="command: a2enmod proxy\ncreates: /etc/apache2/mods-enabled/proxy.load\n",
)
