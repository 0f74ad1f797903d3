"""Commands that people and smoke tests run on the host."""

from cdconf.agent.commands import shell
from cdconf.agent.edit import env_file as environment_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.host import Ran


def execute(
    command: "str",
    user: "str | None" = None,
    cwd: "str | None" = None,
    env: "dict[str, str] | None" = None,
    env_file: "str | None" = None,
    timeout: "float" = 600,
    data: "bytes | None" = None,
) -> "Ran":
    """Runs a command line by /bin/sh.

    Returns:
        `{"status", "stdout", "stderr"}`, the last two bytes, cut to the last 16 MiB.
    """
    variables = environment_files.read(env_file) if env_file else {}
    variables.update(env or {})
    status, out, err = shell.run_bytes(command, data, timeout, variables, user, cwd)
    return {"status": status, "stdout": out, "stderr": err}
