"""Runs guarded commands, and commands that handlers ask for."""

import os

from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed, Missing


def observe(fields):
    """An empty state when the guard says that it's done, None when it isn't."""
    if "creates" in fields and os.path.lexists(fields["creates"]):
        return {}
    if "unless" in fields:
        result = _shell(fields, fields["unless"])
        if result.status == 0:
            return {}
        if result.status in (126, 127):
            raise Missing("program", fields["unless"])
    return None


def apply(fields, difference):
    """Runs it; its guard must say then that there's nothing left to do."""
    act(fields, "run")


def unmet(fields):
    """What the guard still asks for after the command has succeeded."""
    left = "there's no '{creates}'" if "creates" in fields else "`unless` still fails: {unless}"
    return Failed("the command succeeded, but " + left.format(**fields), command=fields["command"])


def act(fields, action):
    """Runs it as a handler."""
    result = _shell(fields, fields["command"])
    if result.status != 0:
        raise Failed(
            "the command failed",
            command=fields["command"],
            status=result.status,
            output=last_lines(result.err or result.out),
        )


def _shell(fields, line):
    variables = {name: str(value) for name, value in fields.get("env", {}).items()}
    return shell.run(line, fields.get("timeout", 600), variables, fields.get("user"), fields.get("cwd"))
