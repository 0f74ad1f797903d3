"""Every command of cdconf, as the canary walks them: in an order in which each has something to tell."""

import importlib

import click

from cdconf.cli.main import VERBS

PRINTS = "prints one secret, for which it was asked"
# Command -> argument lists, or why it's none of the walk's. {tmp} is a directory of the walk's own.
WALK = {
    "secret key": "the canary's own preparation",
    "secret set": "the canary's own preparation",
    "secret get": PRINTS,
    "secret list": ["dev", "dev --json"],
    "secret edit": ["dev"],
    "secret rekey": ["dev"],
    "secret check": ["dev", "dev --json -v"],
    "secret exposure": ["dev", "dev --json -v"],
    "secret rotate": "it would give the canary values that nobody looks for",
    "lint": ["", "--json", "--sarif"],
    "doctor": ["", "dev", "dev --json"],
    "vars": ["dev --explain", "dev web1 --json"],
    "schema": ["role"],
    "facts": ["dev", "dev --json"],
    "plan": ["dev -v", "dev --json", "dev --out {tmp}/plan.json", "dev --from HEAD --to . --markdown",
             "dev --from HEAD --to . --json", "show {tmp}/plan.json"],
    "provision": ["dev --check --diff -v", "dev -v --diff", "dev --json -v"],
    "drift": ["dev", "dev --json -v", "dev --applied --json -v", "dev --fix --check --json -v", "dev --fix -v"],
    "schedule install": "it would write to this machine's own systemd or crontab",
    "schedule list": ["--json"],
    "schedule status": ["--json"],
    "schedule run": "nothing is installed here; what it runs is walked by itself",
    "schedule remove": ["dev"],
    "parity": ["dev dev -v", "dev dev --json", "dev dev --desired-only --json"],
    "key new": ["--json"],
    "key list": ["--offices"],
    "key show": [""],
    "key trust": ["AAAA"],
    "key distrust": ["SHA256:AAAA"],
    "key revoke": ["SHA256:AAAA"],
    "build": ["app --json"],
    "artifact list": ["--json"],
    "artifact show": ["app --log"],
    "artifact verify": ["app"],
    "artifact sign": ["app"],
    "artifact add": ["app {tmp}/plan.json --version 0.0.1"],
    "artifact gc": ["--dry-run"],
    "procedure": ["app --json", "app --from HEAD --to HEAD"],
    "gates": ["app --to dev --json"],
    "approve": ["app --to dev --yes"],
    "policy show": ["--json"],
    "deploy": ["app --to dev --check -v", "app --to dev -v", "app --to dev --json"],
    "smoke": ["dev --junit {tmp}/smoke.xml -v", "dev --json"],
    "contract": ["app --env dev --check"],
    "undrain": ["app --env dev --yes"],
    "maintenance": "the canary's app has no page to show",
    "toggle": ["app", "app beta on --env dev"],
    "pipeline run": [""],
    "pipeline status": ["--all --json"],
    "pipeline stop": ["app"],
    "pipeline resume": ["app"],
    "pipeline watch": ["--branch nowhere --remote none"],
    "pipeline command": ["commit --environment dev"],
    "run": ["dev -- cat /etc/app.secret", "dev --json -- base64 -w0 /etc/app.secret",
            "dev -- cat /etc/app.secret >&2; exit 3"],
    "ssh": "the operator's own terminal",
    "logs": ["dev --unit canary -n 100", "dev --app app --json"],
    "status": ["dev", "dev --json"],
    "environments": ["--live --json"],
    "rollback": ["dev app"],
    "lock take": ["dev -- true"],
    "lock status": ["dev --json"],
    "lock release": ["dev --yes"],
    "history show": ["dev", "--json"],
    "history export": ["dev"],
    "history mark": ["app --failed"],
    "history verify": ["--json"],
    "notify list": ["--json"],
    "notify send": [""],
    "notify test": ["--json"],
    "serve": "its pages are walked by tests/web/test_dashboard_hides_secrets.py",
    "metrics": ["--textfile {tmp}/metrics.prom"],
    "value-stream": ["--to dev --html {tmp}/stream.html", "--to dev --json -v"],
    "history rebuild": ["dev"],
    "waiver add": ["dev web1 file /etc/walked --until 30d --reason walked"],
    "waiver list": ["dev", "dev --json"],
    "waiver baseline": ["dev --until 1d", "dev --json -v"],
    "waiver remove": ["dev web1 file /etc/walked --json"],
    "destroy": ["--expired --yes"],
    "cases": ["nothing"],
    "init": ["{tmp}/new"],
    "import ansible-inventory": ["inventories/dev/hosts.yml --environment imported"],
    "completion": ["bash"],
}  # fmt: skip


def commands():
    """The names of all commands that there are."""
    names = []

    def walk(command, path):
        if not isinstance(command, click.Group):
            names.append(" ".join(path))
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            walk(command.get_command(context, name), [*path, name])

    for name, (module, _) in VERBS.items():
        walk(importlib.import_module(f"cdconf.cli.verbs.{module}").command, [name])
    return names
