"""Lets the look-only key in on hosts, and takes it away, for `schedule install` and `schedule remove`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import App
    from cdconf.session import Session


def let_in(run: Run, key: Path, public: str) -> None:
    """Puts launcher and agent on all hosts of the run's environment, and the key's line; sets the run's exit code."""
    from cdconf import __version__
    from cdconf.session.bundle import PYTHONS, bundle
    from cdconf.session.look_only import keyed, sources_of

    packed = bundle(run.project.root, run.project.type_packages, run.project.data / "agent")
    sources = sources_of(packed)
    about: dict[str, Any] = {"project": run.project.name, "digest": packed.digest, "version": __version__}

    def put(session: Session) -> None:
        keyed(session.host, key)  # it would be refused later
        apps = [_document(app) for app in run.project.apps_on(session.host)]
        login = {"user": _user(session), "become": session.host.ssh.become, "key": public}
        session.look_put(**login, pythons=PYTHONS, sources=sources, about={**about, "apps": apps})

    _on_each(run, put)


def take_away(run: Run, public: str) -> None:
    """Takes all of that away; sets the run's exit code where a host still has it."""

    def take(session: Session) -> None:
        login = {"user": _user(session), "become": session.host.ssh.become, "key": public}
        session.look_take_away(**login, project=run.project.name)

    _on_each(run, take)


def _on_each(run: Run, job: Any) -> None:
    from cdconf.cli.fleets import fleet_of
    from cdconf.engine.reports import report
    from cdconf.errors import worst_exit
    from cdconf.events import HostDone

    hosts = run.selected()
    run.start(hosts)
    with fleet_of(run, hosts, lease=True, reason="schedule") as fleet:
        done, errors = fleet.each([session.host for session in fleet.sessions.values()], job).split()
    for name in done:
        run.emit(HostDone(name, "ok"))
    run.code = worst_exit([run.code, *(report(run.emit, name, error) for name, error in errors.items())])


def _user(session: Session) -> str:
    """As whom ssh logs in: the inventory's user, or what ~/.ssh/config says, which the host itself knows.

    Raises:
        HostFailed: By sudo it's root already, and nobody knows who it was.
    """
    from cdconf.errors import HostFailed

    host = session.host
    if host.ssh.become and not host.ssh.user:
        hint = "name the user in hosts.yml: `ssh: {user: deploy, become: sudo}`"
        raise HostFailed("can't find out which user the look-only key is for", host=host.name, hint=hint)
    return host.ssh.user or session.run("id -un").get("stdout", b"").decode().strip()


def _document(app: App) -> dict[str, Any]:
    about: dict[str, Any] = {**app.known, "user": app.user}
    toggles = {"path": app.toggles_file, "values": {}, "reload": app.toggles_reload}
    about["shared"] = {"directories": list(app.shared.directories), "files": list(app.shared.files)}
    return about | ({"toggles": toggles} if app.toggles else {})
