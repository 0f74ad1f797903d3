"""Every key that cdconf.yml and hosts.yml may have: read by the readers, the JSON Schemas and the reference.

A key that isn't here is refused by the reader, unknown to editors and missing from the pages, all at once.
"""

from __future__ import annotations

from cdconf.inventory.app_keys import APP
from cdconf.inventory.differs_keys import DIFFERENCES, DIFFERS
from cdconf.inventory.key import NAME, SIZE, Key
from cdconf.inventory.require_keys import REQUIREMENT
from cdconf.other_words import address_hint

STORE = r"^(s3://[a-z0-9][a-z0-9.-]+(/[^/?#]+)*/?|(?![a-z0-9]+:/).+)$"
TOGGLE_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
DATABASE = r"^postgresql://([^:@/?#\s]+@)?[^@/?#\s]*/[^/?#\s]+(\?\S+)?$"
IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"
# What begins with - would be an option of ssh.
_BYTE = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = rf"(?!(?=[0-9.]+$)(?!{_BYTE}([.]{_BYTE}){{3}}$))"  # what has digits and dots alone is an IPv4 address
# IPv6 has more colons than an address with a port.
ADDRESS = rf"^{_IPV4}(?![^:]+:[0-9]+$)[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$"
USER = r"^[^-\s@:/][^\s:/]*$"
NETWORK = r"^([0-9]{1,3}\.){3}0/24$"
PUBLISHED = r"^([0-9]{1,5}:)?[0-9]{1,5}$"


def _address(doc: str) -> Key:
    refusal = "{shown} can't be the address of {what}"
    return Key("text", doc, pattern=ADDRESS, refusal=refusal, hint=address_hint)


IMAGE_NAME = Key(
    "text",
    "An image.",
    pattern=IMAGE,
    refusal="'{value}' isn't an image",
    hint="such as registry.example.com/base:1",
)
TOGGLES = {
    "APP": Key(
        "map",
        "The app's toggles that differ from their default here: toggle -> `on` or `off`. Copies of this "
        "environment don't inherit them.",
        nullable=True,
        member=Key("switch", "Its value in this environment."),
    )
}
STAGE = {
    "stage": Key(
        "text",
        "The stage's name. Keys (`stage:NAME`) and gates refer to it.",
        required=True,
        pattern=NAME,
        refusal="{shown} can't be a stage's name",
        hint="use a-z, 0-9, - and _, at most 63",
    ),
    "run": Key(
        "text",
        "A command line that must succeed. It runs in a checkout of the commit, after the stage's deployment "
        "if there is one.",
    ),
    "inputs": Key(
        "names",
        "The files and directories that `run` reads, relative to the project. They are part of the "
        "procedure. `lint` requires them with `run`.",
    ),
    "build": Key(
        "names",
        "The app, or the list of apps, that this stage builds. Only their artifacts go through the stage. "
        "Without `build`, all artifacts do.",
    ),
    "environment": Key("text", "The environment that the artifact is deployed to."),
    "copy_of": Key("text", "The environment of which a throw-away copy is made for the stage."),
    "scale": Key("map", "The number of hosts per group in the throw-away copy.", member=Key("integer", "How many.")),
    "ttl": Key("duration", "How long the throw-away copy lives if the run that made it has died.", default="4h"),
    "within": Key(
        "duration",
        "The time limit of `run`. A command that takes longer is ended, and the stage has failed.",
        default="30m",
    ),
    "url": Key(
        "text",
        "The URL of the deployed app; `run` gets it as the environment variable CDCONF_URL. It is a "
        "template: each member of `hosts` has `name`, `address`, `groups`, and `published`, a map from port "
        "to `address:port` on this machine.",
    ),
    "needs": Key("names", "The stages that must have passed before; the stage above if not given."),
}
PIPELINE = {
    "branch": Key("text", "The branch whose commits go through the pipeline.", default="main"),
    "concurrency": Key(
        "text",
        "What happens to a commit that arrives while another one is in a stage.",
        default="queue",
        choices=("queue", "batch", "cancel"),
        hint="it's one of queue, batch, cancel",
    ),
    "stop": Key(
        "text",
        "What a failed verdict stops: only the artifact, or all artifacts of its app.",
        default="artifact",
        choices=("artifact", "app"),
        hint="it's one of artifact, app",
    ),
    "stages": Key("list", "The stages, in their order.", required=True, member=Key("map", "A stage.", keys=STAGE)),
}
CDCONF = {
    "project": Key(
        "text",
        "The project's name; it names its directory on the hosts.",
        required=True,
        pattern=NAME,
        refusal="'{value}' can't be a project's name",
        hint="use a-z, 0-9 and -, at most 63",
    ),
    "groups": Key(
        "map",
        "The roles of each group of hosts, the same in every environment: group -> roles. Groups are "
        "provisioned in this order. A group of groups is a map, and stands above the groups in it.",
        required=True,
        member=Key(
            "map",
            "The group's roles, in the order in which they are applied; or a map.",
            keys={
                "roles": Key("names", "The group's own roles, in the order in which they are applied.", default=()),
                "groups": Key(
                    "names",
                    "Groups whose hosts are in this group, too. Their variables override this group's, and their roles "
                    "come after this group's. A host is provisioned with its first group that contains no others.",
                    default=(),
                ),
            },
            short=True,
        ),
    ),
    "apps": Key("map", "The applications that are deployed.", member=Key("map", "An application.", keys=APP)),
    "pipeline": Key(
        "map",
        "The stages that a commit goes through, with settings; or only the list of stages.",
        keys=PIPELINE,
        short_list="stages",
    ),
    "lease": Key(
        "map",
        "Settings of the leases that runs take on hosts.",
        keys={"ttl": Key("duration", "How long a lease stays after its run has died.", default="60s")},
    ),
    "store": Key(
        "text",
        "The artifact store: a directory, or `s3://bucket/prefix` with credentials from AWS's own variables "
        "and files; .cdconf/artifacts if not given.",
        pattern=STORE,
        refusal="'store' must be a directory or s3://bucket/prefix",
    ),
    "database": Key(
        "text",
        "The database of the team's history: `postgresql://user@host/name`. Its password comes from "
        "~/.pgpass or PGPASSWORD. The variable CDCONF_DATABASE overrides this key. Without both, the history "
        "is a SQLite file in .cdconf/.",
        pattern=DATABASE,
        refusal="'database' must be postgresql://user@host/name",
    ),
    "type_packages": Key("names", "Installed packages whose resource types the project uses."),
    "smoke": Key(
        "map",
        "The roles' smoke tests.",
        keys={
            "packages": Key(
                "text",
                "A file with the Python packages that they import, relative to the project: for each its version and "
                "hashes, as `pip-compile --generate-hashes` writes it.",
                pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
                refusal="'packages' in smoke must be a path in the project, not {shown}",
            ),
        },
    ),
}

SSH = {
    "address": _address("The address by which the controller reaches the host; the host's `address` if not given."),
    "port": Key("port", "The port of its SSH server."),
    "user": Key("text", "The user who logs in.", pattern=USER, refusal="{shown} can't be the user in ssh of {what}"),
    "jump": Key("text", "The host to go through."),
    "become": Key(
        "text", "How the user becomes root.", choices=("sudo",), refusal="'become' must be sudo, not '{value}'"
    ),
    "sudo_password": Key(
        "text",
        "The secret that holds sudo's password, where sudo asks for one.",
        pattern=r"^[^\W\d]\w*$",
        refusal="'sudo_password' is a secret's name, never the password",
        hint="put the password into secrets.yml with `cdconf secret set ENV sudo_password`, and its name here",
    ),
    "identity_file": Key("text", "The private key to use."),
    "known_hosts": Key("text", "The file of known host keys to use."),
    "ssh_rsa": Key(
        "boolean",
        "Whether to accept `ssh-rsa` signatures, which use SHA-1: for servers older than OpenSSH 7.2.",
        default=False,
    ),
}
PROVIDERS = ("existing", "docker", "vagrant")
MACHINES = ("virtualbox", "libvirt", "docker")
VAGRANT = {
    "provider": Key(
        "text",
        "Vagrant's own provider; if not given, the one that VAGRANT_DEFAULT_PROVIDER or Vagrant chooses.",
        choices=MACHINES,
        refusal="Vagrant has no provider '{value}' that the Vagrantfile knows",
        hint="one of virtualbox, libvirt, docker",
    ),
    "boxes": Key("map", "os -> the Vagrant box for its virtual machines.", member=Key("text", "A box.")),
    "network": Key(
        "text",
        "The private /24 network of the virtual machines; one of 192.168.56.0/21 if not given. Copies don't "
        "inherit it.",
        pattern=NETWORK,
        refusal="'{value}' isn't a /24 network",
        hint="such as 192.168.60.0/24",
    ),
}
TRANSPORTS = ("ssh", "docker", "local")
SIZES = {
    "memory": Key("size", "The host's memory, at least 64MiB.", pattern=SIZE),
    "cpus": Key("any", "The number of processors that the host may use; fractions such as 1.5 are allowed."),
}
HOST = {
    "address": _address("How the other hosts reach it."),
    "ssh": Key("map", "How the controller reaches it, in place of the file's `ssh`.", keys=SSH),
    "groups": Key("names", "Its groups."),
    "os": Key(
        "text",
        "The host's operating system, such as debian-12. A provider makes the host with it; an existing host "
        "must run it.",
    ),
    "image": Key(
        "text",
        "The docker provider's image for this host, used unchanged: it must contain an init and an SSH "
        "server. If not given, `os` decides.",
        pattern=IMAGE,
        refusal="'{value}' isn't an image",
        hint="such as registry.example.com/base:1",
    ),
    "size": Key(
        "map", "The host's size if a provider makes it. Each key overrides the same key of `sizes`.", keys=SIZES
    ),
    "publish": Key(
        "list",
        "Ports that a provider publishes on 127.0.0.1 of this machine: `80` on a port of its choice, "
        "`8080:80` on port 8080.",
        member=Key("any", "A port.", pattern=PUBLISHED),
    ),
    "transport": Key(
        "text",
        "How the controller connects to the host.",
        default="ssh",
        choices=TRANSPORTS,
        refusal="unknown transport '{value}'",
    ),
    "container": Key("text", "With transport docker: the container; the host's name if not given."),
    "bootstrap": Key("boolean", "Whether `provision` may install Python on a host without it.", default=False),
}
HOSTS = {
    "copy_of": Key(
        "text",
        "The environment that this one copies: its hosts, groups, os and variables; never its secrets, addresses, ssh "
        "settings or per-environment variables.",
    ),
    "provider": Key(
        "text",
        "Where the hosts come from.",
        default="existing",
        choices=PROVIDERS,
        refusal="unknown provider '{value}'",
    ),
    "vagrant": Key("map", "Settings for Vagrant. A copy inherits each key that it doesn't set.", keys=VAGRANT),
    "differs": Key(
        "list",
        "The only differences from the copied environment that are accepted.",
        member=Key("map", "A difference, with its reason.", keys=DIFFERS, one_of=DIFFERENCES),
    ),
    "base_images": Key(
        "map",
        "os -> the image that the docker provider starts from, instead of Docker Hub's. It adds what a host needs.",
        member=IMAGE_NAME,
    ),
    "sizes": Key(
        "map",
        "The size of a provider's hosts, by group or for `all`. A group overrides `all`, a later group an "
        "earlier one, and a host's own `size` both.",
        member=Key("map", "A size.", keys=SIZES),
    ),
    "scale": Key(
        "map",
        "In a copy: how many hosts of each group to take from the copied environment, counted from its "
        "first. A host also stays if another of its groups keeps it, or if `hosts` names it.",
        member=Key("integer", "How many."),
    ),
    "require": Key(
        "list",
        "The gate of this environment: what must hold before an artifact or new roles may go to it. "
        "Requirements are `after: [STAGE, …]`, `max_age: 7d`, `parity` (with every copy of this "
        "environment), `parity: ENV`, `approvals`, `window`, `freeze` and `soak`. Without `require`, an "
        "environment of the provider `existing` that the pipeline names requires all stages before its own.",
        member=REQUIREMENT,
    ),
    "ssh": Key("map", "How the controller reaches the hosts.", keys=SSH),
    "bootstrap": Key("boolean", "Whether `provision` may install Python on a host without it.", default=False),
    "hosts": Key("map", "The hosts, by name.", member=Key("map", "A host.", keys=HOST, nullable=True)),
    "transport": Key(
        "text",
        "How the controller connects to the hosts.",
        default="ssh",
        choices=TRANSPORTS,
        refusal="unknown transport '{value}'",
    ),
}
