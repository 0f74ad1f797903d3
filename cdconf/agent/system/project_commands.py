"""Commands that people and smoke tests run on the host."""

from cdconf.agent.commands import shell
from cdconf.agent.edit import env_file as environment_files


def execute(command, user=None, cwd=None, env=None, env_file=None, timeout=600, data=None):
    """Runs a command line by /bin/sh.

    Returns:
        `{"status", "stdout", "stderr"}`, the last two bytes, cut to the last 16 MiB.
    """
    variables = environment_files.read(env_file) if env_file else {}
    variables.update(env or {})
    status, out, err = shell.run_bytes(command, data, timeout, variables, user, cwd)
    return {"status": status, "stdout": out, "stderr": err}
