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
    "count": Key(
        "integer", "How many people must have approved; one counts once, however many keys they have.", default=1
    ),
    "from": Key(
        "names",
        "Of whom: groups or people that the operator's policy names; anybody whom it knows if not given.",
    ),
    "not_author": Key(
        "boolean",
        "Whether nobody counts who has written a commit since the environment's last release.",
        default=False,
    ),
    "expires": Key("duration", "How old an approval may be; as old as it is if not given."),
}
WINDOW = {
    "days": Key(
        "names",
        "The days on which it opens: `mon-thu`, `mon,wed`, or a list of such; every day if not given.",
        default="mon-sun",
    ),
    "from": _clock("When it opens.", "00:00"),
    "to": _clock("When it closes; before `from`: on the next day.", "24:00"),
    "zone": Key("text", _ZONE, default="UTC"),
}
FREEZE = {
    "from": _date("The first day, or day and time: `2026-12-20`, `2026-12-20 18:00`."),
    "to": _date("The last day, which belongs to it, or the day and time of its end."),
    "zone": Key("text", _ZONE, default="UTC"),
    "why": Key("text", "The reason, which everybody is shown who is refused.", required=True),
}
SOAK = {
    "stage": Key("text", "The stage whose hosts must have held the release, proven well.", required=True, pattern=NAME),
    "for": Key("duration", "For how long.", required=True),
}
# What an entry of `require` may be about: exactly one of these.
REQUIRE = {
    "after": Key("names", "The stages that must have passed, with this artifact and this procedure."),
    "parity": Key("text", "The environment that must be like this one."),
    "max_age": Key("duration", "How old the proof of each stage may be."),
    "approvals": Key("map", "People must have approved: see `cdconf approve`.", keys=APPROVALS),
    "window": Key("map", "When something may begin; what has begun ends. Of several, all must be open.", keys=WINDOW),
    "freeze": Key("map", "When nothing begins.", keys=FREEZE),
    "soak": Key("map", "How long a stage's hosts must have held the release.", keys=SOAK),
}
EXAMPLES = (
    "such as [parity], [{parity: staging}], [{after: [manual]}, {max_age: 7d}], [{soak: {stage: manual, for: 30m}}]"
)
REQUIREMENT = Key("map", "A requirement.", keys=REQUIRE, one_of=tuple(REQUIRE), word="parity")
