"""An app's own commands at moments of a deployment, run in a release as the app's user, with its environment file.

An app's `hooks` are `{name: {"run", "within"}}`: those that this host is to run. What came of one is `{"hook",
"problem", "output", "began"}`: in words how it failed, None if it didn't; the last lines that it printed; whether it
could be started.
"""

import os
import time

from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed

KEPT = 64 * 1024  # bytes of output


def has(app, name):
    """Whether this host runs such a hook."""
    return name in (app.get("hooks") or {})


def longest(app):
    """Seconds that all hooks may take together."""
    return sum(one["within"] for one in (app.get("hooks") or {}).values())


def run(app, name, release, proceed):
    """Runs a hook.

    Args:
        app: The app.
        name: The hook.
        release: The name of the release in which it's run; None: there's none, so it isn't run.
        proceed: Called now and then; what it raises ends the hook.

    Returns:
        What came of it, in a list; an empty one where this host doesn't run it.
    """
    from cdconf.agent.commands import process_groups, shell
    from cdconf.agent.edit import env_file

    if release is None or not has(app, name):
        return []
    hook, tail = app["hooks"][name], process_groups.Tail(KEPT)
    deadline = time.monotonic() + hook["within"]

    def go_on():
        proceed()
        if time.monotonic() > deadline:
            raise Failed("was still running after {:g} s, and was ended".format(hook["within"]))

    problem = process = None
    try:
        variables = env_file.read(app["env_file"]) if app.get("env_file") else {}
        variables.update({"CDCONF_HOOK": name, "CDCONF_RELEASE": release})
        folder = os.path.join(app["path"], "releases", release)
        process = shell.start(hook["run"], env=variables, user=app.get("user"), cwd=folder)
        status = process_groups.pump(process, None, lambda _, chunk: tail.add(chunk), go_on)
        if status:
            problem = "failed with exit status {}".format(status) if status > 0 else "was killed: {}".format(-status)
    except Failed as error:
        problem = error.message if process is not None else "can't be started: " + error.message
    finally:
        if process is not None:
            process_groups.end(process)
            process_groups.leave(process)
    output = last_lines(tail.data().decode("utf-8", "replace"))
    return [{"hook": name, "problem": problem, "output": output, "began": process is not None}]


def must(app, name, release, proceed):
    """Runs a hook that mustn't fail; returns what came of it.

    Raises:
        Failed: It couldn't be started; (`release`) it failed.
    """
    told = run(app, name, release, proceed)
    for one in told:
        if one["problem"] is not None:
            text = "the {} hook {}".format(name, one["problem"])
            kind = "release" if one["began"] else "failed"
            raise Failed(text, command=app["hooks"][name]["run"], output=one["output"], kind=kind)
    return told


def problem(told):
    """What went wrong with a hook, in one line; None for nothing."""
    for one in told:
        if one["problem"] is not None:
            return "the {} hook {}".format(one["hook"], one["problem"])
    return None
