"""An app's own commands at moments of a deployment, run in a release as the app's user, with its environment file.

An app's `hooks` are `{name: {"run", "within"}}`: those that this host is to run. What came of one is `{"hook",
"problem", "output", "began"}`: in words how it failed, None if it didn't; the last lines that it printed; whether it
could be started.
"""

import os

from cdconf.agent.errors import Failed


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
    from cdconf.agent.commands import limited
    from cdconf.agent.edit import env_file

    if release is None or not has(app, name):
        return []
    hook = app["hooks"][name]
    try:
        variables = env_file.read(app["env_file"]) if app.get("env_file") else {}
    except Failed as error:
        return [{"hook": name, "problem": "can't be started: " + error.message, "output": "", "began": False}]
    variables.update({"CDCONF_HOOK": name, "CDCONF_RELEASE": release})
    folder = os.path.join(app["path"], "releases", release)
    about = {"env": variables, "user": app.get("user"), "cwd": folder}
    problem, output, began = limited.run(hook["run"], hook["within"], proceed, **about)
    return [{"hook": name, "problem": problem, "output": output, "began": began}]


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
