"""`cdconf serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.flags import Flags
from cdconf.cli.options import project_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.web.binding import BindRequest

_DEFAULT = "127.0.0.1:8790"  # web.binding.DEFAULT, which --help needn't import


@dataclass
class ServeFlags(Flags):
    """The options of `serve`."""

    tls_cert: str | None = None
    tls_key: str | None = None
    behind: tuple[str, ...] = ()
    user_header: str | None = None
    names: tuple[str, ...] = ()


@click.command()
@click.option("--bind", metavar="ADDR:PORT", default=_DEFAULT, help=f"Where to listen (default {_DEFAULT}).")
@click.option("--tls-cert", metavar="FILE", type=click.Path(dir_okay=False), help="The certificate, PEM.")
@click.option("--tls-key", metavar="FILE", type=click.Path(dir_okay=False), help="Its private key, PEM.")
@click.option("--behind", metavar="PROXY", multiple=True, help="A proxy that says who somebody is: address or network.")
@click.option("--user-header", metavar="NAME", help="The header in which it says that; believed from it alone.")
@click.option("--host", "names", metavar="NAME", multiple=True, help="A name under which browsers reach it.")
@click.option("--install", is_flag=True, help="Write a systemd unit that does so, and say how to start it.")
@project_options
def command(bind: str, install: bool, **given: Any) -> None:
    """Show the project in a browser: what runs where, the pipeline, deployments live, drift, history and trust.

    The dashboard changes nothing. It reads the history and the artifact store, and asks hosts only where this machine
    has the look-only key. It prints a link that lets one browser in, and after each use the next one. Other addresses
    than this machine's own need TLS, or a proxy that authenticates.

    Needs the extra `web`: pip install 'cdconf[web]'

    Example: cdconf serve
    """
    from cdconf.web.binding import BindRequest, binding_of

    flags = ServeFlags(**given)
    wish = BindRequest(bind, flags.tls_cert, flags.tls_key, flags.behind, flags.user_header, flags.names)
    with run_of("serve", None, flags) as run:
        binding = binding_of(wish)
        _check_installed()
        if install:
            _install(run, wish)
            return
        from cdconf.web.serving import serve

        serve(run.project.root, binding, wish, lambda link: _tell(run, link))


def _tell(run: Run, link: str) -> None:
    from cdconf.events import Notice

    run.emit(Notice(f"the dashboard opens once by {link}"))


def _check_installed() -> None:
    """Raises `UsageError` where the extra isn't installed."""
    from importlib.util import find_spec

    from cdconf.errors import UsageError

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(f"the dashboard needs {' and '.join(missing)}", hint="pip install 'cdconf[web]'")


def _install(run: Run, wish: BindRequest) -> None:
    from cdconf.events import Notice
    from cdconf.web.unit import install, removal

    files = {"--tls-cert": wish.certificate, "--tls-key": wish.key}
    options = ["--bind", wish.bind]
    options += [word for name, file in files.items() if file for word in (name, str(Path(file).resolve()))]
    options += [word for proxy in wish.proxies for word in ("--behind", proxy)]
    options += ["--user-header", wish.user_header] if wish.user_header else []
    options += [word for one in wish.names for word in ("--host", one)]
    made = install(run.project, options)
    click.echo(made.text, nl=False)
    commands = "\n".join(f"  {one}" for one in made.commands)
    run.emit(Notice(f"written: {made.path}\nstart it; its journal has the link that opens it:\n{commands}"))
    run.emit(Notice(f"remove it:\n  {removal(made)}"))
    run.emit(Notice(f"variables that are secrets, such as PGPASSWORD, go into {made.secrets} (0600)"))
