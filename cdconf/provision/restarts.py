"""What a run that deploys nothing may bring into use by a restart: verified releases that aren't pinned.

Handlers of an app's services ask the host itself (`cdconf.agent.release.restartable`). What else restarts them is known
here alone: a reboot, before it's done; a command, only afterwards, by what runs then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.errors import HostFailed

if TYPE_CHECKING:
    from cdconf.inventory import App
    from cdconf.session import Session


def unproven_release(page: Mapping[str, Any], app: App, environment: str) -> tuple[str, str] | None:
    """(Why `current` leads to what isn't proven, the command that mends it); None when it's proven, or there's none.

    Args:
        page: What the agent's `app.status` says.
        app: The app.
        environment: The environment's name, for the command.
    """
    linked, verified = page["linked"], page["verified"][-1] if page["verified"] else None
    if linked is None:
        return None
    deploy = f"cdconf deploy {app.name} --to {environment}"
    if page["activating"] is not None:
        return f"the deployment of {page['activating']['to']} was interrupted", f"{deploy} --resume"
    if linked != verified:
        about = page["releases"].get(verified)
        again = f"cdconf deploy {app.name}@{about['version']} --to {environment}" if about else deploy
        return f"current points to {linked}, which isn't the verified release ({verified or 'there is none'})", again
    pin = page["pinned"].get((page["releases"].get(linked) or {}).get("archive"))
    if pin is not None:
        return f"{linked} is pinned, because it failed: {pin['reason']}", f"cdconf rollback {environment} {app.name}"
    return None


def check_reboot(session: Session, apps: Sequence[App], environment: str) -> None:
    """Raises `HostFailed` when a host would come up from its reboot with a release that isn't proven."""
    for app in apps:
        found = unproven_release(session.app_status(app.document()), app, environment)
        if found is not None:
            why, repair = found
            raise HostFailed(
                f"isn't rebooted, because it would then run an unverified release: {app.name}: {why}",
                host=session.host.name,
                hint=f"`{repair}` mends that; the next provision reboots the host",
            )


def running_unproven(page: Mapping[str, Any], app: App, environment: str) -> tuple[str, str] | None:
    """(What's wrong, the command that mends it) when an app's services run from a release that isn't proven.

    `page` is as above. Services that still run from another release than `current` leads to aren't meant: nothing has
    restarted them yet.
    """
    found = unproven_release(page, app, environment)
    if found is None or page["problem"] is not None or not app.services:
        return None
    return f"{app.name} runs from a release that isn't proven: {found[0]}", f"`{found[1]}` mends that"


def check_running(session: Session, apps: Sequence[App], environment: str) -> None:
    """Raises `HostFailed` when an app's services run from a release that isn't proven, whatever has started them."""
    for app in apps:
        found = running_unproven(session.app_status(app.document()), app, environment)
        if found is not None:
            raise HostFailed(found[0], host=session.host.name, hint=found[1])
