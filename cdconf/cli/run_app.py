"""`cdconf run --app`: a command in the release that runs, with its environment and user; also on a terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import App, Host


# systemd-run says 0 of a command that Ctrl-C has ended, and 255 of others that a signal has: a shell says 128 and more.
_AROUND = 'trap : INT QUIT; /bin/sh -c "$0"; exit $?'


def chosen_hosts(run: Run, app: str | None, *, terminal: bool, has_input: bool) -> list[Host]:
    """The hosts that `--limit` leaves; with an app, those of them that run it.

    Raises:
        UsageError: There's none; a terminal is asked for on several, or without an app.
    """
    from cdconf.artifacts.choose import named_app
    from cdconf.errors import UsageError

    hosts = run.selected()
    if app is None:
        if terminal:
            hint = f"name an app: --app APP; or use `cdconf ssh -t {run.environment.name} HOST -- CMD`"
            raise UsageError("-t gives a terminal in an app's release", hint=hint)
        return hosts
    chosen = named_app(run.project, app)
    found = [host for host in hosts if chosen.runs_on(host)]
    if not found:
        limited = f" that --limit {run.flags.limit} leaves" if run.flags.limit else ""
        raise UsageError(f"{run.environment.name} has no host{limited} in {', '.join(chosen.groups)}")
    if terminal and (has_input or run.flags.as_json):
        raise UsageError(f"-t gives the command your terminal, so {'--stdin' if has_input else '--json'} can't be")
    if terminal and len(found) > 1:
        names = ", ".join(host.name for host in found)
        raise UsageError(f"-t is for one host, and '{app}' has {names}", hint=f"choose one: --limit {found[0].name}")
    return found


def document_of(run: Run, app: str | None) -> dict[str, Any]:
    """What agents must know of the app in whose release a command runs."""
    if app is None:
        return {}
    chosen = run.project.apps[app]
    return {"app": {"name": chosen.name, "path": chosen.path, "env_file": chosen.env_file}}


def run_in_terminal(run: Run, host: Host, line: str, app: App, user: str | None) -> None:
    """Gives the person a command in the app's release, and its exit status to the run."""
    from cdconf.cli.login import SSH_FAILED, call
    from cdconf.environments import provider_for
    from cdconf.errors import UNREACHABLE
    from cdconf.events import HostDone
    from cdconf.session.login_program import login

    provider = provider_for(run.project, run.environment)
    located = provider.locate([host])
    if host.name not in located:
        raise provider.absence(host)
    there = located[host.name]
    run.close()
    remote = terminal_line(line, app, user, become=there.ssh.become is not None and there.transport == "ssh")
    accept = run.flags.accept_new_host_keys
    arguments = login(there, remote, terminal=True, accept_new_host_keys=accept)
    status = call(arguments)
    gone = arguments[0] == "ssh" and status == SSH_FAILED
    run.code = UNREACHABLE if gone else status if status >= 0 else 128 - status
    run.emit(HostDone(host.name, "unreachable", "see what ssh says above") if gone else HostDone(host.name, "ok"))


def terminal_line(line: str, app: App, user: str | None, *, become: bool) -> str:
    """What gives a shell on the host that terminal: systemd starts the command as it starts the app's services.

    Args:
        line: The command line.
        app: In whose release.
        user: As whom; None: root.
        become: Whether the login has to become root first.
    """
    words = [
        "systemd-run",
        "--quiet",
        "--pty",
        "--wait",
        "--collect",
        f"--property=WorkingDirectory={app.path}/current",
    ]
    words += [f"--uid={user}"] if user is not None else []
    words += [f"--property=EnvironmentFile={app.env_file}"] if app.env_file is not None else []
    own = ("/bin/sh", "-c", _AROUND, line)
    words += ["--", *(word.replace("$", "$$") for word in own)]  # else systemd puts variables in
    start = f'exec {shlex.join(words[:5])} --setenv=TERM="${{TERM:-dumb}}" {shlex.join(words[5:])}'
    script = f"{_there(f'{app.path}/current', f'no release of app {app.name} runs on this host')}; {start}"
    if app.env_file is not None:
        script = f"{_there(app.env_file, f'there is no environment file {app.env_file} on this host')}; {script}"
    return shlex.join(["exec", *(["sudo"] if become else []), "/bin/sh", "-c", script])


def _there(path: str, otherwise: str) -> str:
    """A shell's line that ends with 1 where something is missing; systemd-run would say nothing of it."""
    return f"test -e {shlex.quote(path)} || {{ echo {shlex.quote(f'error: {otherwise}')} >&2; exit 1; }}"
