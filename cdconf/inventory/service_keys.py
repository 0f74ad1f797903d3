"""The keys of an app's services, hooks, packages and page."""

from __future__ import annotations

from cdconf.inventory.key import Key

ACTIVATE = r"^(restart|reload|none|signal SIG[A-Z0-9+-]+|signal [A-Z0-9+-]+)$"
SERVICE = {
    "service": Key("text", "Its name: a service, or a socket, timer or path unit with its ending.", required=True),
    "activate": Key(
        "text",
        "What brings it to a release: `restart`, `reload`, `signal NAME` (such as `signal HUP`, to its main process), "
        "or `none`: what runs stays, and a socket, timer or path unit is started where it isn't active.",
        default="restart",
        pattern=ACTIVATE,
    ),
    "stop_before_migration": Key(
        "boolean",
        "Whether it's stopped on every host that gets the release before its expand migration runs: for workers that "
        "mustn't see a database between two shapes. It starts again in its place in the list.",
        default=False,
    ),
}
HOOK = {
    "run": Key("text", "The command line, run in the release as `user`, with `env_file`.", required=True),
    "on": Key(
        "text",
        "Whether every host that gets the release runs it, or the first one alone.",
        default="each",
        choices=("each", "once"),
    ),
    "within": Key("duration", "How long it may take; then it's ended, and has failed.", default="10m"),
}


def _hook(doc: str) -> Key:
    return Key("map", doc, keys=HOOK, plain="run")


HOOKS = {
    "before_build": Key(
        "text", "Run where `build` runs, before it and within its time; when it fails, the build has failed."
    ),
    "before_activate": _hook("Run in the new release before `current` leads to it; when it fails, all hosts go back."),
    "after_activate": _hook("Run in the new release once its services run from it; when it fails, that's reported."),
    "after_rollback": _hook(
        "Run in the release that a host has gone back to, also by its dead man's switch; a failure is reported."
    ),
    "after_deploy": _hook("Run in the new release once all hosts have it, verified; when it fails, that's reported."),
}
_URL = r"^(https?|file)://[^\s@]+$"
_REFUSAL = "'{key}' in {what} must be a URL without a password, not {shown}"
_WITHIN = Key("duration", "How long it may take; then it's ended, and the deployment has failed.", default="10m")
VENV = {
    "lock": Key(
        "text",
        "The lock file in the release: pip's requirements with the hashes of everything, as `pip-compile "
        "--generate-hashes`, `uv pip compile --generate-hashes` and `poetry export` write them.",
        required=True,
    ),
    "path": Key("text", "Where the release has the virtual environment.", default=".venv"),
    "python": Key(
        "text",
        "The interpreter that it's for: a name in the system's PATH, or an absolute path.",
        default="python3",
        pattern=r"^(/.*[^/]|[A-Za-z0-9._-]+)$",
        refusal="'{key}' in {what} must be a program's name or its absolute path, not {shown}",
    ),
    "wheels": Key("text", "A directory of the release with wheels; without `index`, pip asks no index at all."),
    "index": Key(
        "text",
        "The package index; if not given, what pip's configuration on the hosts says.",
        pattern=_URL,
        refusal=_REFUSAL,
        hint="a password stands in pip's configuration on the hosts, or as PIP_INDEX_URL in `env_file`",
    ),
    "within": _WITHIN,
}
NPM = {
    "lock": Key(
        "text",
        "package-lock.json in the release; package.json stands beside it, and node_modules will.",
        required=True,
        pattern=r"^(.*/)?(package-lock|npm-shrinkwrap)\.json$",
        refusal="'{key}' in {what} must be a package-lock.json, not {shown}",
    ),
    "registry": Key(
        "text",
        "The registry; if not given, what npm's configuration says.",
        pattern=_URL,
        refusal=_REFUSAL,
        hint="a password stands in npm's configuration on the hosts, or a token in `env_file` that .npmrc names",
    ),
    "scripts": Key("boolean", "Whether the packages' own install scripts run, as the app's user.", default=True),
    "within": _WITHIN,
}
PREPARE = {
    "venv": Key("map", "A virtual environment, made by pip.", keys=VENV, plain="lock"),
    "npm": Key("map", "node_modules, made by `npm ci`, without what's for development.", keys=NPM, plain="lock"),
}
MAINTENANCE = {
    "group": Key("text", "The group whose hosts show the page, such as load balancers.", required=True),
    "on": Key("text", "The command line, run as root there, that shows it; it gets CDCONF_APP.", required=True),
    "off": Key("text", "The one that takes it away; it must do no harm where there's none.", required=True),
    "wait": Key("duration", "How long requests in flight get to end, once the page is shown.", default="0s"),
    "within": Key("duration", "How long each command may take.", default="30s"),
    "expires": Key(
        "duration", "When the hosts take it away by themselves, unless `--ttl` says another time.", default="1h"
    ),
}
