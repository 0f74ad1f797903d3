"""Which programs a host has, looked for where commands are run from."""

from cdconf.agent.commands.identity import PATH
from cdconf.agent.errors import Missing


def find(name: "str") -> "str | None":
    """The program's path, or None."""
    import shutil  # a run that changes nothing asks for few programs, or none

    return shutil.which(name, path=PATH)


def need(name: "str") -> "str":
    """The program's path; raises `Missing`."""
    path = find(name)
    if path is None:
        raise Missing("program", name)
    return path
