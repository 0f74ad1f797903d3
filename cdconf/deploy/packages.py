"""Has hosts install the packages of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.events import Emit, HostStep, ResourceDone

if TYPE_CHECKING:
    from cdconf.deploy.target import Target
    from cdconf.session import Session


def install_packages(target: Target, session: Session, document: dict[str, Any], emit: Emit) -> None:
    """Has a host install the packages of a staged release, or find them.

    Raises:
        AgentError: They can't be installed; nothing was activated.
    """
    app = target.app
    if not app.prepare:
        return
    host = session.host.name
    emit(HostStep(host, f"packages: {', '.join(map(str, app.prepare))}"))
    for one in session.app_install(document | {"env_file": app.env_file}, release=target.release)["packages"]:
        source = f"{app.file}:{app.line}"
        emit(ResourceDone(host, "packages", one["path"], "changed" if one["made"] else "ok", source))
