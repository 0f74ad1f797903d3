"""Every key that cdconf.yml and hosts.yml may have: read by the readers, the JSON Schemas and the reference.

A key that isn't here is refused by the reader, unknown to editors and missing from the pages, all at once.
"""

from __future__ import annotations

from cdconf.inventory.key import NAME, Key
from cdconf.inventory.require_keys import REQUIREMENT
from cdconf.inventory.service_keys import HOOKS, MAINTENANCE, SERVICE

STORE = r"^(s3://[a-z0-9][a-z0-9.-]+(/[^/?#]+)*/?|(?![a-z0-9]+:/).+)$"
TOGGLE_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
DATABASE = r"^postgresql://([^:@/?#\s]+@)?[^@/?#\s]*/[^/?#\s]+(\?\S+)?$"
SIZE = r"^([1-9][0-9]*)(kB|MB|GB|KiB|MiB|GiB)$"
IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"
NETWORK = r"^([0-9]{1,3}\.){3}0/24$"
PUBLISHED = r"^([0-9]{1,5}:)?[0-9]{1,5}$"
BATCH = r"^([1-9][0-9]*|(100|[1-9][0-9]?)%|all)$"

COUNT = r"^([1-9][0-9]*|(100|[1-9][0-9]?)%)$"

HEALTH_CHECKS = ("http", "tcp", "command", "systemd")
HEALTH = {
    "http": Key("text", "A URL that must answer with `status`.", pattern="^https?://"),
    "status": Key("any", "The HTTP status that counts, or a list of them; any 2xx if not given."),
    "contains": Key("text", "A text that must be in the body of the answer to `http`."),
    "tcp": Key("text", "`address:port` that must accept a connection.", pattern="^[^:]+:[0-9]+$"),
    "command": Key("text", "A command line that must end with status 0."),
    "systemd": Key("names", "Units of systemd that must be active, and not be restarting again and again."),
    "within": Key("duration", "How long it may take until everything that's given holds at once.", default="30s"),
}
DRAIN = {
    "group": Key("text", "The group whose hosts run the commands: load balancers.", required=True),
    "command": Key(
        "text",
        "The command line that takes a host out of use, run as root on each of the group's hosts, once per host to "
        "drain; that one is `$CDCONF_HOST`, at `$CDCONF_ADDRESS`, and the app `$CDCONF_APP`.",
        required=True,
    ),
    "undrain": Key(
        "text", "The command line that puts it back; it must do no harm where it's in use already.", required=True
    ),
    "wait": Key("duration", "How long requests in flight get to end, once a batch's hosts are drained.", default="0s"),
    "within": Key("duration", "How long each command may take.", default="30s"),
}
MIGRATE = {
    "expand": Key("text", "Run once per environment and release, on one host, before any host activates the release."),
    "contract": Key("text", "Run by `cdconf contract`, once nothing that runs or could be gone back to is older."),
    "within": Key("duration", "How long one may take; then it's killed, and has failed.", default="30m"),
    "on": Key(
        "text",
        "`once`: one host runs it for the whole environment; `each`: every host does, since each has a database of its "
        "own.",
        default="once",
        choices=("once", "each"),
    ),
}
SHARED = {
    "directories": Key("names", "Directories below shared/; made for `user` where they're missing.", default=[]),
    "files": Key("names", "Files below shared/; they must be there, so let a role make them.", default=[]),
}
TOGGLE = {
    "default": Key("switch", "Its value where an environment's toggles.yml says nothing.", default="off"),
    "doc": Key("text", "What it switches.", required=True),
    "owner": Key("text", "Who decides about it."),
    "expires": Key(
        "text", "The day, such as 2027-03-31, from which `lint` warns of it.", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    ),
}
APP = {
    "groups": Key("names", "The groups whose hosts run it.", required=True),
    "build": Key("text", "The command line that `cdconf build` runs, once per commit; it gets CDCONF_VERSION."),
    "build_within": Key("duration", "How long `build` may take; then it's ended, and has failed.", default="1h"),
    "artifact": Key("text", "The one file that the build makes; `*` is the version.", pattern=r"^[^*]*\*[^*]*$"),
    "max_size": Key(
        "text",
        "How much an artifact may unpack to: one that's larger is refused before anything is unpacked.",
        default="4GiB",
        pattern=SIZE,
    ),
    "path": Key(
        "text",
        "Its directory on the hosts, for it alone: releases/, current -> releases/….",
        required=True,
        pattern="^/[^/]+/.",
    ),
    "user": Key("text", "Who runs its migrations and hooks; root if not given."),
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
        "A file of NAME=value lines, read as systemd reads an EnvironmentFile=: the environment of its migrations "
        "and hooks.",
    ),
    "health": Key("map", "How it shows that it's well, asked from its own host.", keys=HEALTH, any_of=HEALTH_CHECKS),
    "migrate": Key("map", "Its database migrations: command lines, run in the release as `user`.", keys=MIGRATE),
    "hooks": Key("map", "Its own commands at certain moments: a command line each, or a mapping.", keys=HOOKS),
    "batches": Key(
        "list",
        "How many hosts are done after each batch, counted from the first: counts, percentages, or `all`. Hosts that "
        "the last one leaves are one more batch.",
        default=["1", "100%"],
        member=Key("any", "A batch.", pattern=BATCH),
    ),
    "max_unavailable": Key(
        "any",
        "How many of its hosts may be out of use at once: a count, or a percentage (rounded down, at least 1). It caps "
        "every batch; a batch isn't begun when too many others are unwell or silent.",
        pattern=COUNT,
    ),
    "drain": Key(
        "map",
        "How a batch's hosts are taken out of a load balancer before they're changed, and put back when they're well.",
        keys=DRAIN,
    ),
    "maintenance": Key(
        "map", "The page that `cdconf maintenance` shows in place of the app, until its time is over.", keys=MAINTENANCE
    ),
    "keep": Key("integer", "How many releases stay on a host: the newest, before those that failed.", default=5),
    "soak": Key("duration", "How long a batch is watched before the next one begins.", default="0s"),
    "confirm_within": Key(
        "duration",
        "How long an activated release stays on a host when its deployment has died; then the host goes back by itself "
        "(staggered, within twice this time). At least 5s; 0: never, for hosts without systemd.",
        default="120s",
    ),
    "shared": Key(
        "map",
        "What releases share: each path in a release is a link to the same path below shared/, which stays. A list "
        "stands for `directories`.",
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
        pattern="^/[^/]+/.",
    ),
    "toggles_reload": Key(
        "boolean", "Whether a changed toggle reloads the app's services; else the app notices by itself.", default=False
    ),
}
TOGGLES = {
    "APP": Key(
        "map",
        "The app's toggles that aren't at their default here: toggle -> `on` or `off`. A copy of this environment "
        "doesn't take them over.",
        nullable=True,
        member=Key("switch", "Its value in this environment."),
    )
}
STAGE = {
    "stage": Key("text", "The stage's name, which signers' offices and gates refer to.", required=True, pattern=NAME),
    "run": Key(
        "text",
        "A command line that must succeed: run in the commit's files, as the test of what was deployed where the stage "
        "deploys something.",
    ),
    "inputs": Key(
        "names",
        "What `run` reads: files and directories, relative to the project. They're part of the procedure; `lint` wants "
        "them where there's a `run`.",
    ),
    "build": Key(
        "names", "The app that is built, or several. With it, only their artifacts go through this stage; else all do."
    ),
    "environment": Key("text", "The environment that the artifact is deployed to."),
    "copy_of": Key("text", "The environment of which a throw-away copy is made for the stage."),
    "scale": Key("map", "Of that copy: how many hosts of a group it has.", member=Key("integer", "How many.")),
    "ttl": Key("duration", "Of that copy: when it may be removed, if the run that made it has died.", default="4h"),
    "within": Key("duration", "How long `run` may take; then it's ended, and is red.", default="30m"),
    "url": Key(
        "text",
        "Where people find what the stage has deployed: `CDCONF_URL` of its `run`. A template, in which `hosts` have "
        "`name`, `address`, `groups`, and `published`: port -> `address:port` on this machine.",
    ),
    "needs": Key("names", "The stages that must have passed before; the stage above if not given."),
}
PIPELINE = {
    "branch": Key("text", "The branch whose commits go through the pipeline.", default="main"),
    "concurrency": Key(
        "text",
        "What a commit does that comes while another one is in a stage.",
        default="queue",
        choices=("queue", "batch", "cancel"),
    ),
    "stop": Key(
        "text",
        "What a failed verdict stops: the artifact, or all artifacts of its app.",
        default="artifact",
        choices=("artifact", "app"),
    ),
    "stages": Key("list", "The stages, in their order.", required=True, member=Key("map", "A stage.", keys=STAGE)),
}
CDCONF = {
    "project": Key("text", "The project's name; it names its directory on the hosts.", required=True, pattern=NAME),
    "groups": Key(
        "map",
        "What each kind of host runs, the same in every environment: group -> its roles. Groups are provisioned in "
        "this order.",
        required=True,
        member=Key("names", "The group's roles, in the order in which they are applied."),
    ),
    "apps": Key("map", "The applications that are deployed.", member=Key("map", "An application.", keys=APP)),
    "pipeline": Key(
        "map",
        "The stages that a commit goes through, `stages: [...]` and how; or the list of stages alone.",
        keys=PIPELINE,
        short_list="stages",
    ),
    "lease": Key(
        "map",
        "How a run holds its hosts.",
        keys={"ttl": Key("duration", "How long a lease holds when its run is dead.", default="60s")},
    ),
    "store": Key(
        "text",
        "Where artifacts lie: a directory, or `s3://bucket/prefix`, whose credentials come from AWS's own variables "
        "and files; .cdconf/artifacts if not given.",
        pattern=STORE,
    ),
    "database": Key(
        "text",
        "The team's history, `postgresql://user@host/name`, whose password comes from ~/.pgpass or PGPASSWORD; "
        "CDCONF_DATABASE wins over it; a SQLite file in .cdconf/ if not given.",
        pattern=DATABASE,
    ),
    "type_packages": Key("names", "Installed packages whose resource types the project uses."),
}

SSH = {
    "address": Key("text", "Where the controller reaches the host; the host's `address` if not given."),
    "port": Key("port", "The port of its ssh server."),
    "user": Key("text", "Who logs in."),
    "jump": Key("text", "The host to go through."),
    "become": Key("text", "How the user becomes root.", choices=("sudo",)),
    "sudo_password": Key("text", "The secret that holds sudo's password, where sudo asks for one."),
    "identity_file": Key("text", "The private key to use."),
    "known_hosts": Key("text", "The file of known host keys to use."),
    "ssh_rsa": Key(
        "boolean", "Whether `ssh-rsa` signatures, of SHA-1, count: for servers before OpenSSH 7.2.", default=False
    ),
}
PROVIDERS = ("existing", "docker", "vagrant")
MACHINES = ("virtualbox", "libvirt", "docker")
VAGRANT = {
    "provider": Key(
        "text",
        "What Vagrant makes the machines with; what VAGRANT_DEFAULT_PROVIDER or Vagrant says if not given.",
        choices=MACHINES,
    ),
    "boxes": Key("map", "os -> the box that virtual machines are made of.", member=Key("text", "A box.")),
    "network": Key(
        "text",
        "The private /24 network of virtual machines, not taken over by copies; one of 192.168.56.0/21 if not given.",
        pattern=NETWORK,
    ),
}
TRANSPORTS = ("ssh", "docker", "local")
SIZES = {
    "memory": Key("text", "How much memory it has, at least 64MiB.", pattern=SIZE),
    "cpus": Key("any", "How many processors it may use; a part of one counts: 1.5."),
}
HOST = {
    "address": Key("text", "How the other hosts reach it."),
    "ssh": Key("map", "How the controller reaches it, in place of the file's `ssh`.", keys=SSH),
    "groups": Key("names", "Its groups."),
    "os": Key("text", "Its system, such as debian-12: providers make it of this, and existing hosts must run it."),
    "image": Key(
        "text",
        "The image that the docker provider makes it of, as it is: it must bring an init and an ssh server. By `os` if "
        "not given.",
        pattern=IMAGE,
    ),
    "size": Key("map", "How large a provider makes it, in place of what `sizes` says, key by key.", keys=SIZES),
    "publish": Key(
        "list",
        "Ports that a provider publishes on 127.0.0.1 of this machine: `80` on one that it chooses, `8080:80` on 8080.",
        member=Key("any", "A port.", pattern=PUBLISHED),
    ),
    "transport": Key("text", "How it's reached.", default="ssh", choices=TRANSPORTS),
    "container": Key("text", "With transport docker: the container; the host's name if not given."),
    "bootstrap": Key("boolean", "Whether `provision` may install Python where there's none.", default=False),
}
# What an entry of `differs` may be about: exactly one of these.
DIFFERENCES = ("variable", "resource", "fact", "os", "scale", "artifact", "toggle", "address")
DIFFERS = {
    "variable": Key("text", "A variable that may differ, with all that follows from it: `server_name`."),
    "resource": Key(
        "text",
        "A resource that may differ, on hosts or in the files: its type and title, `package nginx`; `*` in the title "
        "stands for anything.",
    ),
    "fact": Key("text", "A fact that may differ: `kernel`, `os.version`, `memory_mb`."),
    "os": Key("text", "An operating system that only one of the two environments has: `debian-13`."),
    "scale": Key("text", "A group whose number of hosts may differ; with `host`, one that has no counterpart."),
    "artifact": Key("text", "An app that may run in another version."),
    "toggle": Key("text", "A feature toggle that may be switched otherwise: its name, or `APP NAME`."),
    "address": Key("text", "An address or host name of the copied environment that this one may contain."),
    "field": Key("text", "With `resource`: only this field of it."),
    "group": Key("text", "Only on hosts of this group."),
    "host": Key("text", "Only on this host."),
    "why": Key("text", "The reason.", required=True),
}
HOSTS = {
    "copy_of": Key(
        "text",
        "The environment that this one copies: its hosts, groups, os and variables; never its secrets, addresses, ssh "
        "settings or per-environment variables.",
    ),
    "provider": Key("text", "What makes the hosts.", default="existing", choices=PROVIDERS),
    "vagrant": Key("map", "How Vagrant makes them; a copy takes it over, key by key.", keys=VAGRANT),
    "differs": Key(
        "list",
        "The only differences from the copied environment that are accepted.",
        member=Key("map", "A difference, with its reason.", keys=DIFFERS, one_of=DIFFERENCES),
    ),
    "base_images": Key(
        "map",
        "os -> the image to which the docker provider adds what a host needs, in place of the one on Docker Hub.",
        member=Key("text", "An image.", pattern=IMAGE),
    ),
    "sizes": Key(
        "map",
        "How large a provider makes the hosts of a group, or `all`. Groups win over `all`, later groups over earlier "
        "ones, and a host's `size` over both.",
        member=Key("map", "A size.", keys=SIZES),
    ),
    "scale": Key(
        "map",
        "In a copy: how many hosts of a group it has, the first ones of the copied environment. A host stays that "
        "another of its groups keeps, or that `hosts` names.",
        member=Key("integer", "How many."),
    ),
    "require": Key(
        "list",
        "What must hold before anything is brought to this environment: `after: [STAGE, …]`, `max_age: 7d`, `parity` "
        "(with every environment that is a copy of this one), `parity: ENV`, `approvals`, `window`, `freeze`, `soak`. "
        "If it isn't given, hosts that exist already are guarded where the pipeline names their environment: every "
        "stage before that must have passed.",
        member=REQUIREMENT,
    ),
    "ssh": Key("map", "How the controller reaches the hosts.", keys=SSH),
    "bootstrap": Key("boolean", "Whether `provision` may install Python where there's none.", default=False),
    "hosts": Key("map", "The hosts, by name.", member=Key("map", "A host.", keys=HOST, nullable=True)),
    "transport": Key("text", "How the hosts are reached.", default="ssh", choices=TRANSPORTS),
}
