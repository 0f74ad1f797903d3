"""Every key that the operator's policy may have; see `keys`."""

from __future__ import annotations

from cdconf.inventory.key import NAME, Key
from cdconf.inventory.keys import STORE
from cdconf.inventory.require_keys import REQUIREMENT

VERSION = 1
GUARDED = {
    "require": Key(
        "list",
        "Requirements in addition to those of the environment's hosts.yml.",
        member=REQUIREMENT,
    ),
}
STAGE_PIN = {
    "environment": Key("text", "The environment that the stage deploys to.", pattern=NAME),
    "copy_of": Key(
        "text",
        "The environment that the stage's throw-away copy, or its `environment`, must be a copy of.",
        pattern=NAME,
    ),
    "run": Key("text", "The exact text of the stage's command. The programs that it calls can be files of the commit."),
    "hosts": Key("integer", "The least number of the app's hosts on which the stage must have passed."),
}
PERSON = {
    "keys": Key(
        "names", "The SSH keys with which the person approves: public keys' lines, or fingerprints `SHA256:…`."
    ),
    "git": Key("names", "The person's e-mail addresses in git commits."),
    "groups": Key("names", "The groups to which the person belongs."),
}
POLICY = {
    "version": Key("integer", "The version of this file's format: 1.", required=True),
    "project": Key("text", "The name that the project must have.", pattern=NAME),
    "store": Key("text", "The artifact store that the project must use, as its cdconf.yml names it.", pattern=STORE),
    "environments": Key(
        "map",
        "The guarded environments, by name.",
        member=Key("map", "A guarded environment.", keys=GUARDED, nullable=True),
    ),
    "stages": Key(
        "map",
        "What each stage must be, by name. Where cdconf.yml describes a stage otherwise, its proofs don't count.",
        member=Key("map", "A stage.", keys=STAGE_PIN),
    ),
    "people": Key("map", "People, by name.", member=Key("map", "A person.", keys=PERSON)),
    "groups": Key(
        "map",
        "Groups of groups and people: group -> names. A group that contains only people needs no entry here.",
        member=Key("names", "The groups and people that belong to it."),
    ),
}
