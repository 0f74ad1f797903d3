"""Services on hosts with OpenRC (Alpine): what its directories say, and its two programs."""

import glob
import os

from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.host import ServiceState

SCRIPTS, RUNLEVELS, STARTED = "/etc/init.d", "/etc/runlevels", "/run/openrc/started"
VERBS = {"restart": "restart", "reload": "reload", "start": "start", "stop": "stop"}


def state(name: "str") -> "ServiceState":
    """`{enabled, running}`; OpenRC keeps a link for each service that is in a runlevel, or started.

    Raises:
        Missing: There's no script of that name.
    """
    if not os.path.exists(os.path.join(SCRIPTS, name)):
        raise Missing("service", name)
    return {
        "enabled": bool(glob.glob(os.path.join(RUNLEVELS, "*", glob.escape(name)))),
        "running": os.path.lexists(os.path.join(STARTED, name)),
    }


def enable(name: "str", wanted: "bool") -> "None":
    """Adds a service to the default runlevel, or takes it out of all."""
    _run(["rc-update", "add", name, "default"] if wanted else ["rc-update", "--all", "del", name], name)


def act(name: "str", action: "str") -> "None":
    """Does an action; a reload becomes a restart for scripts that can't, and nothing for what doesn't run."""
    running = state(name)["running"]
    if action == "reload" and not running:
        return
    if action == "reload" and run(["rc-service", name, "reload"], timeout=120).status == 0:
        return
    _run(["rc-service", name, "restart" if action == "reload" else VERBS[action]], name)


def _run(argv: "list[str]", name: "str") -> "None":
    result = run(argv, timeout=120)
    if result.status != 0:
        raise Failed(
            "service '{}': {} failed".format(name, argv[0]),
            command=" ".join(argv),
            status=result.status,
            output=last_lines(result.err or result.out),
        )
