"""`cdconf toggle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names, switch_words, toggle_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import connection_options, output_options, override_option, project_options

if TYPE_CHECKING:
    from cdconf.inventory import App, Toggle


@click.command()
@click.argument("app", required=False, shell_complete=app_names)
@click.argument("name", required=False, shell_complete=toggle_names)
@click.argument("value", metavar="[on|off]", required=False, shell_complete=switch_words)
@environment_option("--env", "--to")
@project_options
@connection_options
@click.option("--check", is_flag=True, help="Change nothing; exit with 2 if anything would change.")
@override_option
@output_options
def command(
    app: str | None, name: str | None, value: str | None, environment: str | None, check: bool, **flags: Any
) -> None:
    """Switch APP's feature toggle NAME on or off on all of its hosts in ENV, without a deployment.

    The switch goes batch by batch, with health checks and smoke tests after each. If all pass, the new value is written
    to inventories/ENV/toggles.yml; commit that file. If one fails, all hosts get the old value back and the file stays
    as it was.

    Without NAME, the toggles are listed with their values in each environment and, with --env, on its hosts.

    In a gated ENV, change windows, freezes and stops apply. --override passes them, for the switch that ends an
    incident.

    Example: cdconf toggle shop new_checkout on --env staging
    """
    from cdconf.artifacts.choose import named_app
    from cdconf.errors import UsageError

    if name is None:
        from cdconf.cli.show.toggle_rows import show_toggles

        with run_of("toggle", environment, flags) as run:
            run.recorded = False
            show_toggles(run, named_app(run.project, app), hosts=environment is not None)
        return
    if environment is None:
        raise UsageError("no environment is given", hint=f"cdconf toggle {app} {name} {value or 'on'} --env ENV")
    with run_of("toggle", environment, flags) as run:
        run.recorded = not check
        chosen = named_app(run.project, app)
        _toggle(run, chosen, declared(chosen, name), value, check=check)


def declared(app: App, name: str) -> Toggle:
    """The app's toggle of this name.

    Raises:
        UsageError: There's none.
    """
    from cdconf.errors import UsageError, did_you_mean

    if name not in app.toggles:
        known = f"there are: {', '.join(app.toggles)}" if app.toggles else "declare it in cdconf.yml"
        hint = did_you_mean(name, app.toggles) or known
        raise UsageError(f"app '{app.name}' has no toggle '{name}'", hint=hint)
    return app.toggles[name]


def _toggle(run: Any, app: App, toggle: Toggle, value: str | None, *, check: bool) -> None:
    from cdconf.cli.promotion_checks import changing
    from cdconf.deploy.deployment import app_hosts
    from cdconf.errors import DIFFERENT, UsageError
    from cdconf.inventory import load_toggles
    from cdconf.inventory.toggles import word
    from cdconf.inventory.values import switch
    from cdconf.toggling.change import ToggleChange
    from cdconf.toggling.change import toggle as change_it

    on = switch(value)
    if on is None:
        raise UsageError(f"the value must be on or off, not '{value}'" if value else f"{toggle.name}: add on or off")
    before = load_toggles(run.project, run.environment.name)[app.name][toggle.name].on
    run.extra |= {"app": app.name, "toggle": toggle.name, "from": word(before), "to": word(on)}
    run.extra["detail"] = f"{toggle.name}: {word(before)} -> {word(on)}"
    run.start(app_hosts(run.project, run.environment, app))
    gate = changing(run, "toggle", app.name, run.flags.override, check=check)
    change = ToggleChange(app, toggle, on, run.flags.connecting, check, gate.again)
    run.extra |= change_it(run.project, run.environment, change, run.emit)
    if check and run.extra["differs"]:
        run.code = DIFFERENT
