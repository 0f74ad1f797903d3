"""Runs a command and sends what it prints as it comes: for people who watch, and for logs that never end."""

import os
import time

from cdconf.agent.commands import process_groups, shell
from cdconf.agent.converge.apply import Stopped
from cdconf.agent.errors import Failed

LINGER = 1.0  # how long what a finished command left behind may still print
GRACE = 5.0  # between asking a command that's stopped to end and killing it


def stream(agent, command, user=None, data=None, timeout=None, endless=False, app=None):
    """Runs a command line by /bin/sh; its output is sent as events `{"out": bytes}` and `{"err": bytes}`.

    A stop ends the command with its children. When the controller is gone, an `endless` command is ended as well;
    any other runs on to its end, since it may be in the middle of a change.

    Args:
        agent: Whose events these are.
        command: The command line.
        user: Who runs it.
        data: Bytes for its stdin, which is empty without.
        timeout: Seconds after which it's killed.
        endless: Whether it's only there to be watched.
        app: It runs in the current release of this app, with its environment file; see `deploy_calls`.

    Returns:
        `{"status"}`, negative for a signal.
    """
    deadline = None if timeout is None else time.monotonic() + timeout

    def proceed():
        if agent.stopping or (agent.gone and endless):
            raise Stopped("stopped by the controller")
        if deadline is not None and time.monotonic() > deadline and process.poll() is None:
            raise Failed("still running after its time limit, killed")

    env, cwd = _within(app) if app is not None else (None, None)
    process = shell.start(command, data is not None, env, user, cwd)
    grace = process_groups.GRACE
    try:
        return {
            "status": process_groups.pump(
                process, data, lambda name, chunk: agent.event({name: chunk}), proceed, LINGER
            )
        }
    except Stopped:
        grace = GRACE
        raise
    finally:
        process_groups.end(process, grace)
        process_groups.leave(process)


def _within(app):
    """(variables, directory) of the release of an app that runs here.

    Raises:
        Failed: None does, or its environment file can't be read.
    """
    from cdconf.agent import files
    from cdconf.agent.edit import env_file

    link = os.path.join(app["path"], "current")
    folder = os.path.join(app["path"], files.readlink(link) or "")
    if folder == os.path.join(app["path"], "") or not os.path.isdir(folder):
        raise Failed("no release of '{}' runs on this host".format(app["name"]))
    return env_file.read(app["env_file"]) if app.get("env_file") else {}, folder
