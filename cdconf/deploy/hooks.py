"""What a deployment does about an app's hooks: which host runs which, and how what came of them is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.errors import first_line
from cdconf.events import Emit, HostStep, Notice, ResourceDone

if TYPE_CHECKING:
    from cdconf.deploy.rollout import Rollout
    from cdconf.deploy.target import Target
    from cdconf.engine import Fleet
    from cdconf.session import Session
    from cdconf.session.app_answers import HookTold


def hooks_document(target: Target, host: str) -> dict[str, Any]:
    """What a host's agent must know of the app's hooks; what runs once is the first host's."""
    first = bool(target.hosts) and target.hosts[0].name == host
    found = target.app.hooks.document(first=first)
    return {"hooks": found, "env_file": target.app.env_file} if found else {}


def tell_hooks(target: Target, host: str, told: Sequence[HookTold], emit: Emit) -> None:
    """Tells what came of hooks. One that failed is a warning: what it could stop, it has stopped."""
    app = target.app
    for hook_told in told:
        what, output = f"{hook_told['hook']} {target.release}", hook_told["output"].strip()
        if hook_told["problem"] is None:
            source = f"{app.file}:{app.line}"
            emit(ResourceDone(host, "hook", what, "changed", source, None, output or None))
            continue
        last = f": {first_line(output.splitlines()[-1])}" if output else ""
        emit(Notice(f"{host}: the {hook_told['hook']} hook of {app.name} {hook_told['problem']}{last}", warning=True))


def run_last(rollout: Rollout, target: Target, document: Mapping[str, Any], fleet: Fleet, emit: Emit) -> None:
    """Runs the hook after a deployment, or a rollback that people have asked for, on hosts that heard of its end."""
    name = "after_rollback" if target.back else "after_deploy"
    hook = target.app.hooks.on_hosts.get(name)
    if hook is None:
        return
    hosts = [host for host in target.hosts if host.name not in rollout.undelivered]

    def job(session: Session) -> None:
        host = session.host.name
        emit(HostStep(host, f"{name} hook"))
        about = {**document, **hooks_document(target, host)}
        tell_hooks(target, host, session.app_hook(about, target.release, name).get("hooks", []), emit)

    _, errors = fleet.each(hosts[:1] if hook.once else hosts, job).split()
    for host, error in errors.items():
        emit(Notice(f"{host}: the {name} hook of {target.app.name} may not have run: {error.message}", warning=True))
