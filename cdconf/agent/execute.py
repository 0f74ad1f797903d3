"""Commands that people and smoke tests run on the host, and environment files."""

from cdconf.agent import files, shell
from cdconf.agent.base import Failed

ENV_LIMIT = 1024 * 1024


def read_env_file(path):
    """The variables of a systemd EnvironmentFile= (systemd.exec(5)): `NAME=value` lines, shell-like quotes.

    Raises:
        Failed: The file is missing or too large, or a line can't be read.
    """
    try:
        data = files.read(path, follow=True, limit=ENV_LIMIT + 1)
        if data is None:
            raise Failed("can't read the environment file {}: it isn't there".format(path))
        if len(data) > ENV_LIMIT:
            raise Failed("can't read the environment file {}: it has more than {} bytes".format(path, ENV_LIMIT))
        lines = data.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed("can't read the environment file {}: {}".format(path, error))
    variables = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        name, separator, value = text.partition("=")
        if not separator or not name.replace("_", "a").isalnum():
            raise Failed("{}:{}: not NAME=value".format(path, number))
        variables[name] = _unquoted(value.strip(), path, number)
    return variables


def _unquoted(value, path, number):
    if value[:1] not in ("'", '"'):
        return value
    import shlex

    try:
        return "".join(shlex.split(value))
    except ValueError as error:
        raise Failed("{}:{}: {}".format(path, number, error))


def execute(command, user=None, cwd=None, env=None, env_file=None, timeout=600, data=None):
    """Runs a command line by /bin/sh.

    Returns:
        `{"status", "stdout", "stderr"}`, the last two bytes, cut to the last 16 MiB.
    """
    variables = dict(read_env_file(env_file)) if env_file else {}
    variables.update(env or {})
    status, out, err = shell.run_bytes(command, data, timeout, variables, user, cwd)
    return {"status": status, "stdout": out, "stderr": err}
