"""What a deployment does about the packages that hosts install for a release."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from cdconf.agent.release import shared_paths
from cdconf.errors import ArtifactError
from cdconf.events import Emit, HostStep, ResourceDone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.deploy.target import Target
    from cdconf.inventory import App
    from cdconf.session import Session


def check_packages(app: App, release: str, manifest: Sequence[dict[str, Any]]) -> None:
    """Finds what in the artifact keeps hosts from installing its packages.

    Raises:
        ArtifactError: A lock file isn't in it, or something of its own is where the packages are to be.
    """
    there = {entry["path"]: entry["kind"] for entry in manifest}
    for one in app.prepare:
        wanted = [one.lock]
        wanted += [posixpath.join(posixpath.dirname(one.lock), "package.json")] if one.kind == "npm" else []
        for path in wanted:
            if there.get(path) != "file":
                hint = "let `build` put it into the artifact, or take it out of `prepare`"
                text = f"{release} has no file '{path}', by which app '{app.name}' is prepared"
                raise ArtifactError(text, file=app.file, line=app.line, hint=hint)
        wheels = one.options.get("wheels")
        if wheels and there.get(wheels, "directory") != "directory":
            raise ArtifactError(f"'{wheels}' of {release} is no directory of wheels", file=app.file, line=app.line)
        found = shared_paths.conflict(manifest, (one.path,))
        if found is not None:
            raise ArtifactError(
                f"{release} has '{found[0]}' of its own, where hosts install '{one.path}' for app '{app.name}'",
                file=app.file,
                line=app.line,
                hint="leave it out of the artifact (`tar --exclude`), or take it out of `prepare`",
            )


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
