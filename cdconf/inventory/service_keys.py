"""The keys of an app's services and hooks."""

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
