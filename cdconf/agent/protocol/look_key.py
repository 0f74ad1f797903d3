"""Lets a key look at this host, and takes that back: a launcher and an agent of its own, which root alone can change.

/var/lib/cdconf/.look-only/PROJECT/launch       what the key's line in authorized_keys starts
/var/lib/cdconf/.look-only/PROJECT/agent/       the agent's sources
/var/lib/cdconf/.look-only/PROJECT/look.json    what may be asked for
"""

import json
import os
import re
import shutil
import tempfile

from cdconf.agent.converge import type_agents
from cdconf.agent.errors import Failed
from cdconf.agent.records import store

USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
START = (
    "import sys; sys.path.insert(0, '{home}/agent'); "
    "from cdconf.agent.protocol import look_only; look_only.main('{home}')"
)
LAUNCH = """\
#!/bin/sh
# Written by `cdconf schedule install --look-only`: it starts an agent that can only look, whoever asks, for whatever.
for p in {pythons}; do
  if command -v "$p" >/dev/null 2>&1; then
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \\
      "$p" -X utf8 -I -S -c "{start}"
  fi
done
echo "cdconf-look-only nopython"
"""


def home_of(project):
    """The directory of a project's look-only agent."""
    return os.path.join(store.root(), ".look-only", project)


def put(agent, key, user, become, pythons, sources, about):
    """Lets a key in; one that's in already gets the agent that came now.

    Args:
        agent: The agent of a run that holds the host.
        key: The public key's line: type, blob, comment.
        user: As whom the key logs in.
        become: `sudo` where that isn't root.
        pythons: Where a Python may be, as the shell has it.
        sources: The agent's, by their paths.
        about: What may be asked for: `{"project", "apps", "digest", "version"}`.
    """
    _check(user, become)
    agent.proceed()
    home = home_of(about["project"])
    above = os.path.dirname(home)
    os.makedirs(above, 0o700, exist_ok=True)
    fresh = tempfile.mkdtemp(prefix=".new-", dir=above)
    try:
        for path, source in sources.items():
            _write(os.path.join(fresh, "agent", path), source.encode("utf-8"))
        _write(os.path.join(fresh, "look.json"), json.dumps(about, sort_keys=True).encode("utf-8"))
        start = START.format(home=home)
        _write(os.path.join(fresh, "launch"), LAUNCH.format(pythons=pythons, start=start).encode("utf-8"))
        shutil.rmtree(home, ignore_errors=True)
        os.rename(fresh, home)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    command = "/bin/sh " + os.path.join(home, "launch")
    if become:
        _sudo(about["project"], "{} ALL=(root) NOPASSWD: {}\n".format(user, command), False)
        command = "sudo -n " + command
    _key(user, 'restrict,command="{}" {}'.format(command, key), False)
    return {}


def take_away(agent, key, user, become, project):
    """Takes a key away, with the launcher and the agent."""
    _check(user, become)
    agent.proceed()
    _key(user, key, True)
    if become:
        _sudo(project, "", True)
    shutil.rmtree(home_of(project), ignore_errors=True)
    return {}


def _check(user, become):
    if os.geteuid() != 0:
        raise Failed("a look-only key needs root on this host", kind="look_only")
    if not USER.match(user) or become not in (None, "sudo"):
        raise Failed("'{}' can't have a look-only key".format(user), kind="look_only")


def _write(path, data):
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(path, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _key(user, line, gone):
    fields = {"user": user, "keys": [line]}
    _make("authorized_key", dict(fields, absent=True) if gone else fields, gone)


def _sudo(project, content, gone):
    name = "cdconf-look-only-" + project
    fields = {"name": name, "content": content, "mode": "0440"}
    _make("sudo_rule", dict(fields, absent=True) if gone else fields, gone)


def _make(kind, fields, gone):
    """By the type that roles use for the same thing."""
    module = type_agents.agent_of(kind)
    there = module.observe(fields) is not None
    if gone and there:
        module.apply(fields, {"exists": (True, False)})
    elif not gone:
        module.apply(fields, {} if there else {"exists": (False, True)})
