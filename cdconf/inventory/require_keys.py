"""Every key that `require` may have, in hosts.yml and in the operator's policy; see `keys`."""

from __future__ import annotations

from cdconf.inventory.key import NAME, Key

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2})?$"
_ZONE = "The time zone, such as `Europe/Berlin`."


def _clock(doc: str, default: str) -> Key:
    hint = 'such as "09:00"; "24:00" is its end'
    return Key("text", doc, default=default, pattern=CLOCK, refusal="{shown} isn't a time of the day", hint=hint)


def _date(doc: str) -> Key:
    refusal, hint = "{shown} isn't a day, or a day and a time", "such as 2026-12-20, or 2026-12-20 18:00"
    return Key("text", doc, required=True, pattern=DATE, refusal=refusal, hint=hint)


APPROVALS = {
    "count": Key("integer", "How many people must have approved. A person with several keys counts once.", default=1),
    "from": Key(
        "names",
        "Whose approvals count: people or groups from the operator's policy; everybody in it if not given.",
    ),
    "not_author": Key(
        "boolean",
        "Whether authors of commits since the environment's last release can't approve.",
        default=False,
    ),
    "expires": Key("duration", "The greatest age of an approval; no limit if not given."),
}
WINDOW = {
    "days": Key(
        "names",
        "The days of the window: `mon-thu`, `mon,wed`, or a list of such; every day if not given.",
        default="mon-sun",
    ),
    "from": _clock("The time at which the window opens.", "00:00"),
    "to": _clock("The time at which the window closes. A time before `from` is on the next day.", "24:00"),
    "zone": Key("text", _ZONE, default="UTC"),
}
FREEZE = {
    "from": _date("The first day, or day and time: `2026-12-20`, `2026-12-20 18:00`."),
    "to": _date("The last day (included), or the day and time of the end."),
    "zone": Key("text", _ZONE, default="UTC"),
    "why": Key("text", "The reason, shown to everybody who is refused.", required=True),
}
SOAK = {
    "stage": Key(
        "text", "The stage whose hosts must have run the release, with successful checks.", required=True, pattern=NAME
    ),
    "for": Key("duration", "For how long.", required=True),
}
# What an entry of `require` may be about: exactly one of these.
REQUIRE = {
    "after": Key("names", "The stages that must have passed, with this artifact and this procedure."),
    "parity": Key("text", "The environment that must match this one."),
    "max_age": Key("duration", "The greatest age of each stage's proof."),
    "approvals": Key("map", "People must have approved: see `cdconf approve`.", keys=APPROVALS),
    "window": Key(
        "map",
        "The times at which a run may start. A run that has started may end later. With several windows, all "
        "must be open.",
        keys=WINDOW,
    ),
    "freeze": Key("map", "A period in which no run may start.", keys=FREEZE),
    "soak": Key("map", "How long the hosts of a stage must have run the release.", keys=SOAK),
}
EXAMPLES = (
    "such as [parity], [{parity: staging}], [{after: [manual]}, {max_age: 7d}], [{soak: {stage: manual, for: 30m}}]"
)
REQUIREMENT = Key("map", "A requirement.", keys=REQUIRE, one_of=tuple(REQUIRE), word="parity")
