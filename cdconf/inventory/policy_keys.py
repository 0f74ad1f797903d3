"""Every key that the operator's policy may have; see `keys`."""

from __future__ import annotations

from cdconf.inventory.key import NAME, Key
from cdconf.inventory.keys import STORE
from cdconf.inventory.require_keys import REQUIREMENT

VERSION = 1
GUARDED = {
    "require": Key(
        "list",
        "What must hold before anything is brought there, besides what hosts.yml requires.",
        member=REQUIREMENT,
    ),
}
STAGE_PIN = {
    "environment": Key("text", "The environment that the stage deploys to.", pattern=NAME),
    "copy_of": Key(
        "text",
        "The environment of which the stage makes a throw-away copy; with `environment`, of which that one is a copy.",
        pattern=NAME,
    ),
    "run": Key("text", "The stage's command, to the letter. What it runs are files of the commit."),
    "hosts": Key("integer", "On how many hosts of the app it must have been passed at least."),
}
PERSON = {
    "keys": Key(
        "names", "The SSH keys with which the person approves: public keys' lines, or fingerprints `SHA256:…`."
    ),
    "git": Key("names", "The addresses by which git knows the person as an author."),
    "groups": Key("names", "The groups to which the person belongs."),
}
POLICY = {
    "version": Key("integer", "The version of this file's format: 1.", required=True),
    "project": Key("text", "The name that the project must have.", pattern=NAME),
    "store": Key("text", "The artifact store that the project must use, as its cdconf.yml names it.", pattern=STORE),
    "environments": Key(
        "map",
        "The environments that are guarded, by name.",
        member=Key("map", "A guarded environment.", keys=GUARDED, nullable=True),
    ),
    "stages": Key(
        "map",
        "What stages stand for, by name: a stage that cdconf.yml makes something else of is passed by nobody.",
        member=Key("map", "A stage.", keys=STAGE_PIN),
    ),
    "people": Key("map", "People, by name.", member=Key("map", "A person.", keys=PERSON)),
    "groups": Key(
        "map",
        "Groups that consist of others, and of people: group -> names. A group of people alone needs no entry here.",
        member=Key("names", "The groups and people that belong to it."),
    ),
}
