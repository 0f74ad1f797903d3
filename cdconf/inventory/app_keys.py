"""Every key that an app of cdconf.yml may have; see `cdconf.inventory.keys`."""

from __future__ import annotations

from cdconf.inventory.key import SIZE, Key
from cdconf.inventory.service_keys import HOOKS, MAINTENANCE, PREPARE, SERVICE

BATCH = r"^([1-9][0-9]*|(100|[1-9][0-9]?)%|all)$"
COUNT = r"^([1-9][0-9]*|(100|[1-9][0-9]?)%)$"
BATCH_SIZE = Key("any", "A batch.", pattern=BATCH)
HEALTH_CHECKS = ("http", "tcp", "command", "systemd")
HEALTH = {
    "http": Key(
        "text",
        "A URL that must answer with `status`.",
        pattern="^https?://",
        refusal="'http' in {what} must be a URL",
        hint="such as http://127.0.0.1:8000/health",
    ),
    "status": Key("any", "The HTTP status that counts as healthy, or a list of them; any 2xx if not given."),
    "contains": Key("text", "A text that must be in the body of the answer to `http`."),
    "tcp": Key(
        "text",
        "`address:port` that must accept a connection.",
        pattern="^[^:]+:[0-9]+$",
        refusal="'tcp' in {what} must be address:port",
    ),
    "command": Key("text", "A command line that must end with status 0."),
    "systemd": Key("names", "Units of systemd that must be active and must not restart repeatedly."),
    "within": Key("duration", "The time within which all given checks must succeed together.", default="30s"),
}
DRAIN = {
    "group": Key("text", "The group whose hosts run the commands: load balancers.", required=True),
    "command": Key(
        "text",
        "The command line that takes a host out of use. root runs it on each load balancer, once per host to "
        "drain, with the environment variables CDCONF_HOST, CDCONF_ADDRESS and CDCONF_APP.",
        required=True,
    ),
    "undrain": Key(
        "text",
        "The command line that puts the host back into use. It must also be safe for a host that is already in use.",
        required=True,
    ),
    "wait": Key("duration", "How long to wait after the drain, so that open requests can end.", default="0s"),
    "within": Key("duration", "The time limit of each command.", default="30s"),
}
MIGRATE = {
    "expand": Key("text", "Runs once per environment and release, on one host, before any host activates the release."),
    "contract": Key("text", "Run by `cdconf contract`, once no host runs, or could roll back to, an older release."),
    "within": Key(
        "duration",
        "The time limit of one migration. A migration that takes longer is killed, and has failed.",
        default="30m",
    ),
    "on": Key(
        "text",
        "`once`: one host runs it for the whole environment; `each`: every host does, since each has a database of its "
        "own.",
        default="once",
        choices=("once", "each"),
        refusal="'on' in {what} must be once or each, not '{value}'",
    ),
}
SHARED = {
    "directories": Key("names", "Directories below shared/. Missing ones are created for `user`.", default=[]),
    "files": Key(
        "names", "Files below shared/. They must exist before a deployment, so let a role create them.", default=[]
    ),
}
TOGGLE = {
    "default": Key("switch", "Its value where an environment's toggles.yml says nothing.", default="off"),
    "doc": Key("text", "What the toggle switches.", required=True),
    "owner": Key("text", "Who decides about the toggle."),
    "expires": Key(
        "text",
        "The day, such as 2027-03-31, from which `lint` warns about the toggle.",
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        refusal="'expires' in {what} must be a day, such as 2027-03-31",
    ),
}
APP = {
    "groups": Key("names", "The groups whose hosts run it.", required=True),
    "build": Key(
        "text",
        "The command line that `cdconf build` runs once per commit, with the environment variable CDCONF_VERSION.",
    ),
    "build_within": Key(
        "duration", "The time limit of `build`. A build that takes longer is ended, and has failed.", default="1h"
    ),
    "artifact": Key(
        "text",
        "The one file that the build makes; `*` is the version.",
        pattern=r"^[^*]*\*[^*]*$",
        refusal="'artifact' in {what} must have one *, which is the version",
        hint="such as dist/NAME-*.tar.gz",
    ),
    "max_size": Key(
        "size",
        "The largest size of an unpacked artifact. A larger one is refused before anything is unpacked.",
        default="4GiB",
        pattern=SIZE,
    ),
    "path": Key(
        "text",
        "The app's own directory on the hosts. It holds releases/ and the link current -> releases/….",
        required=True,
        pattern="^/[^/]+/.",
    ),
    "user": Key("text", "The user who runs the app's migrations and hooks; root if not given."),
    "services": Key(
        "list",
        "The systemd services that a deployment brings to the release, in the order in which they start. A name alone "
        "is restarted.",
        default=[],
        member=Key("map", "A service.", keys=SERVICE, plain="service"),
        single=True,
    ),
    "env_file": Key(
        "text",
        "A file of NAME=value lines on the hosts: the environment of the app's migrations and hooks, read as systemd "
        "reads an EnvironmentFile=.",
        pattern="^/",
        refusal="'env_file' in {what} must be an absolute path, not {shown}",
        hint="it's a file on hosts, such as /etc/shop/env; a role's `file` writes it",
    ),
    "health": Key("map", "The app's health checks, run on its own host.", keys=HEALTH, any_of=HEALTH_CHECKS),
    "migrate": Key(
        "map", "The app's database migrations: command lines that `user` runs in the release's directory.", keys=MIGRATE
    ),
    "hooks": Key("map", "The app's own commands at certain moments: a command line each, or a mapping.", keys=HOOKS),
    "prepare": Key(
        "map",
        "What each host installs for a release, as `user`, before anything is activated: the packages that its lock "
        "files name. Releases with the same lock file have them in common.",
        keys=PREPARE,
    ),
    "batches": Key(
        "list",
        "How many hosts have the release after each batch, counted from the start: numbers, percentages, or "
        "`all`. If hosts remain after the last entry, they form one more batch.",
        default=["1", "100%"],
        member=BATCH_SIZE,
    ),
    "max_unavailable": Key(
        "any",
        "How many of the app's hosts may be out of use at the same time: a number, or a percentage (rounded "
        "down, at least 1). It limits the size of every batch. No batch starts while too many other hosts "
        "are unhealthy or unreachable.",
        pattern=COUNT,
        refusal="'max_unavailable' in {what} must be a count or a percentage",
        hint="such as 1 or 25%",
    ),
    "drain": Key(
        "map",
        "How a batch's hosts are taken out of the load balancer before they're changed, and put back after "
        "their checks succeed.",
        keys=DRAIN,
    ),
    "maintenance": Key(
        "map", "The page that `cdconf maintenance` shows in place of the app, until its time is over.", keys=MAINTENANCE
    ),
    "keep": Key(
        "integer", "How many releases stay on a host. Failed ones are removed first, then the oldest.", default=5
    ),
    "soak": Key("duration", "How long a batch must stay healthy before the next one starts.", default="0s"),
    "confirm_within": Key(
        "duration",
        "When a deployment has died, each host rolls back by itself after this time (staggered, at the "
        "latest after twice this time). At least 5s. 0 turns this off, for hosts without systemd.",
        default="120s",
    ),
    "shared": Key(
        "map",
        "Paths that all releases share: each is a link from the release to the same path below shared/, "
        "which no deployment removes. A list stands for `directories`.",
        keys=SHARED,
        short=True,
    ),
    "toggles": Key(
        "map",
        "Its feature toggles, by name. inventories/ENV/toggles.yml says which are on; `cdconf toggle` changes them.",
        member=Key("map", "A feature toggle.", keys=TOGGLE),
    ),
    "toggles_file": Key(
        "text",
        'The JSON file with the toggles\' values that the app reads, `{"NAME": true}`; PATH/shared/toggles.json if not '
        "given.",
        pattern="^/.*[^/]$",
        refusal="'toggles_file' in {what} must be an absolute path of a file",
    ),
    "toggles_reload": Key(
        "boolean",
        "Whether a changed toggle reloads the app's services. If not, the app must read the file again by itself.",
        default=False,
    ),
}
